"""apply: the plan's operations, under the lock, after what dead runs left open is settled; then one report."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from reconciler.apply.executor import Applied, apply_plan
from reconciler.apply.forecast import calls_to_apply, shown_in
from reconciler.apply.recovery import settle_open
from reconciler.commands.plan import Planned, plan_in
from reconciler.commands.plan_file import load
from reconciler.model.declared import Declared
from reconciler.model.operations import Outcome, State, addresses
from reconciler.model.plan import Plan
from reconciler.model.slots import Site, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.complete import relimit_plan
from reconciler.problems import Blocked, ExitCode, Invalid, Locked, Problem, ReconcilerError, Source, Stale, StoreError
from reconciler.runtime.context import Context
from reconciler.runtime.lock import locked, refuse_if_held
from reconciler.runtime.manual_steps import note_steps
from reconciler.runtime.session import Session, begin_run, open_session
from reconciler.runtime.store_snapshot import remember_cohorts, unsettled

Command = Literal["apply", "drift"]

Approve = Callable[[Planned], bool]
"""Shown the plan; says whether to go on. Not asked where an approval came with the command."""


class ApplyResult(Struct, frozen=True):
    """What an apply did. `run` is None where it was not approved (`declined`) or a limit or policy blocks it. `here`
    is the commit checked out where it was applied: a saved plan may have been made from another."""

    planned: Planned
    outcomes: tuple[Outcome, ...] = ()
    run: int | None = None
    spent_calls: int = 0
    error: ReconcilerError | None = None
    declined: bool = False
    here: str = ""

    def problems(self) -> tuple[Problem, ...]:
        """Everything that keeps this apply from being done: what ended it, what was set aside, what did not succeed."""
        ended = self.error.problems if self.error else ()
        outcomes = (outcome for outcome in self.outcomes if outcome.state not in (State.DONE, State.ALREADY_DONE))
        return (*ended, *self.planned.plan.problems, *map(_unfinished, outcomes))

    @property
    def exit_code(self) -> ExitCode:
        if self.error:
            return self.error.exit_code
        if self.run is None:
            return ExitCode.DONE
        return _exit_code(self.planned.plan, self.outcomes)


def _unfinished(outcome: Outcome) -> Problem:
    what = f"{outcome.state.value.replace('_', ' ')}: {outcome.detail or 'no answer was noted'}"
    fix = "Run plan again: it shows what is left to do, and starts from what OneFile holds then."
    return Problem(what, fix, where=", ".join(addresses(outcome.operation)))


def _exit_code(plan: Plan, outcomes: tuple[Outcome, ...]) -> ExitCode:
    states = {outcome.state for outcome in outcomes}
    if states & {State.FAILED, State.UNKNOWN, State.NOT_TRIED}:
        return ExitCode.INCOMPLETE
    if State.CONFLICT in states:
        return ExitCode.STALE
    return ExitCode.INCOMPLETE if plan.manual or plan.summary.blocked else ExitCode.DONE


def apply(context: Context, saved: Path | None, *, approve: Approve, expect: str | None = None) -> ApplyResult:
    """Apply the saved plan, or one made now. `expect` is the fingerprint that was approved.

    Raises Invalid for a plan file that cannot be used here, Stale where `expect` is not what is planned now,
    Blocked, Locked, ServiceError or StoreError; errors after the first write are in Finished instead.
    """
    return asyncio.run(_apply(context, saved, approve, expect))


async def _apply(context: Context, saved: Path | None, approve: Approve, expect: str | None) -> ApplyResult:
    kept = _load(context, saved) if saved else None
    context = context.with_git_state()
    declared = context.declared()
    organisation = declared.settings.organisation
    async with open_session(context, declared.settings) as session:
        refuse_if_locked(session, context, organisation, command="apply", kept=kept)
        planned = Planned(relimit_plan(kept.plan, declared)) if kept else await plan_in(session, context, declared)
        _bound(planned.plan, session, organisation, saved)
        _expected(planned, expect, saved)
        if planned.plan.blocked:
            return ApplyResult(planned, error=Blocked(planned.why_blocked()))
        if planned.plan.operations and not approve(planned):
            return ApplyResult(planned, declined=True)
        return await run_plan(session, planned, context, declared, just_read=not saved)


def refuse_if_locked(
    session: Session, context: Context, organisation: int, *, command: Command, kept: Planned | None = None
) -> None:
    """The lock is asked for only once there is something to do; that another run holds it is told before any call."""
    store, target = session.store, session.target.name
    try:
        refuse_if_held(store, Site(target, organisation))
    except Locked:
        fingerprint, stand = (kept.fingerprint, kept.plan.made_from) if kept else ("", None)
        run = begin_run(store, context, command, Site(target, organisation), fingerprint=fingerprint, stand=stand)
        store.end_run(run, exit_code=ExitCode.LOCKED, summary={})
        raise


async def run_plan(
    session: Session,
    planned: Planned,
    context: Context,
    declared: Declared,
    *,
    just_read: bool,
    command: Command = "apply",
) -> ApplyResult:
    """From here on the history has a run, however it ends: one that the lock refuses too.

    Only an apply carries out the files as a whole, so only an apply records what it found as declared, which cohorts
    are managed, and which steps are left to people. The commit it records is the one that the plan was made from,
    which is what people approved, wherever it is applied.
    """
    plan, store = planned.plan, session.store
    if context.progress and plan.operations:
        with context.progress(declared.settings.calls_per_minute) as progress:
            shows = session.reader.shows if just_read else shown_in(plan)
            progress.applying(calls_to_apply(plan, shows, just_read=just_read))
    run = begin_run(
        store,
        context,
        command,
        plan.site,
        fingerprint=planned.fingerprint,
        stand=plan.made_from,
    )
    try:
        async with locked(store, plan.site, context, command=command, run=run) as still_ours:
            whole = command == "apply"
            applied = await _carry_out(session, plan, run, still_ours, just_read and whole)
            if whole:
                with suppress(StoreError):  # what the run did must still be told
                    remember_cohorts(store, plan, declared.cohorts)
                    note_steps(store, plan, whole=just_read)
    except (ReconcilerError, asyncio.CancelledError) as error:  # before anything of this plan was written
        with suppress(StoreError):
            store.end_run(run, exit_code=getattr(error, "exit_code", ExitCode.ERROR), summary={})
        raise
    planned = replace(planned, plan=replace(plan, names=_names(plan, session)))
    spent, here = session.client.calls, context.git_state().commit
    finished = ApplyResult(planned, applied.outcomes, run, spent, applied.error, here=here)
    try:
        counts = Counter(outcome.state.value for outcome in applied.outcomes)
        store.end_run(run, exit_code=finished.exit_code, summary=counts)
    except StoreError as error:  # what the run did must still be told
        return replace(finished, error=finished.error or error)
    return finished


def _names(plan: Plan, session: Session) -> dict[UserId, str]:
    """Whom the report may name, and whose name was read: a saved plan holds none, what is read before a write may."""
    read = session.reader.names
    return {change.learner: read[change.learner] for change in plan.changes if change.learner in read}


async def _carry_out(
    session: Session, plan: Plan, run: int, still_ours: Callable[[], None], just_read: bool
) -> Applied:
    store = session.store
    await settle_open(store, session.reader, plan.site)
    open_slots = unsettled(store, plan.site)
    return await apply_plan(
        plan, session.reader, store, run, unsettled=open_slots, still_ours=still_ours, just_read=just_read
    )


# ------------------------------------------------------------------ what must hold before the lock is taken


def _load(context: Context, saved: Path) -> Planned:
    if context.cohorts or context.learners or context.since or context.at:
        fix = "Leave --cohort, --learner, --changed-since and --at away, or make a new plan with them."
        raise Invalid(Problem("a saved plan is applied as it was reviewed, whole", fix, Source(str(saved))))
    return Planned(load(saved))


def _bound(plan: Plan, session: Session, organisation: int, saved: Path | None) -> None:
    """A saved plan is for one target and one organisation, and for no other."""
    source = Source(str(saved)) if saved else None
    if plan.target != session.target.name:
        what = f"this plan was made for target {plan.target}, and the target here is {session.target.name}"
        raise Invalid(Problem(what, f"Apply it with --target {plan.target}, or make a plan for this target.", source))
    if plan.organisation != organisation:
        what = f"this plan is for organisation {plan.organisation}, and settings.yaml says {organisation}"
        raise Invalid(Problem(what, "Apply it from the state folder that it was made from.", source))


def _expected(planned: Planned, expect: str | None, saved: Path | None) -> None:
    if expect is None or expect == planned.fingerprint:
        return
    what = f"the approved fingerprint is {expect}, but the plan's is {planned.fingerprint}"
    if saved:
        fix = "This is not the plan that was approved: apply the right file."
        raise Invalid(Problem(what, fix, Source(str(saved))))
    fix = "OneFile or the files have moved since the approval: review and approve the new plan."
    raise Stale(Problem(what, fix, where="--expect"))
