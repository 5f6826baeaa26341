"""Column encoding of slots and moves; string and integer keys stay distinct."""

from __future__ import annotations

import json
from functools import lru_cache

from reconciler.model.operations import Move, holder_json
from reconciler.model.slots import Holder, Slot, SlotKind, Unread, UserId
from reconciler.problems import Problem, StoreError

MoveJson = list[object]  # [kind, key, before, after]


def key_json(slot: Slot) -> str:
    return json.dumps(slot.key)


@lru_cache(maxsize=10_000)  # all learners have the same few thousand slots
def slot_of(kind: str, key: str) -> Slot:
    """Decode a slot. Raises StoreError for a row that no version of this program wrote."""
    try:
        return Slot(SlotKind(kind), json.loads(key))
    except ValueError as error:
        raise _unreadable(f"a slot {kind}, {key}") from error


def moves_json(moves: tuple[tuple[Slot, Move], ...]) -> list[MoveJson]:
    return [[slot.kind.value, slot.key, holder_json(move.before), move.after] for slot, move in moves]


def moves_of(rows: list[MoveJson]) -> tuple[tuple[Slot, Move], ...]:
    try:
        return tuple(_move(row) for row in rows)
    except ValueError as error:
        raise _unreadable(f"the moves {rows}") from error


def _move(row: MoveJson) -> tuple[Slot, Move]:
    match row:
        case [str(kind), (int() | str() | None) as key, (int() | str() | None) as before, int(after)]:
            return Slot(SlotKind(kind), key), Move(holder_of(before), UserId(after))
    raise ValueError(row)


def holder_of(value: int | str | None) -> Holder:
    if isinstance(value, str):
        return Unread(value)
    return None if value is None else UserId(value)


def _unreadable(what: str) -> StoreError:
    fix = "Another program wrote to the store. Restore it from a backup, or use a new store."
    return StoreError(Problem(what=f"the store holds {what}, which this program never writes", fix=fix, where="store"))
