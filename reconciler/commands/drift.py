"""The `drift` command: one plan, sorted into drift and pending changes; with `--correct`, corrections only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from reconciler.commands.apply_run import ApplyResult, refuse_if_locked, run_plan
from reconciler.commands.drift_approval import approved_files, why_none
from reconciler.commands.drift_part import coverage, note_followed, part_to_read
from reconciler.commands.due import carry_out, find_due
from reconciler.commands.plan import Planned, compare_both, observe_in
from reconciler.commands.plan_base import as_on_base, base_of, for_both
from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared
from reconciler.model.history import IssueKind
from reconciler.model.observed import Observed
from reconciler.model.plan import Change, GitState, Plan
from reconciler.model.slots import Place, Site, UserId
from reconciler.model.structs import Struct, replace
from reconciler.observed.narrow import narrow
from reconciler.plan.causes import find_causes
from reconciler.plan.complete import judge_plan
from reconciler.plan.drift import (
    LOOKING_BACK,
    NEEDS_A_PERSON,
    OTHER_STORE,
    Approval,
    DriftAction,
    DriftReport,
    Memory,
    Words,
    carried_out,
    decide_drift,
    differs,
    drift_ending,
    endings,
    fight_ending,
    fought_over,
    is_drift,
    is_due,
    nothing_approved,
    place_of,
    restrict_to,
    sightings_of,
    unmanaged,
    wanted_by,
)
from reconciler.plan.roll import roll_of
from reconciler.problems import Blocked, ExitCode, Invalid, Problem, ReconcilerError, StoreError
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import LONDON, Environment
from reconciler.runtime.lock import is_left
from reconciler.runtime.manual_steps import dated, note_steps
from reconciler.runtime.open_issues import issues_of, observe_issues
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, nothing_recorded, open_session
from reconciler.runtime.sightings import note_sightings
from reconciler.runtime.store_snapshot import last_reading, missable_cohorts, note_reading, remember_identities, seen_at
from reconciler.store import LastApplied, Observation, OpenIssue, Store
from reconciler.store.open_issues import Observations


class Drifting(Struct, frozen=True):
    """Result of a drift run; `finished` is the result of the corrections, None if there were none."""

    report: DriftReport
    corrects: bool
    finished: ApplyResult | None = None
    due: ApplyResult | None = None

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems to print beside a report that is written for machines or to a file."""
        why = self.report.unrecorded
        what = f"drift cannot be detected: {why}"
        unrecorded = (Problem(what, OTHER_STORE, where="drift", severity="warning"),) if why else ()
        return (*unrecorded, *self.report.problems, *self.report.plan.problems)

    def exit_code(self, *, detailed: bool) -> ExitCode:
        """Return INCOMPLETE if drift cannot be detected or, with corrections, if the next run can do no more.

        That is if a person must act, or nobody can know what a slot holds. Drift within its grace period, awaiting
        approval or only reported is no failure.
        """
        for result in (self.finished, self.due):
            if result and result.exit_code is not ExitCode.DONE:
                return result.exit_code
        if self.report.unrecorded and (self.corrects or detailed):
            return ExitCode.INCOMPLETE
        left = self.report.left()
        if self.corrects and (self.report.unseen or any(drifted.verdict in NEEDS_A_PERSON for drifted in left)):
            return ExitCode.INCOMPLETE
        waits = self.due is not None and self.due.unapproved_due
        staff = any(finding.blocks for finding in self.report.staff_findings())
        return (
            ExitCode.CHANGES
            if detailed and (left or self.report.unseen or self.report.watch.blind or waits or staff)
            else ExitCode.DONE
        )


def drift(
    options: Options,
    environment: Environment,
    *,
    correct: bool = False,
    due: bool = False,
    approved: str | None = None,
    base: str | None = None,
) -> Drifting:
    """Compare, note since when each slot has drifted, and correct what may be corrected if `correct`.

    With `due`, changes that dates have brought about are applied from the same reading. `base` names a commit whose
    files are compared as well, to show what these cause. `approved` is the commit that
    bounds corrections, instead of the newest complete apply's. Raises Invalid, also if no approved commit is known,
    ServiceError or StoreError; an error that ends the corrections is in Drifting instead, because the report must still
    be shown.
    """
    if correct and options.at:
        what = "corrections put back what is declared for today, not for another day"
        raise Invalid(Problem(what, "Leave --at away, or look without --correct.", where="--at"))
    return asyncio.run(_drift(options, environment, approved, base, correct=correct, due=due))


