"""Runs of a plan: carried out under the lock, after crash recovery of earlier runs, and stored however they end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Literal

from reconciler.apply.canary_facts import note_modified, note_proven, proven_lately
from reconciler.apply.executor import NOTHING_AGREED, Applied, apply_plan
from reconciler.apply.forecast import calls_to_apply
from reconciler.apply.recovery import settle_late, settle_open
from reconciler.commands.plan import Planned
from reconciler.model.declared import Declared
from reconciler.model.operations import Outcome, State, addresses
from reconciler.model.plan import NO_WATCH, AsDeclared, GitState, Plan, Watch
from reconciler.model.slots import Place, Site, Unread, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.ageing import (
    still_agreed,
)
from reconciler.plan.due import NEEDS_A_PERSON, Due, DueAction
from reconciler.plan.watch import watch_of
from reconciler.problems import ExitCode, Locked, Problem, ReconcilerError, StoreError
from reconciler.runtime.environment import Environment
from reconciler.runtime.lock import locked, refuse_if_held, sites_of
from reconciler.runtime.manual_steps import note_steps
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, begin_run
from reconciler.runtime.store_snapshot import (
    recorded_at,
    remember_cohorts,
    remember_identities,
    seen_at,
    unsettled,
)
from reconciler.runtime.windows import wait_until_open, window_guard
from reconciler.store import Store

Command = Literal["apply", "drift", "apply --due", "apply --early"]


class ApplyResult(Struct, frozen=True):
    """The result of an apply. `run` is None if it was not approved (`declined`), or a limit or policy blocks it.

    `here` is the commit that is checked out: a saved plan may have been made from another. `who` asked for the
    run, which began at `started`. `watch` sorts the declared slots after a run of whole files.
    """

    planned: Planned
    outcomes: tuple[Outcome, ...] = ()
    run: int | None = None
    spent_calls: int = 0
    error: ReconcilerError | None = None
    declined: bool = False
    here: str = ""
    who: str = ""
    started: datetime | None = None
    due: tuple[Due, ...] = ()
    watch: Watch = NO_WATCH

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
        code = ExitCode.DONE if self.run is None else _exit_code(self.planned.plan, self.outcomes)
        waits = any(row.action in NEEDS_A_PERSON for row in self.due)
        return ExitCode.INCOMPLETE if waits and code is ExitCode.DONE else code

    @property
    def unapproved_due(self) -> bool:
        """True if a date has brought about a change that the approved commit does not ask for."""
        return any(row.action is DueAction.NOT_APPROVED for row in self.due)


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
    return ExitCode.INCOMPLETE if plan.steps or plan.summary.blocked else ExitCode.DONE


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
    wait: int = 0,
) -> ApplyResult:
    """Carry out a plan and store the run, however it ends; also if the lock refuses it.

    Only an apply carries out the files as a whole, so only an apply records what it found as declared, which cohorts
    are managed, and which manual steps are open. The run has the commit that the plan was made from, which is what
    people approved. `files` is the commit that is checked out here.
    """
    plan, store = planned.plan, session.store
    if plan.operations:
        await wait_until_open(environment, declared.settings, wait)
    if environment.progress and plan.operations:
        with environment.progress(declared.settings.calls_per_minute) as progress:
            progress.applying(calls_to_apply(plan, session.reader, proven_lately(store, session.account, plan)))
    started = environment.clock.now()
    run = begin_run(
        store,
        options,
        environment,
        command,
        plan.site,
        fingerprint=planned.fingerprint,
        files=plan.made_from,
        plan=plan,
    )
    work = _Work(plan, declared, run, whole=command == "apply", just_read=just_read)
    try:
        async with locked(store, *sites_of(plan), environment=environment, command=command, run=run) as still_ours:
            applied = await _carry_out(session, work, still_ours, window_guard(environment, declared.settings))
            if work.whole:
                _remember(store, work, still_ours)
    except (ReconcilerError, asyncio.CancelledError) as error:  # before anything of this plan was written
        with suppress(StoreError):
            store.end_run(run, exit_code=getattr(error, "exit_code", ExitCode.ERROR), summary={})
        raise
    finished = ApplyResult(
        replace(planned, plan=replace(plan, names=_names(plan, session))),
        applied.outcomes,
        run,
        session.client.calls,
        applied.error,
        here=files.commit,
        who=environment.who(),
        started=started,
    )
    return _ended(store, finished, work)


def _ended(store: Store, finished: ApplyResult, work: _Work) -> ApplyResult:
    """Store the end of the run, and return its result with what is watched now."""
    try:
        counts = Counter(outcome.state.value for outcome in finished.outcomes)
        store.end_run(work.run, exit_code=finished.exit_code, summary=counts)
        return replace(finished, watch=_watched(store, work.plan, work.declared)) if work.whole else finished
    except StoreError as error:  # the run must still be reported
        return replace(finished, error=finished.error or error)


def _remember(store: Store, work: _Work, still_ours: Callable[[], None]) -> None:
    """Store what an apply of whole files found: cohorts, identities and open manual steps."""
    with suppress(StoreError, Locked):  # the run must still be reported
        still_ours()
        remember_cohorts(store, work.plan, work.declared)
        remember_identities(store, work.plan, accepted=True)
        note_steps(store, work.plan, whole=work.just_read)


def _watched(store: Store, plan: Plan, declared: Declared) -> Watch:
    """Sort the declared slots by what is recorded now."""
    sites = plan.by_site()
    return watch_of(plan, declared, recorded_at(store, sites), seen_at(store, sites))


def _names(plan: Plan, session: Session) -> dict[UserId, str]:
    """Return the names of learners that the report may show: those that were read before a write."""
    read = session.reader.names
    return {change.learner: read[change.learner] for change in plan.of_each_learner if change.learner in read}


class _Work(Struct, frozen=True):
    """A plan to carry out as a run: `whole` files or a part, `just_read` in this session or saved before."""

    plan: Plan
    declared: Declared
    run: int
    whole: bool
    just_read: bool


async def _carry_out(
    session: Session,
    work: _Work,
    still_ours: Callable[[], None],
    closed: Callable[[], ReconcilerError | None],
) -> Applied:
    """Settle what dead runs left open, and apply the plan.

    Learners to whom another run has written since this session began are read again: the plan may have waited for
    its approval, or for the lock, meanwhile.
    """
    plan, run, store, sites = work.plan, work.run, session.store, work.plan.by_site()
    outdated = {user for site in sites for user in store.written_since(session.began, site, run=run)}
    session.reader.forget(outdated)
    for site in sites:
        await settle_open(store, session.reader, site)
        settle_late(store, site, plan)
    doubtful = unsettled(store, sites)
    lately = proven_lately(store, session.account, plan)
    applied = await apply_plan(
        plan,
        session.reader,
        store,
        run,
        unsettled=doubtful,
        still_ours=still_ours,
        agreed=_agreed(session, work, outdated, doubtful) if work.whole else NOTHING_AGREED,
        read_at=None if work.just_read else plan.created_at,
        refused=plan.refused,
        closed=closed,
        proven_lately=lately,
    )
    note_proven(store, session.account, plan, applied.outcomes, lately)
    note_modified(store, session.account, plan, applied.modified_moves)
    return applied


def _agreed(session: Session, work: _Work, outdated: Collection[UserId], doubtful: Collection[Place]) -> AsDeclared:
    """Return the slots that the plan's reading found as declared, without those that something contradicts since."""
    agreed = work.plan.as_declared()
    if work.just_read:
        return {site: [row for row in rows if row[0] not in outdated] for site, rows in agreed.items()}
    contradicted = set(doubtful)
    for site, rows in agreed.items():
        contradicted |= _contradicted(session, site, {(user, slot): staff for user, slot, staff in rows}, work.plan)
    return still_agreed(work.plan, work.declared, contradicted)


def _contradicted(session: Session, site: Site, found: Mapping[Place, UserId | None], plan: Plan) -> set[Place]:
    """Return the slots that were applied, seen or read with another holder since the saved plan was made."""
    store, since, learners = session.store, plan.created_at, {user for user, _ in found}
    recorded = store.recorded(site, learners)
    others = {place for place, staff in found.items() if recorded.get(place, staff) != staff}
    last = store.last_applied(site, {user for user, _ in others}) if others else {}
    contradicted = {place for place in others if place in last and last[place].at >= since}
    for place, sightings in store.seen(site, learners).items():
        if place in found and any(row.holder != found[place] and row.at >= since for row in sightings):
            contradicted.add(place)
    for issue in store.issues(site, "drift", ended_since=since):
        if issue.last_seen >= since:
            contradicted.add(issue.place)
    for user in learners:
        for slot, holder in session.reader.last(user).items():
            if (user, slot) in found and not isinstance(holder, Unread) and holder != found[user, slot]:
                contradicted.add((user, slot))
    return contradicted
