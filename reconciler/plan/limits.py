"""Refuses a plan too large to be meant; a small cohort is not exempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from reconciler.model import Allowance, Limits
from reconciler.operations import Action, Change
from reconciler.problems import Problem


class _Sort(NamedTuple):
    """One sort of change: its key in settings.yaml, the action that counts, and what it does to so many slots."""

    key: str
    action: Action
    does: str


_SORTS = (
    _Sort("create", "create", "fills {} where nobody is, or nobody is shown"),
    _Sort("reassign", "update", "reassigns {}"),
    _Sort("manual", "delete", "leaves {} to be emptied by hand"),
)


def check_limits(limits: Limits, changes: Sequence[Change]) -> tuple[Problem, ...]:
    """A refusal for each allowance that the changes exceed, for the run and then per cohort, in name order.

    Shares are of all declared slots in scope (in that cohort), not of the slots that change: the limit asks how
    much of what the files manage is about to move. Writing to a slot that cannot be read counts as filling it.
    """
    refusals = _check(_per_run(limits), changes, "", "")
    cohorts: dict[str, list[Change]] = {}
    for change in changes:
        cohorts.setdefault(change.cohort, []).append(change)
    for cohort, group in sorted(cohorts.items()):
        refusals += _check(_per_cohort(limits), group, ".per_cohort", cohort)
    return tuple(refusals)


def _per_run(limits: Limits) -> Mapping[str, Allowance]:
    return {"create": limits.create, "reassign": limits.reassign, "manual": limits.manual}


def _per_cohort(limits: Limits) -> Mapping[str, Allowance]:
    return {
        "create": limits.create_per_cohort,
        "reassign": limits.reassign_per_cohort,
        "manual": limits.manual_per_cohort,
    }


def _check(allowances: Mapping[str, Allowance], changes: Sequence[Change], suffix: str, cohort: str) -> list[Problem]:
    counts = Counter(change.action for change in changes)
    refusals = []
    for sort in _SORTS:
        allowance, count, key = allowances[sort.key], counts[sort.action], f"limits.{sort.key}{suffix}"
        if allowance.count is not None and count > allowance.count:
            refusals.append(_too_many(sort, count, allowance.count, key, cohort))
        if allowance.share is not None and count > _allowed(allowance.share, len(changes)):
            refusals.append(_too_large(sort, count, len(changes), allowance.share, key, cohort))
    return refusals


def _allowed(share: float, slots: int) -> int:
    """How many of the slots a share allows. By the share's decimal text: in floats, 0.29 of 100 would be 28."""
    return int(Fraction(str(share)) * slots)


def _too_many(sort: _Sort, count: int, allowed: int, key: str, cohort: str) -> Problem:
    return Problem(
        f"{_scope(cohort)} {sort.does.format(_slots(count))}; at most {_are(allowed)} allowed {_per(cohort)}",
        f"If this is meant, raise {key}.count in settings.yaml to {count} in the same pull request and lower it "
        "afterwards; or make the change in smaller parts.",
        where=_where(key, cohort),
    )


def _too_large(sort: _Sort, count: int, slots: int, share: float, key: str, cohort: str) -> Problem:
    does = sort.does.format(f"{count} of {_slots(slots, 'declared ')}")
    allowed = _are(_allowed(share, slots))
    wider = "" if cohort else ", or run with a wider scope: the share is taken of the declared slots in scope"
    return Problem(
        f"{_scope(cohort)} {does}; at most {allowed} allowed {_per(cohort)} (a share of {share})",
        f"If this is meant, raise {key}.share in settings.yaml to {_enough(count, slots)} in the same pull request "
        f"and lower it afterwards; or make the change in smaller parts{wider}.",
        where=_where(key, cohort),
    )


def _enough(count: int, slots: int) -> float:
    """The smallest share in whole hundredths that allows the count."""
    return -(-count * 100 // slots) / 100


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
