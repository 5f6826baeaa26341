"""Saved plans: what is checked before one is applied, and how it is judged by the files and readings of today."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

from reconciler.apply.attempt import READING_COUNTS_FOR
from reconciler.commands.plan import Planned, known_learners, observe_in
from reconciler.commands.plan_file import load
from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.plan import Plan
from reconciler.model.slots import DEFAULT_EMPLOYER, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.ageing import (
    applied_already,
    broken_today,
    no_longer_asked,
    overtaken,
    rejudge,
    renewed,
    to_look_up,
    unfit,
)
from reconciler.plan.alteration import (
    altered,
    as_planned,
    learners_of,
    never_written,
    reverted_runs,
    suspects,
    two_sided,
    written_layers,
)
from reconciler.plan.complete import relimit_plan
from reconciler.plan.identity import moved_misids, refused_slots
from reconciler.plan.kept_steps import kept_steps
from reconciler.problems import Invalid, Problem, Source, Stale
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session
from reconciler.runtime.store_snapshot import (
    identities_at,
    just_planned,
    remember_planned,
    written_by,
)
from reconciler.store import Store

RECENT_RUNS = 200
"""Runs to look through for one that has applied a saved plan already."""


def load_whole(options: Options, saved: Path) -> Planned:
    """Return the saved plan. Raises Invalid if options would apply a part of it."""
    if options.cohorts or options.learners or options.since or options.at:
        fix = "Leave --cohort, --learner, --changed-since and --at out, or make a new plan with them."
        raise Invalid(Problem("a saved plan is applied whole, as it was reviewed", fix, Source(str(saved))))
    return Planned(load(saved))


def check_site(plan: Plan, session: Session, organisation: int, saved: Path | None) -> None:
    """Raise Invalid if the plan is for another target or organisation."""
    source = Source(str(saved)) if saved else None
    if plan.target != session.target.name:
        what = f"this plan was made for target {plan.target}, but the target here is {session.target.name}"
        raise Invalid(Problem(what, f"Apply it with --target {plan.target}, or make a plan for this target.", source))
    if plan.organisation != organisation:
        what = f"this plan is for organisation {plan.organisation}, but settings.yaml says {organisation}"
        raise Invalid(Problem(what, "Apply it from the state folder that it was made from.", source))


def refuse_altered(plan: Plan, declared: Declared, store: Store, saved: Path | None) -> None:
    """Raise Invalid for names that today's files do not have, and for a revert of what no run wrote."""
    written = {run: written_by(store, run, plan.site) for run in reverted_runs(plan)}
    if problems := (*altered(plan, declared), *never_written(plan, written)):
        raise Invalid([problem._replace(source=Source(str(saved))) for problem in problems])


def refuse_overtaken(kept: Planned, store: Store, saved: Path | None) -> None:
    """Raise Stale for a plan that was applied already, or whose slots have been written since."""
    plan, runs = kept.plan, store.runs(target=kept.plan.target, limit=RECENT_RUNS)
    applied = store.last_applied(plan.site, {operation.learner for operation in plan.operations})
    problems = applied_already(plan, kept.fingerprint, runs) or overtaken(plan, kept.fingerprint, applied, runs)
    if problems:
        raise Stale([problem._replace(source=Source(str(saved))) for problem in problems])


async def judged_again(session: Session, environment: Environment, plan: Plan, declared: Declared) -> Plan:
    """Return the saved plan as today's files, limits, policies and accounts judge it."""
    cohorts = session.store.cohorts(plan.site)
    plan = rejudge(relimit_plan(renewed(plan, declared), declared, cohorts), declared)
    plan = await _identified(session, environment, plan, declared)
    plan = replace(plan, kept=kept_steps(plan, session.store.issues(plan.site, "step"), declared))
    return await _judged_anew(session, environment, plan, declared)