async def _drift(
    options: Options,
    environment: Environment,
    approved: str | None,
    base: str | None,
    *,
    correct: bool,
    due: bool,
) -> Drifting:
    files_at = git_state(options.state, environment.note)
    declared = read_state(options, environment)
    other = base_of(options, environment, base, declared) if base is not None else None
    declared, _ = as_on_base(declared, other)
    async with open_session(options, environment, declared.settings) as session:
        store, target = session.store, session.target.name
        if correct:
            refuse_if_locked(session, options, environment, declared.settings.organisation, command="drift")
        files = approved_files(options, declared, store, target, approved) if correct else None
        began = store.now()
        part = await part_to_read(session, options, declared) if other is None else None
        everybody, declared = declared, part.declared if part else declared
        reading = await observe_in(session, environment, for_both(declared, other), undeclared=options.undeclared)
        plan = compare_both(declared, other, reading, store, target, options, environment).made_from(files_at).plan
        if part:
            plan = replace(plan, roll=roll_of(everybody, reading))
        observed = narrow(reading, declared) if other else reading
        approval = files.on(observed) if files else None
        unapproved = "" if files else why_none(store, Site(target, declared.settings.organisation))
        known = nothing_approved(declared.settings) if unapproved else approval
        notes = other is None and options.at is None  # files not merged, or another day's, are only compared
        report = _report(plan, declared, observed, store, options, known, notes=notes)
        read_before = note_reading(store, plan, observed.taken_at) if notes else last_reading(store, plan)
        watch = note_sightings(store, plan, session.began) if notes else plan.watch
        report = replace(report, unapproved=unapproved, read_before=read_before, watch=watch)
        if notes and not options.is_narrow:
            note_followed(session, everybody, began)
            for site in plan.by_site() if part else ():
                store.set_last_reading(site, observed.taken_at)
            report = replace(report, coverage=coverage(session, everybody, part))
        report = replace(report, spent_calls=session.client.calls)
        chosen = {place_of(drifted.change) for drifted in report.drift if drifted.verdict is DriftAction.CORRECT}
        drifting = Drifting(report, correct)
        if approval is not None and (chosen or _is_cut_off(store, plan)):  # what was cut off may need no other write
            corrections = _judged(plan, chosen, declared, approval, observed, store, options)
            finished = await _correct(session, corrections, options, environment, declared, files_at)
            drifting = Drifting(_after(report, finished, session), correct, finished)
        if files is None or not due:
            return drifting
        changes = find_due(plan, files, observed, store)
        applied = await carry_out(session, plan, changes, files, declared, observed, options, environment)
        return replace(drifting, report=_after_due(drifting.report, applied, session), due=applied)


def _is_cut_off(store: Store, plan: Plan) -> bool:
    """Return whether a run that is over left its lock or operations, to be settled under our own lock."""
    return any(store.open_operations(site) or is_left(store, site) for site in plan.by_site())


# ------------------------------------------------------------------ what is found


def _report(
    plan: Plan,
    declared: Declared,
    observed: Observed,
    store: Store,
    options: Options,
    approval: Approval | None,
    *,
    notes: bool,
) -> DriftReport:
    modes = declared.settings.drift
    drifted = [change for change in plan.differing if is_drift(change)]
    reported = [change for change in drifted if change.writer or modes[change.slot.kind] != "ignore"]
    waiting = [change for change in plan.differing if differs(change) and not is_drift(change)]
    known = [change for change in waiting if change.reason != "unknown"]
    learners = {change.learner for change in (*reported, *known)}
    applied = store.last_applied(plan.site, learners)
    memory, ended, recent = _remember(plan, reported, declared, store, applied, notes=notes)
    if notes:
        note_steps(store, plan, whole=True)
        remember_identities(store, plan, accepted=False)
    now = store.now()
    holders_then = _wanted_then(options, declared, plan, observed, store) if known else {}
    unrecorded = nothing_recorded(store, plan.site, *plan.by_site()) if plan.changes else ""
    judged = decide_drift(reported, memory, declared.settings, now, approval)
    since = now - LOOKING_BACK
    earlier = issues_of(store, plan.by_site(), "drift", ended_since=since) if memory.corrections else ()
    due = {place_of(change) for change in known if is_due(change, applied.get(place_of(change)), holders_then)}
    seen = seen_at(store, {site: users & learners for site, users in plan.by_site().items()})
    memory = replace(memory, sighted=sightings_of(reported, seen))
    return DriftReport(
        plan=dated(plan, store),
        taken_at=observed.taken_at,
        now=now,
        drift=judged,
        due=tuple(change for change in known if place_of(change) in due),
        pending=tuple(change for change in known if place_of(change) not in due),
        unknown=tuple(change for change in waiting if change.reason == "unknown"),
        ignored=len(drifted) - len(reported),
        unmanaged=unmanaged(plan, observed),
        applied=applied,
        fights=tuple(memory.fights.values()),
        ended=ended,
        unseen=memory.unseen,
        recent_corrections=recent,
        approved=approval.commit if approval else "",
        unrecorded=unrecorded,
        causes=find_causes(judged, observed, [issue for issue in earlier if issue.ended]),
    )


