"""`apply`: carries out a plan under the lock, after crash recovery of earlier runs."""

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
from reconciler.model.plan import GitState, Plan
from reconciler.model.slots import Site, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.complete import relimit_plan
from reconciler.problems import Blocked, ExitCode, Invalid, Locked, Problem, ReconcilerError, Source, Stale, StoreError
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.lock import locked, refuse_if_held
from reconciler.runtime.manual_steps import note_steps
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, begin_run, open_session
from reconciler.runtime.store_snapshot import remember_cohorts, unsettled

Command = Literal["apply", "drift"]

Approve = Callable[[Planned], bool]
"""Shows the plan and returns whether to go on. Not called if the command line has an approval."""


class ApplyResult(Struct, frozen=True):
    """The result of an apply. `run` is None if it was not approved (`declined`), or a limit or policy blocks it.

    `here` is the commit that is checked out: a saved plan may have been made from another.
    """

    planned: Planned
    outcomes: tuple[Outcome, ...] = ()
    run: int | None = None
    spent_calls: int = 0
    error: ReconcilerError | None = None
    declined: bool = False
    here: str = ""

    def problems(self) -> tuple[Problem, ...]:
        """Return what ended the apply, what was set aside, and what did not succeed."""
        ended = self.error.problems if self.error else ()
        outcomes = (outcome for outcome in self.outcomes if outcome.state not in (State.DONE, State.ALREADY_DONE))
        return (*ended, *self.planned.plan.problems, *map(_unfinished, outcomes))

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        if self.error:
            return self.error.exit_code
        if self.run is None:
            return ExitCode.DONE
        return _exit_code(self.planned.plan, self.outcomes)


def _unfinished(outcome: Outcome) -> Problem:
    what = f"{outcome.state.value.replace('_', ' ')}: {outcome.detail or 'no answer'}"
    fix = "Run plan again: it shows what is left to do."
    return Problem(what, fix, where=", ".join(addresses(outcome.operation)))


def _exit_code(plan: Plan, outcomes: tuple[Outcome, ...]) -> ExitCode:
    states = {outcome.state for outcome in outcomes}
    if states & {State.FAILED, State.UNKNOWN, State.NOT_TRIED}:
        return ExitCode.INCOMPLETE
    if State.CONFLICT in states:
        return ExitCode.STALE
    return ExitCode.INCOMPLETE if plan.manual or plan.summary.blocked else ExitCode.DONE


def apply(
    options: Options, environment: Environment, saved: Path | None, *, approve: Approve, expect: str | None = None
) -> ApplyResult:
    """Apply the saved plan, or one made now. `expect` is the fingerprint that was approved.

    Raises Invalid for a plan file that cannot be used here, Stale if `expect` is not the plan's fingerprint, Locked,
    ServiceError or StoreError. A plan that is blocked, and errors after the first write, are in the result.
    """
    return asyncio.run(_apply(options, environment, saved, approve, expect))


async def _apply(
    options: Options, environment: Environment, saved: Path | None, approve: Approve, expect: str | None
) -> ApplyResult:
    kept = _load(options, saved) if saved else None
    files = git_state(options.state, environment.note)
    declared = read_state(options, environment)
    organisation = declared.settings.organisation
    async with open_session(options, environment, declared.settings) as session:
        refuse_if_locked(session, options, environment, organisation, command="apply", kept=kept)
        planned = await _planned(session, options, environment, declared, files, kept)
        _bound(planned.plan, session, organisation, saved)
        _expected(planned, expect, saved)
        if planned.plan.blocked:
            return ApplyResult(planned, error=Blocked(planned.why_blocked()))
        if planned.plan.operations and not approve(planned):
            return ApplyResult(planned, declined=True)
        return await run_plan(session, planned, options, environment, declared, files, just_read=not saved)


async def _planned(
    session: Session,
    options: Options,
    environment: Environment,
    declared: Declared,
    files: GitState,
    kept: Planned | None,
) -> Planned:
    if kept:
        return Planned(relimit_plan(kept.plan, declared))
    return (await plan_in(session, options, environment, declared)).made_from(files)


