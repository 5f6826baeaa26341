"""history, unlock and done: what the store remembers, and what a person tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from reconciler.drift import fight_id
from reconciler.model import Handle, OrganisationId, Slot, SlotKind, Unread, UserId
from reconciler.operations import State
from reconciler.plan.consequences import step_id
from reconciler.problems import ExitCode, Invalid, Locked, Problem, ReconcilerError
from reconciler.report import history as report
from reconciler.report.fit import COMMENT_LIMIT
from reconciler.report.markdown import history as markdown
from reconciler.run.context import Context
from reconciler.run.locking import Process, process_of
from reconciler.run.targets import target_of
from reconciler.store import Episode, JournalRow, Lease, RunRow, Store

_EVER = datetime(1970, 1, 2, tzinfo=UTC)

Form = Literal["text", "json", "csv", "markdown"]


def history(context: Context, run: int | None, form: Form, *, limit: int = 50, max_bytes: int = COMMENT_LIMIT) -> str:
    """All runs, newest first, or everything that one run did. Raises Invalid for a run that is not there."""
    with Store.open(context.store_url(), clock=context.clock) as store:
        if run is None:
            return _runs(store.runs(limit=limit), form, max_bytes)
        found = store.run(run)
        if found is None:
            raise Invalid(Problem(f"there is no run {run}", "See the runs with: reconciler history", where="RUN"))
        return _run(found, store.journal(run), _handles(context), form, max_bytes)


def steps(context: Context, form: Form, *, max_bytes: int = COMMENT_LIMIT) -> str:
    """Every step by hand that an apply or a drift run has found, how long it was open, and what closed it."""
    settings = context.declared().settings
    target = target_of(context, settings).name
    with Store.open(context.store_url(), clock=context.clock) as store:
        found = store.episodes(target, settings.organisation, "step", ended_since=_EVER)
    handles = _handles(context)
    match form:
        case "text":
            return report.steps_as_text(found, handles)
        case "markdown":
            return markdown.render_steps(found, handles, limit=max_bytes)
        case "json":
            return report.as_json(report.steps_as_rows(found, handles))
        case "csv":
            return report.as_csv(report.steps_as_rows(found, handles))


def _runs(runs: Sequence[RunRow], form: Form, max_bytes: int) -> str:
    match form:
        case "text":
            return report.runs_as_text(runs)
        case "markdown":
            return markdown.render_runs(runs, limit=max_bytes)
        case "json":
            return report.as_json(report.runs_as_rows(runs))
        case "csv":
            return report.as_csv(report.runs_as_rows(runs))


def _run(run: RunRow, journal: Sequence[JournalRow], handles: report.Handles, form: Form, max_bytes: int) -> str:
    match form:
        case "text":
            return report.run_as_text(run, journal, handles)
        case "markdown":
            return markdown.render_run(run, journal, handles, limit=max_bytes)
        case "json":
            return report.as_json(report.run_as_rows(run, journal, handles))
        case "csv":
            return report.as_csv(report.run_as_rows(run, journal, handles))


def _handles(context: Context) -> dict[UserId, Handle]:
    """Who the ids are today. History must be readable also where the files are not valid any more."""
    try:
        return {member.id: member.handle for member in context.whole().declared().staff.values()}
    except ReconcilerError:
        return {}


def unlock(context: Context, *, reason: str) -> Lease | None:
    """Take the lock of the settings' target and organisation from whoever has it, and note who did so and why.
    Raises Locked where the process that has it is seen to be alive."""
    settings = context.declared().settings
    target = target_of(context, settings).name
    with Store.open(context.store_url(), clock=context.clock) as store:
        lease = store.holder(target, settings.organisation)
        if lease is None:
            return None
        if process_of(lease.host) is Process.ALIVE:
            raise Locked(_alive(lease))
        return store.break_lock(target, settings.organisation, by=context.who(), reason=reason, token=lease.token)


def _alive(lease: Lease) -> Problem:
    run = f"run {lease.run}" if lease.run is not None else "its run"
    return Problem(
        f"{run} of {lease.holder} still works on this machine: `{lease.command}` on {lease.host}",
        "Wait for it, or end that process first (Ctrl-C, or kill with its number): a run whose process has ended on "
        "this machine needs no unlock.",
        where=f"organisation {lease.organisation} on {lease.target}",
    )


Said = Literal["present", "absent"]


def done(context: Context, step: str, *, by: str, outcome: Said) -> str:
    """Close a manual step, or an operation that stayed unknown: a named person says what OneFile holds.

    `present`: the member of staff is on the learner; `absent`: is not. A fight over a slot is answered as well: it
    may be corrected again, whatever the outcome. Returns the step in words. Raises Invalid for a step that is not open.
    """
    settings = context.declared().settings
    target, organisation = target_of(context, settings).name, settings.organisation
    with Store.open(context.store_url(), clock=context.clock) as store:
        found = _open_steps(store, target, organisation).get(step) or _fight(store, target, organisation, step)
        if found is None:
            raise Invalid(_not_open(step, store, target, organisation))
        stand = context.stand()
        run = store.begin_run(
            command="done",
            target=target,
            organisation=organisation,
            fingerprint="",
            who=by,
            commit=stand.commit,
            uncommitted=stand.uncommitted,
        )
        if isinstance(found, Episode):
            store.end_episode(found.id, f"answered by {by}")
            said = "may be corrected again"
        else:
            _close(store, run, target, organisation, found, outcome, by)
            said = outcome
        store.end_run(run, exit_code=ExitCode.DONE, summary={f"said_{said.replace(' ', '_')}": 1})
    return f"{found.slot.address(found.learner)}: {said}, said by {by}"


def _fight(store: Store, target: str, organisation: OrganisationId, step: str) -> Episode | None:
    fights = store.episodes(target, organisation, "fight")
    return next((one for one in fights if fight_id(*one.place) == step), None)


def _close(
    store: Store, run: int, target: str, organisation: OrganisationId, found: _Step, outcome: Said, by: str
) -> None:
    if found.row:
        state = State.DONE if outcome == "present" else State.FAILED
        why = f"looked at in OneFile: {outcome}"
        store.resolve(found.row.run, found.row.operation.id, state, by=by, reason=why)
    if outcome == "present":
        store.record(target, organisation, [(found.learner, found.slot, found.staff)], run=run)
        return
    if found.slot.kind is SlotKind.ADDITIONAL:  # elsewhere, that one person is not there leaves open who is
        store.record(target, organisation, [(found.learner, found.slot, None)], run=run)
    for waiting in store.episodes(target, organisation, "step"):
        if waiting.place == (found.learner, found.slot):
            store.end_episode(waiting.id, f"absent, said by {by}")


def _not_open(step: str, store: Store, target: str, organisation: OrganisationId) -> Problem:
    for waiting in store.episodes(target, organisation, "step"):
        if step_id(*waiting.place) == step:
            what = f"step {step} is on {waiting.slot.address(waiting.learner)}, which OneFile shows"
            fix = "Nobody need say so: apply or drift closes it once it reads the slot empty."
            return Problem(what, fix, where="STEP")
    return Problem(f"no step {step} is open", "See the open steps with: reconciler plan", where="STEP")


@dataclass(frozen=True, slots=True)
class _Step:
    """Something only a person can tell: whether `staff` is on the learner. `row` is the unknown operation, if one."""

    learner: UserId
    slot: Slot
    staff: UserId
    row: JournalRow | None = None


def _open_steps(store: Store, target: str, organisation: OrganisationId) -> dict[str, _Step]:
    known = store.recorded(target, organisation)
    recorded = [
        _Step(learner, slot, staff)
        for (learner, slot), staff in known.items()
        if slot.kind is SlotKind.ADDITIONAL and staff is not None  # what OneFile shows is read, not told
    ]
    unknown = [
        _Step(row.operation.learner, slot, move.after, row)
        for row in store.unknown(target, organisation)
        for slot, move in row.operation.moves
    ]
    refused = [
        _Step(row.operation.learner, slot, move.after)
        for row in store.failed(target, organisation)
        for slot, move in row.operation.moves
        if move.before is Unread.UNREADABLE and (row.operation.learner, slot) not in known  # perhaps there already
    ]
    return {step_id(one.learner, one.slot): one for one in (*refused, *recorded, *unknown)}
