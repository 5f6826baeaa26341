"""Limits: refuse a plan that changes more slots than intended, in all or in one cohort."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from reconciler.model.declared import VANISHED, Allowance, Declared, Limits, Waiver
from reconciler.model.history import AppliedCohort
from reconciler.model.plan import Action, Change, Finding, differing, unchanged
from reconciler.model.slots import Holder, Slot, UserId
from reconciler.model.structs import replace
from reconciler.problems import Problem

SHARES_FROM = 10
"""Number of slots from which a share of reassignments counts: of fewer, one change is a large share."""

NO_COHORTS: Mapping[str, AppliedCohort] = {}
Step = tuple[UserId, Slot, Holder]
"""A manual step: whom to remove from which slot."""


class _Sort(NamedTuple):
    """One sort of change: its key in settings.yaml, the action that counts, and its effect on so many slots.

    `shares_from` is the number of slots from which its share counts.
    """

    key: str
    action: Action
    does: str
    shares_from: int = 0


_SORTS = (
    _Sort("create", "create", "fills {} where nobody is, or nobody is shown"),
    _Sort("reassign", "update", "reassigns {}", SHARES_FROM),
    _Sort("manual", "delete", "leaves {} to be emptied by hand"),
)


class Refusal(NamedTuple):
    """One exceeded limit: its name in waivers, the cohort it is about (or none: the run), and the problem."""

    name: str
    cohort: str
    problem: Problem


def check_limits(limits: Limits, changes: Sequence[Change], open_steps: Collection[Step] = ()) -> tuple[Refusal, ...]:
    """Return a refusal for each allowance that the changes exceed: for the run, then per cohort by name.

    Shares are of all declared slots in scope (in that cohort), not of the slots that change: the limit asks how much of
    what the files manage is about to move; of a few slots only the count matters. Writing to a slot that cannot be read
    counts as filling it. *open_steps* are manual steps that an earlier run opened: this plan does not open them.
    """
    cohorts = defaultdict[str, Counter[Action]](Counter)
    for change in differing(changes):
        cohorts[change.cohort]["no-op" if _is_open(change, open_steps) else change.action] += 1
    same = defaultdict[str, int](int)
    for learner in unchanged(changes):
        same[learner.learner.cohort] += len(learner.slots)
    for cohort, slots in same.items():
        cohorts[cohort]["no-op"] += slots
    refusals = _check(_per_run(limits), sum(cohorts.values(), Counter()), "", "")
    for cohort, counts in sorted(cohorts.items()):
        refusals += _check(_per_cohort(limits), counts, ".per_cohort", cohort)
    return tuple(refusals)


def _is_open(change: Change, open_steps: Collection[Step]) -> bool:
    """Return whether the change is a removal whose step is open, so that this plan does not change the slot."""
    return change.action == "delete" and (change.learner, change.slot, change.before) in open_steps


def counts_only(limits: Limits) -> Limits:
    """Return the same limits without shares: in a plan of nothing but changes, a share has no meaning."""
    bare = {name: replace(getattr(limits, name), share=None) for name in limits.__struct_fields__}
    return Limits(**bare)


def moved_cohorts(
    declared: Declared, applied: Mapping[str, AppliedCohort], users: Collection[UserId]
) -> frozenset[str]:
    """Return the applied cohorts that were renamed, split or merged: all their learners are declared, in others."""
    return frozenset(
        name
        for name, cohort in applied.items()
        if name not in declared.cohorts and cohort.learners and cohort.learners <= set(users)
    )


def check_vanished(
    declared: Declared, applied: Mapping[str, AppliedCohort], users: Collection[UserId]
) -> tuple[Refusal, ...]:
    """Return a refusal for each applied cohort that now has no file or no learner; *users* are all that are declared.

    More often this is an accident than a decision, and from then on nobody would look after its learners.
    """
    gone = applied.keys() - declared.cohorts - moved_cohorts(declared, applied, users)
    return tuple(
        Refusal(
            VANISHED,
            cohort,
            Problem(
                f"cohort {cohort} was managed before, and now no file declares {_lost(applied[cohort], users)}",
                "If this is meant, say so with a waiver in settings.yaml: {policy: vanished_cohort, "
                f"cohort: {cohort}, reason: …, approved_by: …, until: …}}. Otherwise restore the file.",
                where=VANISHED,
            ),
        )
        for cohort in sorted(gone)
    )


def _lost(cohort: AppliedCohort, users: Collection[UserId]) -> str:
    """Return the learners of a vanished cohort whom no file declares."""
    learners = cohort.learners or frozenset()
    lost = len(learners - set(users))
    return "a learner of it" if lost == len(learners) else f"{lost} of its {len(learners)} learners"


def waive_limits(refusals: Iterable[Refusal], declared: Declared) -> tuple[tuple[Problem, ...], tuple[Finding, ...]]:
    """Return the refusals that no valid waiver lifts, and the lifted ones as findings that quote it."""
    standing, lifted = [], []
    for refusal in refusals:
        waiver = _waiver(refusal, declared)
        if waiver is None:
            standing.append(refusal.problem)
        else:
            quoted = f"{waiver.reason} (approved by {waiver.approved_by}, until {waiver.until})"
            words = refusal.problem
            lifted.append(Finding(refusal.name, "error", words.what, words.fix, cohort=refusal.cohort, waived=quoted))
    return tuple(standing), tuple(lifted)


def _waiver(refusal: Refusal, declared: Declared) -> Waiver | None:
    """Return the valid waiver of this limit in this scope that runs longest, if there is one."""
    fitting = [
        waiver
        for waiver in declared.settings.waivers
        if waiver.policy == refusal.name and declared.day <= waiver.until
        if (waiver.cohort == refusal.cohort if refusal.cohort else waiver.run)
    ]
    return max(fitting, key=lambda waiver: waiver.until, default=None)


def _per_run(limits: Limits) -> Mapping[str, Allowance]:
    return {"create": limits.create, "reassign": limits.reassign, "manual": limits.manual}


def _per_cohort(limits: Limits) -> Mapping[str, Allowance]:
    return {
        "create": limits.create_per_cohort,
        "reassign": limits.reassign_per_cohort,
        "manual": limits.manual_per_cohort,
    }


def _check(allowances: Mapping[str, Allowance], counts: Counter[Action], suffix: str, cohort: str) -> list[Refusal]:
    refusals = []
    for sort in _SORTS:
        allowance, count, key = allowances[sort.key], counts[sort.action], f"limits.{sort.key}{suffix}"
        problem = _exceeded(sort, allowance, count, counts.total(), key, cohort)
        if problem:
            refusals.append(Refusal(f"limit_{sort.key}", cohort, problem))
    return refusals


def _exceeded(sort: _Sort, allowance: Allowance, count: int, slots: int, key: str, cohort: str) -> Problem | None:
    """Return one problem, whether one or both numbers are exceeded."""
    allowed = allowance.count if allowance.count is not None and count > allowance.count else None
    share = allowance.share
    if share is not None and (count <= _allowed(share, slots) or (share and slots < sort.shares_from)):
        share = None
    if allowed is not None and share is not None:
        return _too_many_and_too_large(sort, count, slots, allowed, share, key, cohort)
    if allowed is not None:
        return _too_many(sort, count, allowed, key, cohort)
    return None if share is None else _too_large(sort, count, slots, share, key, cohort)


def _allowed(share: float, slots: int) -> int:
    """Return how many of the slots a share allows, from its decimal text: in floats, 0.29 of 100 would be 28."""
    return int(Fraction(str(share)) * slots)


def _too_many(sort: _Sort, count: int, allowed: int, key: str, cohort: str) -> Problem:
    return Problem(
        f"{_scope(cohort)} {sort.does.format(_slots(count))}; at most {_are(allowed)} allowed {_per(cohort)}",
        f"If this is meant, raise {key}.count in settings.yaml to {count} in the same pull request and lower it "
        f"afterwards; or waive limit_{sort.key} there for one {_one(cohort)}, with reason, approver and last day; or "
        "make the change in smaller parts.",
        where=_where(key, cohort),
    )


def _too_large(sort: _Sort, count: int, slots: int, share: float, key: str, cohort: str) -> Problem:
    does = sort.does.format(f"{count} of {_slots(slots, 'declared ')}")
    allowed = _are(_allowed(share, slots))
    wider = "" if cohort else ", or run with a wider scope: the share is taken of the declared slots in scope"
    return Problem(
        f"{_scope(cohort)} {does}; at most {allowed} allowed {_per(cohort)} (a share of {share})",
        f"If this is meant, raise {key}.share in settings.yaml to {_enough(count, slots)} in the same pull request "
        f"and lower it afterwards; or waive limit_{sort.key} there for one {_one(cohort)}, with reason, approver and "
        f"last day; or change fewer slots in one pull request{wider}.",
        where=_where(key, cohort),
    )


def _too_many_and_too_large(
    sort: _Sort, count: int, slots: int, allowed: int, share: float, key: str, cohort: str
) -> Problem:
    """Return advice that is sound for both: a wider scope does not lower the count, nor a narrower one the share."""
    does = sort.does.format(f"{count} of {_slots(slots, 'declared ')}")
    return Problem(
        f"{_scope(cohort)} {does}; at most {_are(allowed)} allowed {_per(cohort)}, "
        f"and at most {_allowed(share, slots)} by the share of {share}",
        f"If this is meant, waive limit_{sort.key} in settings.yaml for one {_one(cohort)}, with reason, approver and "
        f"last day; or raise {key}.count there to {count} and {key}.share to {_enough(count, slots)} in the same pull "
        "request and lower them afterwards; or change fewer slots in one pull request.",
        where=_where(key, cohort),
    )


def _enough(count: int, slots: int) -> float:
    """Return the smallest share in whole hundredths that allows the count."""
    return -(-count * 100 // slots) / 100


def _one(cohort: str) -> str:
    return "cohort" if cohort else "run"


def _scope(cohort: str) -> str:
    return f"cohort {cohort}: the plan" if cohort else "the plan"


def _per(cohort: str) -> str:
    return "in one cohort" if cohort else "in one run"


def _slots(number: int, sort: str = "") -> str:
    return f"{number} {sort}slot{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return f"{number} {'is' if number == 1 else 'are'}"


def _where(key: str, cohort: str) -> str:
    return f"{key} ({cohort})" if cohort else key
