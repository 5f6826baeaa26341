"""Complete plan: the comparison with its warnings, policies, limits and caseload, and with what a base asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta

from reconciler.model.declared import RUN_LIMITS, VANISHED, Declared, Limits, Window
from reconciler.model.history import AppliedCohort, JournalRow, OpenIssue
from reconciler.model.observed import Observed, Recorded
from reconciler.model.plan import REVERTED, ManualRemoval, Plan
from reconciler.model.slot_state import SlotState, after_write
from reconciler.model.slots import LearnerSlots, OrganisationId, Place, UserId
from reconciler.model.structs import Struct, field, replace
from reconciler.plan.attribution import attributed
from reconciler.plan.caseload import caseload
from reconciler.plan.compare import make_plan
from reconciler.plan.holders import holders
from reconciler.plan.identity import moved_misids, refuse_twins, refused_slots, seen_identities, with_former
from reconciler.plan.kept_steps import kept_steps
from reconciler.plan.later import attribute_later, build_later, cut_horizon
from reconciler.plan.limits import (
    NO_COHORTS,
    Refusal,
    Step,
    check_limits,
    check_vanished,
    counts_only,
    moved_cohorts,
    waive_limits,
)
from reconciler.plan.lookahead import look_ahead
from reconciler.plan.policies import check_policies
from reconciler.plan.roll import roll_of
from reconciler.plan.watch import Seen, watch_of, with_watch
from reconciler.plan.windows import LONDON, window_at, window_words, writable_from
from reconciler.problems import Invalid, Problem, in_order


class StoreSnapshot(Struct, frozen=True):
    """Contents of the store that a plan of one site depends on.

    `sent` are the operations that were sent and have no outcome yet, `unsettled` the slots whose last write may or may
    not have happened. `cohorts` are those that earlier applies managed and whose absence this plan must report.
    `steps` are the manual steps that are open. `identities` are accounts by the digest of their MISID. `seen` are the
    holders that readings have found as declared since they were last applied.
    """

    recorded: Recorded = field(default_factory=dict)
    unsettled: frozenset[Place] = frozenset()
    sent: tuple[JournalRow, ...] = ()
    cohorts: Mapping[str, AppliedCohort] = field(default_factory=dict)
    steps: tuple[OpenIssue, ...] = ()
    identities: Mapping[str, UserId] = field(default_factory=dict)
    seen: Seen = field(default_factory=dict)


class Conditions(Struct, frozen=True):
    """Target and time of a plan, and how far it looks.

    `everyone`: caseloads of everybody, not only of people affected. `warn_days`: days whose broken rules are warnings.
    `until`: the last day of later changes, None for all that is declared.
    """

    target: str
    created_at: datetime
    everyone: bool = False
    warn_days: int = 28
    until: date | None = None


def complete_plan(declared: Declared, observed: Observed, store: StoreSnapshot, conditions: Conditions) -> Plan:
    """Make the plan of one declaration, judged. Raises Invalid where two declarations are one learner."""
    refuse_twins(declared, observed, store.identities)
    observed = with_former(observed, store.identities)
    moved = moved_misids(declared, observed, store.identities)
    overtaken = _overtaken(store.sent, observed)
    recorded = LearnerSlots.nested(store.recorded).updated(LearnerSlots.nested(overtaken))
    plan = make_plan(
        declared,
        observed,
        recorded,
        store.unsettled,
        target=conditions.target,
        created_at=conditions.created_at,
        seen=store.seen,
    )
    plan = with_watch(plan, watch_of(plan, declared, recorded, store.seen))
    near = cut_horizon(declared, _after(declared.day, conditions.warn_days))
    shown = declared if conditions.until is None else cut_horizon(declared, conditions.until)
    window = window_at(declared.settings.windows, conditions.created_at)
    closed = [_closed(window, declared, conditions)] if window and plan.operations else []
    plan = replace(
        plan,
        problems=in_order([*plan.problems, *moved.values(), *closed, *look_ahead(near, observed, plan.changes)]),
        moved=frozenset(moved),
        refused=refused_slots(plan, {user: problem.what for user, problem in moved.items()}),
        identities=seen_identities(declared, observed),
        roll=roll_of(declared, observed),
        later=build_later(shown, observed, plan.changes),
    )
    since = {(issue.learner, issue.slot, issue.holder): issue.first_seen for issue in store.steps}
    steps = (replace(step, first_seen=since.get(_step(step))) for step in plan.manual)
    plan = replace(plan, manual=tuple(steps), kept=kept_steps(plan, store.steps, declared, observed))
    return judge_plan(plan, declared, observed, store.cohorts, everyone=conditions.everyone)


def _closed(window: Window, declared: Declared, conditions: Conditions) -> Problem:
    end = writable_from(declared.settings.windows, conditions.created_at).astimezone(LONDON)
    what = f"nothing is written now, in the window {window_words(window)}"
    return Problem(what, f"Apply this after {end:%Y-%m-%d %H:%M} UK time.", window.source, severity="warning")


def _after(day: date, days: int) -> date:
    return day + min(timedelta(days=days), date.max - day)


def attribute_plan(
    plan: Plan,
    base: Declared | None,
    commit: str,
    observed: Observed,
    store: StoreSnapshot,
    conditions: Conditions,
) -> Plan:
    """Mark what the files at `commit` would have asked for as well; `observed` is narrowed to `base`, if valid."""
    before = None
    if base is not None:
        with suppress(Invalid):  # two of its learners are one: treated like files that are not valid
            before = complete_plan(base, observed, store, conditions)
    plan = attributed(plan, before, commit)
    return attribute_later(plan, before) if before is not None else plan


def judge_plan(
    plan: Plan,
    declared: Declared,
    observed: Observed,
    applied_cohorts: Mapping[str, AppliedCohort] = NO_COHORTS,
    *,
    everyone: bool = False,
) -> Plan:
    """Add what limits and policies say, and the caseload; with `everyone`, also of those whom it does not touch."""
    gone = applied_cohorts.keys() - declared.cohorts
    vanished = check_vanished(declared, applied_cohorts, _users(declared, plan, observed.misids)) if gone else ()
    exceeded = (*_exceeded(declared.settings.limits, plan), *vanished)
    refusals, waived = waive_limits(exceeded, declared)
    before = holders(observed, plan.changes, after=False)
    return replace(
        plan,
        findings=(*waived, *check_policies(declared, observed, plan.changes, before)),
        refusals=refusals,
        caseload=caseload(declared, observed, plan.changes, before, everyone=everyone),
    )


def relimit_plan(saved: Plan, declared: Declared, applied_cohorts: Mapping[str, AppliedCohort] = NO_COHORTS) -> Plan:
    """Check a saved plan against today's limits as well; what it says of waived limits counts only as of today.

    A plan that reverts a run holds nothing but changes, so only counts are checked again: no shares, no cohorts.
    """
    limits = declared.settings.limits
    if any(change.source.file.startswith(REVERTED) for change in saved.differing):
        exceeded = _exceeded(counts_only(limits), saved)
    else:
        users = _users(declared, saved, {})
        vanished = check_vanished(declared, applied_cohorts, users) if _covers(saved, declared) else ()
        exceeded = (*_exceeded(limits, saved), *vanished)
    refusals, waived = waive_limits(exceeded, declared)
    policies = [finding for finding in saved.findings if finding.policy not in (*RUN_LIMITS, VANISHED)]
    return replace(saved, findings=(*waived, *policies), refusals=tuple(dict.fromkeys((*saved.refusals, *refusals))))


def _covers(saved: Plan, declared: Declared) -> bool:
    """Return whether the plan is of all learners of today's files. A narrow plan reports no vanished cohort."""
    planned = saved.learners
    managed = [learner for learner in declared.learners if learner.slots]
    known = {learner.id for learner in managed if learner.id is not None}
    return known <= planned and (not saved.left_out or len(planned) >= len(managed))