async def _identified(session: Session, environment: Environment, plan: Plan, declared: Declared) -> Plan:
    """Look up the MISIDs of the learners whom a saved plan writes: another account may have one of them by now."""
    written = {operation.learner for operation in plan.operations}
    planned = {user: learner for user, learner in learners_of(plan, declared).items() if user in written}
    by_misid = {user: replace(learner, id=None, slots={}) for user, learner in planned.items() if learner.misid}
    if not by_misid:
        return plan
    concerned = replace(declared, learners=tuple(by_misid.values()))
    observed = await observe_in(session, environment, concerned)
    moved = moved_misids(concerned, observed, identities_at(session.store, plan.site, plan.by_site()))
    reasons = {user: problem.what for user, problem in moved.items()}
    for user, learner in by_misid.items():
        found = observed.misids.get(learner.misid or "")
        if found != user:
            now = f"account {found}" if found is not None else "no one active account"
            reasons[user] = f"MISID {learner.misid} was account {user} when this plan was made, and is {now} now"
    remember_planned(session.store, plan, by_misid)
    return replace(plan, moved=frozenset(reasons), refused=refused_slots(plan, reasons))


async def _judged_anew(session: Session, environment: Environment, plan: Plan, declared: Declared) -> Plan:
    """Judge a saved plan by policy, with a reading of the learners to whom it writes.

    Of the others, the declared slots are taken to be as the plan has them; those who then lack a finding, or whom
    somebody with an account on either side looks after, are read too. Everybody whom it writes is looked up. A plan
    whose own reading still counts is read again only where it writes.
    """
    known = learners_of(plan, declared)
    everyone = replace(declared, learners=tuple(known.values()))
    observed = Observed(environment.clock.now(), as_planned(plan, known))
    written = {operation.learner for operation in plan.operations} & known.keys()
    if declared.settings.level("employer_placement") == "error":  # the plan does not hold placements
        written |= {user for user, learner in known.items() if DEFAULT_EMPLOYER in learner.slots}
    counts_for = timedelta(seconds=READING_COUNTS_FOR)
    is_young = timedelta() <= environment.clock.now() - plan.created_at < counts_for
    is_ours = written <= just_planned(session.store, plan.site, session.account, counts_for)  # a file may say any time
    is_plain = written.isdisjoint(two_sided(plan, everyone, observed))
    places = written_layers(plan) if is_young and is_ours and is_plain else None
    observed = await _read_again(session, environment, everyone, observed, written, places)
    suspected = (suspects(plan, everyone, observed) | two_sided(plan, everyone, observed)) - written
    observed = await _read_again(session, environment, everyone, observed, suspected)
    judged = broken_today(plan, everyone, observed, written | suspected)
    if unknown := to_look_up(plan, everyone, observed):
        looked_up = await observe_in(session, environment, replace(declared, learners=unknown))
        observed = replace(observed, staff={**observed.staff, **looked_up.staff})
    return replace(
        judged, refused={**unfit(plan, everyone, observed), **no_longer_asked(plan, declared), **plan.refused}
    )


async def _read_again(
    session: Session,
    environment: Environment,
    declared: Declared,
    observed: Observed,
    users: Collection[UserId],
    places: Mapping[UserId, Collection[SlotKind]] | None = None,
) -> Observed:
    """Return what is observed, with these learners as a reading shows them now; with `places`, only those kinds."""
    if not users:
        return observed
    wanted = replace(
        declared,
        learners=tuple(
            learner if places is None else _restricted(learner, places.get(learner.id, ()))
            for learner in declared.learners
            if learner.id is not None and learner.id in users
        ),
    )
    known = known_learners(session, wanted, just_read=() if places is None else users)
    read = await observe_in(session, environment, wanted, known=known)
    learners = {
        user: seen if places is None else _merged(observed.learners.get(user), seen)
        for user, seen in read.learners.items()
    }
    return replace(read, learners={**observed.learners, **learners}, staff={**observed.staff, **read.staff})


def _restricted(learner: DeclaredLearner, kinds: Collection[SlotKind]) -> DeclaredLearner:
    return replace(learner, slots={slot: want for slot, want in learner.slots.items() if slot.kind in kinds})


def _merged(planned: ObservedLearner | None, seen: ObservedLearner) -> ObservedLearner:
    """Return a learner as read; what was not read again is as the plan has it."""
    return replace(seen, slots={**planned.slots, **seen.slots}) if planned else seen
