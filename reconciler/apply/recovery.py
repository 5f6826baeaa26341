"""Crash recovery: resolves operations that a dead run left open by reading OneFile, never by sending again."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.apply.read_back import reread
from reconciler.model.operations import Proof, State
from reconciler.model.plan import Plan, changes_of
from reconciler.model.slot_state import SlotState, after_write
from reconciler.model.slots import Holder, Place, Site, Slot
from reconciler.onefile.reader import Reader
from reconciler.store import JournalRow, Store


async def settle_open(store: Store, reader: Reader, site: Site) -> int:
    """Bring every operation that earlier runs left at intent or sent to an outcome; returns how many.

    An intent was never sent, unless the store keeps intents alone. One that was sent is settled by what OneFile shows
    now. What it does not show stays unknown until a person reports it, unless the record already has the acknowledged
    value. A write that was sent lately may not show yet, so its slots are read again. Hold the lock.
    Raises ServiceError when reading fails: nothing may be written before this is settled.
    """
    open_rows = store.open_operations(site)
    recorded = store.recorded(site, {row.operation.learner for row in open_rows}) if open_rows else {}
    began = store.now()
    for row in open_rows:
        if row.state is State.INTENT and store.keeps_each_send:
            state, detail = State.NOT_TRIED, "the run was cut off before it was sent"
            proof: Proof = ""
        else:
            acknowledged = all(
                recorded.get((row.operation.learner, slot)) == move.after for slot, move in row.operation.moves
            )
            slots = await reread(store, reader, row, since=began if row.state is State.INTENT else None)
            state, detail, proof = _settle_sent(row, slots, acknowledged)
        if state in (State.DONE, State.CONFLICT):  # in a conflict OneFile's value is newer: to later plans it is drift
            applied = [(row.operation.learner, slot, move.after) for slot, move in row.operation.moves]
            store.record(site, applied, run=row.run)  # before the journal, so that a crash between does not lose it
        store.append(row.run, row.operation.id, state, detail=detail, proof=proof)
    return len(open_rows)


def settle_late(store: Store, site: Site, plan: Plan) -> None:
    """Settle as done the failed writes that the plan's reading shows in place: OneFile showed them late. Hold the lock.

    A later run's write to the same slot, or another value in it, leaves the failure as it is.
    """
    failed = store.failed(site)
    changes = changes_of(plan.changes, {row.operation.learner for row in failed})
    shown = {(change.learner, change.slot): change.before for change in changes if not change.recorded}
    late = [
        row
        for row in failed
        if row.may_show_late
        and row.events[-1].at.replace(microsecond=0) <= plan.created_at  # which has whole seconds
        and all(shown.get((row.operation.learner, slot)) == move.after for slot, move in row.operation.moves)
    ]
    last = store.last_applied(site, {row.operation.learner for row in late}) if late else {}
    for row in late:
        if any(place in last and last[place].run > row.run for place in row.places):
            continue
        applied = [(row.operation.learner, slot, move.after) for slot, move in row.operation.moves]
        store.record(site, applied, run=row.run)
        store.append(row.run, row.operation.id, State.DONE, detail="OneFile shows the new value now", proof="read_back")


def written_by_the_dead(store: Store, site: Site, run: int) -> dict[Place, int]:
    """Return the slots that dead runs are known to have written, and no run since, each with its run.

    Call it once what they left is settled, as `run`, which holds the lock.
    """
    rows = store.cut_off(site, before=run)
    last = store.last_applied(site, {row.operation.learner for row in rows}) if rows else {}
    return {
        (row.operation.learner, slot): row.run
        for row in rows
        for slot, move in row.operation.moves
        if (applied := last.get((row.operation.learner, slot)))
        and (applied.run, applied.staff) == (row.run, move.after)
    }


def _settle_sent(row: JournalRow, slots: Mapping[Slot, Holder], acknowledged: bool) -> tuple[State, str, Proof]:
    cut_off = f"the run was cut off {'while it was sent' if row.state is State.SENT else 'before its outcome was kept'}"
    match after_write(row.operation.moves, slots):
        case SlotState.ALREADY_DONE:
            return State.DONE, f"{cut_off}; OneFile shows the new value", "read_back"
        case SlotState.TO_WRITE:
            return State.FAILED, f"{cut_off}; OneFile still shows the old value", "read_back"
        case SlotState.CONFLICT:
            return State.CONFLICT, f"{cut_off}; OneFile shows neither the old nor the new value", "read_back"
        case SlotState.UNSEEN if acknowledged:
            return State.DONE, f"{cut_off}; the answer had come and was recorded", "unreadable"
        case SlotState.UNSEEN:
            return State.UNKNOWN, f"{cut_off}, and OneFile does not show this slot: a person must look", "unreadable"
