"""Changes that dates have brought about and the approved commit asks for: `apply --due`, `drift --correct --due`."""

from __future__ import annotations

import asyncio

from reconciler.commands.apply_run import ApplyResult, Command, refuse_if_locked, run_plan
from reconciler.commands.drift_approval import ApprovedFiles, approved_files
from reconciler.commands.plan import Planned, compare, observe_in
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.model.plan import GitState, Plan
from reconciler.model.slots import Site
from reconciler.model.structs import replace
from reconciler.plan.complete import judge_plan
from reconciler.plan.drift import differs, is_drift, place_of, restrict_to, wanted_by
from reconciler.plan.due import Due, DueAction, approved_days, decide_due
from reconciler.problems import Blocked, Invalid, Problem, ReconcilerError
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, open_session
from reconciler.runtime.sightings import note_sightings
from reconciler.runtime.store_snapshot import missable_cohorts, note_reading
from reconciler.runtime.windows import wait_until_open
from reconciler.store import Store

COMMAND: Command = "apply --due"
"""The command of such a run in the history. It is not an apply of the files as a whole, so it approves no commit."""
_WAITS = {
    DueAction.BY_HAND: ("must be removed by hand", "Do the manual step; `reconciler plan` describes it."),
    DueAction.SET_ASIDE: ("is set aside", "See `reconciler plan` for the reason and the fix."),
    DueAction.MOVED: (
        "waits for a person, because OneFile holds somebody else than was last applied",
        "Review the change with `reconciler plan`, and apply it, or accept it with `reconciler adopt`.",
    ),
    DueAction.NOT_APPROVED: (
        "is not what the approved commit asks for",
        "Review the files and apply them with `reconciler apply`.",
    ),
}


def apply_due(options: Options, environment: Environment, *, approved: str | None = None, wait: int = 0) -> ApplyResult:
    """Carry out exactly the due changes. `approved` names the commit, instead of the newest complete apply's.

    Raises Invalid, also if no approved commit is known, Locked, ServiceError or StoreError. A plan that is blocked, and
    errors after the first write, are in the result.
    """
    if options.at:
        what = "due changes are those of today, not of another day"
        raise Invalid(Problem(what, "Leave out --at.", where="--at"))
    return asyncio.run(_apply_due(options, environment, approved, wait))


async def _apply_due(options: Options, environment: Environment, approved: str | None, wait: int) -> ApplyResult:
    declared = read_state(options, environment)
    await wait_until_open(environment, declared.settings, wait)
    async with open_session(options, environment, declared.settings) as session:
        store, target = session.store, session.target.name
        refuse_if_locked(session, options, environment, declared.settings.organisation, command="apply")
        files = approved_files(options, declared, store, target, approved, where="apply --due")
        observed = await observe_in(session, environment, declared)
        plan = compare(declared, observed, store, target, options, environment).plan
        note_reading(store, plan, observed.taken_at)
        note_sightings(store, plan, session.began)
        due = find_due(plan, files, observed, store)
        return await carry_out(session, plan, due, files, declared, observed, options, environment)


def find_due(plan: Plan, files: ApprovedFiles, observed: Observed, store: Store) -> tuple[Due, ...]:
    """Return the changes that dates have brought about by the approved files, each with its decision."""
    waiting = [change for change in plan.differing if differs(change) and not is_drift(change)]
    applied = store.last_applied(plan.site, {change.learner for change in waiting})
    days = approved_days(files.then, wanted_by(files.declared, observed), observed)
    return decide_due(waiting, applied, days)


async def carry_out(
    session: Session,
    plan: Plan,
    due: tuple[Due, ...],
    files: ApprovedFiles,
    declared: Declared,
    observed: Observed,
    options: Options,
    environment: Environment,
) -> ApplyResult:
    """Write the due changes that may be written, as a run of their own, under today's limits and policies."""
    chosen = {place_of(row.change) for row in due if row.action is DueAction.WRITE}
    part = restrict_to(plan, chosen, declared.settings.calls_per_minute)
    cohorts = missable_cohorts(options, session.store, Site(plan.target, plan.organisation))
    by_these = judge_plan(part, declared, observed, cohorts)
    by_approved = judge_plan(part, replace(declared, settings=files.declared.settings), observed, cohorts)
    planned = Planned(
        replace(
            by_these,
            findings=tuple(dict.fromkeys((*by_these.findings, *by_approved.findings))),
            refusals=tuple(dict.fromkeys((*by_these.refusals, *by_approved.refusals))),
            problems=tuple(waiting_words(row) for row in due if row.action is not DueAction.WRITE),
            made_from=GitState(files.ref, uncommitted=False),
        )
    )
    if not chosen:
        return ApplyResult(planned, due=due)
    if planned.plan.blocked:
        return ApplyResult(planned, error=Blocked(planned.why_blocked()), due=due)
    try:
        here = git_state(options.state, environment.note)
        applied = await run_plan(
            session, planned, options, environment, declared, here, just_read=True, command=COMMAND
        )
    except ReconcilerError as error:  # the lock, or what was to be settled first: nothing of this was written
        return ApplyResult(planned, error=error, due=due)
    return replace(applied, due=due)


def waiting_words(row: Due) -> Problem:
    """Return a due change that is not written as a warning, with who must act."""
    what, fix = _WAITS[row.action]
    change = row.change
    name = change.label or f"learner {change.learner}"
    slot = change.address.partition(".")[2]
    what = f"{name}: the due change of {slot} {what}"
    return Problem(what, fix, change.source, severity="warning", who=name)
