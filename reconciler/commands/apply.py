"""`apply`: carries out a plan under the lock, after crash recovery of earlier runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from reconciler.apply.attempt import READING_COUNTS_FOR
from reconciler.apply.canary_facts import note_modified, note_proven, proven_lately
from reconciler.apply.executor import NOTHING_AGREED, Applied, apply_plan
from reconciler.apply.forecast import calls_to_apply
from reconciler.apply.recovery import settle_late, settle_open
from reconciler.commands.plan import Planned, known_learners, observe_in, plan_in
from reconciler.commands.plan_file import load
from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.operations import Outcome, State, addresses
from reconciler.model.plan import NO_WATCH, AsDeclared, GitState, Plan, Watch
from reconciler.model.slots import Place, Site, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.ageing import (
    applied_already,
    broken_today,
    no_longer_asked,
    overtaken,
    rejudge,
    renewed,
    still_agreed,
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
from reconciler.plan.due import NEEDS_A_PERSON, Due, DueAction
from reconciler.plan.identity import moved_misids, refused_slots
from reconciler.plan.kept_steps import kept_steps
from reconciler.plan.watch import watch_of
from reconciler.problems import Blocked, ExitCode, Invalid, Locked, Problem, ReconcilerError, Source, Stale, StoreError
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_ahead
from reconciler.runtime.environment import Environment
from reconciler.runtime.lock import locked, refuse_if_held, sites_of
from reconciler.runtime.manual_steps import note_steps
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, begin_run, open_session
from reconciler.runtime.sightings import note_sightings
from reconciler.runtime.store_snapshot import (
    identities_at,
    just_planned,
    note_reading,
    recorded_at,
    remember_cohorts,
    remember_identities,
    remember_planned,
    seen_at,
    unsettled,
    written_by,
)
from reconciler.runtime.windows import wait_until_open, window_guard
from reconciler.store import Store

Command = Literal["apply", "drift", "apply --due", "apply --early"]

EMPLOYER = Slot(SlotKind.DEFAULT_EMPLOYER)
RECENT_RUNS = 200
"""Runs to look through for one that has applied a saved plan already."""

Approve = Callable[[Planned], bool]
"""Shows the plan and returns whether to go on. Not called if the command line has an approval."""


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


def apply(
    options: Options,
    environment: Environment,
    saved: Path | None,
    *,
    approve: Approve,
    expect: str | None = None,
    again: bool = False,
    early: bool = False,
    wait: int = 0,
) -> ApplyResult:
    """Apply the saved plan, or one made now. `expect` is the fingerprint that was approved.

    `again` allows a saved plan that was applied already or overtaken; `early` allows a plan for a day to come; `wait`
    is for how many minutes to wait for the end of a window. Raises Invalid for a plan file that cannot be used here,
    Stale if `expect` is not the plan's fingerprint or the saved plan is overtaken, Locked, ServiceError or StoreError.
    A plan that is blocked, and errors after the first write, are in the result.
    """
    return asyncio.run(_apply(options, environment, saved, approve, expect, again=again, early=early, wait=wait))


async def _apply(
    options: Options,
    environment: Environment,
    saved: Path | None,
    approve: Approve,
    expect: str | None,
    *,
    again: bool,
    early: bool,
    wait: int,
) -> ApplyResult:
    kept = _load(options, saved) if saved else None
    today = environment.today()
    is_early = _check_day(kept.plan.day if kept else options.day(today), today, early, saved)
    options = replace(options, at=kept.plan.day) if kept and is_early else options
    files = git_state(options.state, environment.note)
    declared = read_ahead(options, environment)
    organisation = declared.settings.organisation
    await wait_until_open(environment, declared.settings, wait)
    async with open_session(options, environment, declared.settings) as session:
        refuse_if_locked(session, options, environment, organisation, command="apply", kept=kept)
        if kept:
            _bound(kept.plan, session, organisation, saved)
            _expected(kept, expect, saved)
            _refuse_altered(kept.plan, declared, session.store, saved)
            if not again:
                _refuse_overtaken(kept, session.store, saved)
        planned = await _planned(session, options, environment, declared, files, kept)
        _expected(planned, None if kept else expect, saved)
        blocked = planned.plan.blocked
        if blocked or (planned.plan.operations and not approve(planned)):
            if not kept and not is_early:
                note_sightings(session.store, planned.plan, session.began)
            error = Blocked(planned.why_blocked()) if blocked else None
            return ApplyResult(planned, error=error, declined=not blocked)
        return await run_plan(
            session,
            planned,
            options,
            environment,
            declared,
            files,
            just_read=not saved,
            command="apply --early" if is_early else "apply",
            wait=wait,
        )


def _check_day(day: date, today: date, early: bool, saved: Path | None) -> bool:
    """Return whether the plan is for a day to come. Raises Invalid unless it is for today, or that was allowed.

    A saved plan of an earlier day is judged by today's files instead.
    """
    if day > today and not early:
        what = f"this plan is for {day}, which is still to come"
        fix = "Apply it on that day, or use --early if it is meant to take effect now."
        raise Invalid(Problem(what, fix, Source(str(saved)) if saved else None, where="" if saved else "--at"))
    if day < today and not saved:
        what = f"{day} is in the past: apply carries out what is declared for today"
        raise Invalid(Problem(what, "Leave out --at.", where="--at"))
    return day > today


def _refuse_overtaken(kept: Planned, store: Store, saved: Path | None) -> None:
    """Raise Stale for a plan that was applied already, or whose slots have been written since."""
    plan, runs = kept.plan, store.runs(target=kept.plan.target, limit=RECENT_RUNS)
    applied = store.last_applied(plan.site, {operation.learner for operation in plan.operations})
    problems = applied_already(plan, kept.fingerprint, runs) or overtaken(plan, kept.fingerprint, applied, runs)
    if problems:
        raise Stale([problem._replace(source=Source(str(saved))) for problem in problems])


async def _planned(
    session: Session,
    options: Options,
    environment: Environment,
    declared: Declared,
    files: GitState,
    kept: Planned | None,
) -> Planned:
    if kept:
        cohorts = session.store.cohorts(kept.plan.site)
        plan = rejudge(relimit_plan(renewed(kept.plan, declared), declared, cohorts), declared)
        plan = await _identified(session, environment, plan, declared)
        plan = replace(plan, kept=kept_steps(plan, session.store.issues(plan.site, "step"), declared))
        return Planned(await _judged_anew(session, environment, plan, declared))
    planned = (await plan_in(session, options, environment, declared)).made_from(files)
    note_reading(session.store, planned.plan, planned.plan.created_at)
    return planned


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
        written |= {user for user, learner in known.items() if EMPLOYER in learner.slots}
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
    return {change.learner: read[change.learner] for change in plan.changes if change.learner in read}


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


def _refuse_altered(plan: Plan, declared: Declared, store: Store, saved: Path | None) -> None:
    """Raise Invalid for names that today's files do not have, and for a revert of what no run wrote."""
    written = {run: written_by(store, run, plan.site) for run in reverted_runs(plan)}
    if problems := (*altered(plan, declared), *never_written(plan, written)):
        raise Invalid([problem._replace(source=Source(str(saved))) for problem in problems])


def _expected(planned: Planned, expect: str | None, saved: Path | None) -> None:
    if expect is None or expect == planned.fingerprint:
        return
    what = f"the approved fingerprint is {expect}, but the plan's is {planned.fingerprint}"
    if saved:
        fix = "Apply the file that was approved."
        raise Invalid(Problem(what, fix, Source(str(saved))))
    fix = "Review and approve the new plan: OneFile or the files have changed since the approval."
    raise Stale(Problem(what, fix, where="--expect"))