def refuse_if_locked(
    session: Session,
    options: Options,
    environment: Environment,
    organisation: int,
    *,
    command: Command,
    kept: Planned | None = None,
) -> None:
    """Check the lock before any call, and store a run that it refused. Raises Locked."""
    store, site = session.store, Site(session.target.name, organisation)
    try:
        refuse_if_held(store, site)
    except Locked:
        fingerprint, files_read = (kept.fingerprint, kept.plan.made_from) if kept else ("", None)
        run = begin_run(store, options, environment, command, site, fingerprint=fingerprint, files=files_read)
        store.end_run(run, exit_code=ExitCode.LOCKED, summary={})
        raise


async def run_plan(
    session: Session,
    planned: Planned,
    options: Options,
    environment: Environment,
    declared: Declared,
    files: GitState,
    *,
    just_read: bool,
    command: Command = "apply",
) -> ApplyResult:
    """Carry out a plan and store the run, however it ends; also if the lock refuses it.

    Only an apply carries out the files as a whole, so only an apply records what it found as declared, which cohorts
    are managed, and which manual steps are open. The run has the commit that the plan was made from, which is what
    people approved. `files` is the commit that is checked out here.
    """
    plan, store = planned.plan, session.store
    if environment.progress and plan.operations:
        with environment.progress(declared.settings.calls_per_minute) as progress:
            shows = session.reader.shows if just_read else shown_in(plan)
            progress.applying(calls_to_apply(plan, shows, just_read=just_read))
    run = begin_run(
        store,
        options,
        environment,
        command,
        plan.site,
        fingerprint=planned.fingerprint,
        files=plan.made_from,
    )
    try:
        async with locked(store, plan.site, environment, command=command, run=run) as still_ours:
            whole = command == "apply"
            applied = await _carry_out(session, plan, run, still_ours, just_read and whole)
            if whole:
                with suppress(StoreError):  # the run must still be reported
                    remember_cohorts(store, plan, declared.cohorts)
                    note_steps(store, plan, whole=just_read)
    except (ReconcilerError, asyncio.CancelledError) as error:  # before anything of this plan was written
        with suppress(StoreError):
            store.end_run(run, exit_code=getattr(error, "exit_code", ExitCode.ERROR), summary={})
        raise
    planned = replace(planned, plan=replace(plan, names=_names(plan, session)))
    spent = session.client.calls
    finished = ApplyResult(planned, applied.outcomes, run, spent, applied.error, here=files.commit)
    try:
        counts = Counter(outcome.state.value for outcome in applied.outcomes)
        store.end_run(run, exit_code=finished.exit_code, summary=counts)
    except StoreError as error:  # the run must still be reported
        return replace(finished, error=finished.error or error)
    return finished


def _names(plan: Plan, session: Session) -> dict[UserId, str]:
    """Return the names of learners that the report may show: those that were read before a write."""
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


# ------------------------------------------------------------------ checks before the lock is acquired


def _load(options: Options, saved: Path) -> Planned:
    if options.cohorts or options.learners or options.since or options.at:
        fix = "Leave --cohort, --learner, --changed-since and --at out, or make a new plan with them."
        raise Invalid(Problem("a saved plan is applied whole, as it was reviewed", fix, Source(str(saved))))
    return Planned(load(saved))


def _bound(plan: Plan, session: Session, organisation: int, saved: Path | None) -> None:
    """Raise Invalid if the plan is for another target or organisation."""
    source = Source(str(saved)) if saved else None
    if plan.target != session.target.name:
        what = f"this plan was made for target {plan.target}, but the target here is {session.target.name}"
        raise Invalid(Problem(what, f"Apply it with --target {plan.target}, or make a plan for this target.", source))
    if plan.organisation != organisation:
        what = f"this plan is for organisation {plan.organisation}, but settings.yaml says {organisation}"
        raise Invalid(Problem(what, "Apply it from the state folder that it was made from.", source))


def _expected(planned: Planned, expect: str | None, saved: Path | None) -> None:
    if expect is None or expect == planned.fingerprint:
        return
    what = f"the approved fingerprint is {expect}, but the plan's is {planned.fingerprint}"
    if saved:
        fix = "Apply the file that was approved."
        raise Invalid(Problem(what, fix, Source(str(saved))))
    fix = "Review and approve the new plan: OneFile or the files have changed since the approval."
    raise Stale(Problem(what, fix, where="--expect"))
