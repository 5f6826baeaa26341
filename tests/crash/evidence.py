"""What really happened, from the sandbox's own files, held against what the journal says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onefile_sandbox.records import LEARNER
from onefile_sandbox.world import World
from reconciler.model.operations import State
from reconciler.model.slots import Place, Slot, SlotKind, Unread, UserId
from reconciler.store import JournalRow, Store
from tests.crash.driver import changes

Holders = dict[Place, int | None]

_FIELDS = {
    ("user", "DefaultAssessorID"): SlotKind.DEFAULT_ASSESSOR,
    ("user", "DefaultEmployerID"): SlotKind.DEFAULT_EMPLOYER,
    ("aim", "AssessorID"): SlotKind.LEARNING_AIM_ASSESSOR,
    ("aim", "IVID"): SlotKind.LEARNING_AIM_IQA,
    ("unit", "AssessorID"): SlotKind.UNIT_ASSESSOR,
    ("unit", "IVID"): SlotKind.UNIT_IQA,
}
NOT_ACTED_ON = (401, 429)  # a call so answered changed nothing, and may be made again


@dataclass(frozen=True)
class Touch:
    """One slot that one event moved. `ours` where it came through the API, and not from OneFile's own pages."""

    ours: bool
    place: Place
    before: int | None
    after: int | None


def holders(world: World) -> Holders:
    """Who holds every slot of every learner, those that a learner holds twice left out."""
    found: Holders = {}
    for user in world.users.values():
        if user["Role"] == LEARNER:
            found[UserId(user["ID"]), Slot(SlotKind.DEFAULT_ASSESSOR)] = user["DefaultAssessorID"]
            found[UserId(user["ID"]), Slot(SlotKind.DEFAULT_EMPLOYER)] = user["DefaultEmployerID"]
    for (table, field), kind in _FIELDS.items():
        rows: Mapping[int, Any] = {"aim": world.aims, "unit": world.units}.get(table, {})
        for row in rows.values():
            found[_work_place(row, kind)] = row[field]
    twice = Counter(_work_place(row, SlotKind.UNIT_ASSESSOR) for row in world.units.values())
    twice.update(_work_place(row, SlotKind.LEARNING_AIM_ASSESSOR) for row in world.aims.values())
    for learner, slot in [place for place, count in twice.items() if count > 1]:
        iqa = {SlotKind.UNIT_ASSESSOR: SlotKind.UNIT_IQA}.get(slot.kind, SlotKind.LEARNING_AIM_IQA)
        del found[learner, slot], found[learner, Slot(iqa, slot.key)]
    for learner_id, people in world.additional.items():
        found |= {(UserId(learner_id), Slot(SlotKind.ADDITIONAL, person)): person for person in people}
    return found


def _work_place(row: Mapping[str, Any], kind: SlotKind) -> Place:
    key = row["UnitID"] if kind in (SlotKind.UNIT_ASSESSOR, SlotKind.UNIT_IQA) else row["StandardID"]
    return UserId(row["UserID"]), Slot(kind, key)


def touches(world: World, held: Holders, lines: Iterable[str]) -> list[Touch]:
    """What the events of a world file moved, in order; `held` is who held what before the first, and moves along."""
    found = []
    for line in lines:
        event = json.loads(line)
        for table, id_, field, value in event["effects"]:
            place, after = _place(world, table, id_, field, value)
            if place is not None:
                found.append(Touch(event["what"] != "edit", place, held.get(place), after))
                held[place] = after
    return found


def _place(world: World, table: str, id_: int, field: str, value: int | None) -> tuple[Place | None, int | None]:
    if table == "additional":
        return (UserId(id_), Slot(SlotKind.ADDITIONAL, value)), value if field == "add" else None
    kind = _FIELDS.get((table, field))
    if kind is None:
        return None, None
    if table == "user":
        return (UserId(id_), Slot(kind)), value
    row: Mapping[str, Any] = world.aims[id_] if table == "aim" else world.units[id_]
    return _work_place(row, kind), value


def journal(store: Store) -> list[JournalRow]:
    """Every operation of every run, oldest first."""
    runs = sorted(run.id for run in store.runs(limit=1000))
    return [row for run in runs for row in store.journal(run)]


def was_sent(row: JournalRow) -> bool:
    """Whether it was sent, or may have been: a store on a branch keeps the intent of a run that died, and no more."""
    perhaps = row.state in (State.DONE, State.FAILED, State.UNKNOWN)
    return perhaps or any(event.state is State.SENT for event in row.events)


def nothing_was_written_twice(found: Sequence[Touch]) -> None:
    """No slot got the same value from us again, unless somebody else had moved it in between; and no write found its
    value there already, save that of an additional person whom somebody else had added: OneFile does not show them."""
    last: dict[Place, Touch] = {}
    for touch in found:
        before = last.get(touch.place)
        assert not (touch.ours and before and before.ours and before.after == touch.after), f"written twice: {touch}"
        unseen = touch.place[1].kind is SlotKind.ADDITIONAL and before is not None and not before.ours
        idle = touch.ours and touch.before == touch.after and not unseen
        assert not idle, f"written where it already stood: {touch}"
        last[touch.place] = touch


def nothing_newer_was_overwritten(found: Sequence[Touch], rows: Sequence[JournalRow]) -> None:
    """Whatever one of our writes displaced is what its journalled operation said that it would displace."""
    meant = Counter(
        (row.operation.learner, slot, move.before, move.after)
        for row in rows
        if was_sent(row)
        for slot, move in row.operation.moves
    )
    for touch in found:
        if touch.ours:
            learner, slot = touch.place
            said: Mapping[Any, int] = {
                key: meant[learner, slot, key, touch.after]
                for key in (touch.before, Unread.UNREADABLE)
                if meant[learner, slot, key, touch.after]
            }
            assert said, f"no operation in the journal was to do this: {touch}"
            meant[learner, slot, next(iter(said)), touch.after] -= 1


def nothing_that_took_effect_is_denied(found: Sequence[Touch], rows: Sequence[JournalRow]) -> None:
    """Where nobody else edits, each slot that we moved has an operation that says so, or that nobody knows."""
    told = {
        (row.operation.learner, slot, move.after)
        for row in rows
        if row.state in (State.DONE, State.UNKNOWN)
        for slot, move in row.operation.moves
    }
    denied = [touch for touch in found if touch.ours and (*touch.place, touch.after) not in told]
    assert not denied, f"not in the journal as done: {denied}"


def every_call_is_accounted_for(calls: Iterable[Mapping[str, Any]], rows: Sequence[JournalRow]) -> None:
    """Each write that the sandbox saw was journalled as sent before, once for each time that it could be acted on."""
    seen = Counter(
        call["path"].lower()
        for call in calls
        if changes(call["method"], call["path"]) and call["status"] not in NOT_ACTED_ON
    )
    sent = Counter(row.operation.path.lower() for row in rows if was_sent(row))
    assert not seen - sent, f"calls without a journal entry: {seen - sent}"


def nothing_is_left_open(rows: Sequence[JournalRow]) -> None:
    left = [row for row in rows if row.state in (State.INTENT, State.SENT)]
    assert not left, f"left open: {[(row.run, row.operation.path, row.state) for row in left]}"


def world_lines(file: Path) -> list[str]:
    """The events of a world file, without its header."""
    return file.read_text(encoding="utf-8").splitlines()[1:]