def _exceeded(limits: Limits, plan: Plan) -> tuple[Refusal, ...]:
    """Check what this plan does; manual steps that an earlier run opened are not counted again."""
    return check_limits(limits, plan.changes, {_step(step) for step in plan.manual if step.first_seen})


def _step(step: ManualRemoval) -> Step:
    return step.learner, step.slot, step.holder


def _users(declared: Declared, plan: Plan, misids: Mapping[str, UserId]) -> frozenset[UserId]:
    """Return all learners whom the files declare, whatever the scope, if their OneFile ids are known."""
    users = (learner.user(misids) for learner in declared.everyone or declared.learners)
    return frozenset(user for user in users if user is not None) | plan.learners


def vanishable_cohorts(
    applied: Mapping[str, AppliedCohort], named: Collection[str] | None
) -> Mapping[str, AppliedCohort]:
    """Return the applied cohorts whose absence a plan must report.

    `named` are the cohorts that a narrow scope names, since such a plan does nothing to the others; None: no scope.
    """
    return applied if named is None else {name: applied[name] for name in applied.keys() & set(named)}


def managed_cohorts(applied: Mapping[str, AppliedCohort], plan: Plan, declared: Declared) -> dict[str, AppliedCohort]:
    """Return the cohorts that are managed after an apply of the plan, with their learners.

    Its own are added if the files still declare them. Those whose absence was waived are left out, and so are those
    that are gone from the files and whose learners are all declared elsewhere. A plan of a part adds learners.
    """
    waived = {finding.cohort for finding in plan.findings if finding.policy == VANISHED and finding.waived}
    waived |= moved_cohorts(declared, applied, _users(declared, plan, {}))
    learners = defaultdict[str, set[UserId]](set)
    organisations: dict[str, OrganisationId] = {}
    for change in plan.of_each_learner:
        if change.cohort in declared.cohorts:
            learners[change.cohort].add(change.learner)
            organisations[change.cohort] = change.organisation
    planned: dict[str, AppliedCohort] = {}
    for name, organisation in organisations.items():
        known = _kept(applied.get(name), plan).learners
        planned[name] = AppliedCohort(organisation, None if known is None else known | learners[name])
    return {name: cohort for name, cohort in {**applied, **planned}.items() if name not in waived}


def _kept(cohort: AppliedCohort | None, plan: Plan) -> AppliedCohort:
    return cohort if cohort and plan.left_out else AppliedCohort(plan.organisation, frozenset())


def _overtaken(sent: Collection[JournalRow], observed: Observed) -> dict[Place, UserId]:
    """Return what a dead run sent last to slots that somebody else has changed since, so that it shows as drift.

    Crash recovery in apply records the same, but only after this plan is made.
    """
    return {
        (row.operation.learner, slot): move.after
        for row in sent
        if (learner := observed.learners.get(row.operation.learner))
        for slot, move in row.operation.moves
        if after_write([(slot, move)], learner.slots) is SlotState.CONFLICT
    }