def _remember(
    plan: Plan,
    reported: list[Change],
    declared: Declared,
    store: Store,
    applied: Mapping[Place, LastApplied],
    *,
    notes: bool,
) -> tuple[Memory, tuple[OpenIssue, ...], int]:
    """Return what the store knows of drift and, if `notes`, note what is seen now.

    Also the issues that are over, and the number of recent corrections.
    """
    sites = plan.by_site()
    seen = {place_of(change): Observation(change.before, change.after) for change in reported}

    def see(
        matter: IssueKind, sightings: Observations, words: Words
    ) -> tuple[tuple[OpenIssue, ...], tuple[OpenIssue, ...]]:
        if notes:
            return observe_issues(store, plan, matter, sightings, endings(plan, words))
        return issues_of(store, sites, matter), ()

    issues, ended = see("drift", seen, drift_ending)
    window_start = store.now() - LOOKING_BACK
    corrections = [correction for site in sites for correction in store.corrections(site, window_start)]
    fights = issues_of(store, sites, "fight", ended_since=window_start)
    answered = {fight.place: fight.ended for fight in fights if fight.ended}
    fought, counts = fought_over(reported, declared.settings, corrections, answered)
    new = {place_of(change): Observation(None, change.after) for change in reported if place_of(change) in fought}
    open_fights, _ = see("fight", new, fight_ending)
    looked, over = plan.learners, endings(plan, drift_ending)
    in_scope = (issue for issue in issues if issue.learner in looked or not (plan.left_out or issue.foreign))
    memory = Memory(
        seen={issue.place: issue for issue in issues if issue.place in seen and seen[issue.place].due == issue.due},
        applied=applied,
        corrections=counts,
        fights={fight.place: fight for fight in open_fights if fight.learner in looked},
        unseen=tuple(issue for issue in in_scope if issue.place not in seen and not over(issue)),
    )
    return memory, ended, len(corrections)


def _wanted_then(
    options: Options, declared: Declared, plan: Plan, observed: Observed, store: Store
) -> Mapping[Place, UserId | None]:
    """Return what these files asked for on the day of the newest complete apply.

    If it differs from what they ask for now, a date caused the change.
    """
    run = store.approved(plan.site)
    day = run.started.astimezone(LONDON).date() if run else declared.day
    return wanted_by(read_declared(options.state, day), observed) if day < declared.day else {}


# ------------------------------------------------------------------ what is corrected


def _judged(
    plan: Plan,
    chosen: set[Place],
    declared: Declared,
    approval: Approval,
    observed: Observed,
    store: Store,
    options: Options,
) -> Planned:
    """Make a plan of these corrections alone, under the limits and policies of both sets of files.

    Neither a limit raised in the work tree nor one lowered since is ignored.
    """
    corrections = restrict_to(plan, chosen, declared.settings.calls_per_minute)
    cohorts = missable_cohorts(options, store, plan.site)
    by_these = judge_plan(corrections, declared, observed, cohorts)
    by_approved = judge_plan(corrections, replace(declared, settings=approval.settings), observed, cohorts)
    return Planned(
        replace(
            by_these,
            findings=tuple(dict.fromkeys((*by_these.findings, *by_approved.findings))),
            refusals=tuple(dict.fromkeys((*by_these.refusals, *by_approved.refusals))),
        )
    )


async def _correct(
    session: Session,
    corrections: Planned,
    options: Options,
    environment: Environment,
    declared: Declared,
    files_at: GitState,
) -> ApplyResult:
    if corrections.plan.blocked:
        return ApplyResult(corrections, error=Blocked(corrections.why_blocked()))
    try:
        return await run_plan(
            session, corrections, options, environment, declared, files_at, just_read=True, command="drift"
        )
    except ReconcilerError as error:  # the lock, or what was to be settled first: nothing of this was written
        return ApplyResult(corrections, error=error)


def _after_due(report: DriftReport, applied: ApplyResult, session: Session) -> DriftReport:
    """Return the report with the due changes that were applied, and those that wait for a person."""
    done = carried_out(applied.outcomes)
    return replace(
        report,
        due=tuple(change for change in report.due if place_of(change) not in done),
        pending=tuple(change for change in report.pending if place_of(change) not in done),
        unknown=tuple(change for change in report.unknown if place_of(change) not in done),
        due_run=applied.run,
        due_outcomes=applied.outcomes,
        due_waiting=applied.planned.plan.problems,
        problems=(*report.problems, *(applied.error.problems if applied.error else ())),
        spent_calls=session.client.calls,
    )


def _after(report: DriftReport, finished: ApplyResult, session: Session) -> DriftReport:
    report = replace(
        report,
        run=finished.run,
        outcomes=finished.outcomes,
        problems=finished.error.problems if finished.error else (),
        spent_calls=session.client.calls,
    )
    corrected = report.corrected()
    plan = report.plan
    with suppress(StoreError):  # otherwise the next run sees that it is back
        for issue in issues_of(session.store, plan.by_site(), "drift"):
            if issue.place in corrected:
                session.store.end_issue(issue.id, f"corrected by run {finished.run}")
    return report
