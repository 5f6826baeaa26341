"""Column encoding of slots and moves; string and integer keys stay distinct."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from types import NoneType
from typing import Any, TypeVar

from reconciler.model.operations import Move, holder_json
from reconciler.model.slots import Holder, Slot, SlotKind, Unread, UserId, shared_slot
from reconciler.store.connection import moment
from reconciler.store.schema import TABLES

T = TypeVar("T")

MoveJson = list[object]  # [kind, key, before, after]


def key_json(slot: Slot) -> str:
    return json.dumps(slot.key)


@lru_cache(maxsize=10_000)  # all learners have the same few thousand slots
def slot_of(kind: str, key: str) -> Slot:
    """Decode a slot. Raises ValueError for a row that no version of this program wrote."""
    value = json.loads(key)
    if not (value is None or type(value) in (int, str)):
        raise ValueError(key)
    return shared_slot(SlotKind(kind), value)


def moves_json(moves: tuple[tuple[Slot, Move], ...]) -> list[MoveJson]:
    return [[slot.kind.value, slot.key, holder_json(move.before), move.after] for slot, move in moves]


def moves_of(rows: list[MoveJson]) -> tuple[tuple[Slot, Move], ...]:
    return tuple(_move(row) for row in rows)


def _move(row: MoveJson) -> tuple[Slot, Move]:
    match row:
        case [str(kind), (int() | str() | None) as key, (int() | str() | None) as before, int(after)]:
            return Slot(SlotKind(kind), key), Move(holder_of(before), UserId(after))
    raise ValueError(row)


def holder_of(value: int | str | None) -> Holder:
    if isinstance(value, str):
        return Unread(value)
    return None if value is None else UserId(value)


def number(table: str, key: object, value: object) -> float:
    """Check a number that a row holds, such as a count. Raises BentRow."""
    if isinstance(value, (int, float)) and 0 <= value < math.inf:
        return value
    raise BentRow(table, key)


def stored_moment(table: str, key: object, seconds: float) -> datetime:
    """Decode a moment that a row holds. Raises BentRow."""
    try:
        return moment(seconds)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise BentRow(table, key) from error


class BentRow(Exception):
    """A row that no version of this program wrote: cut short, or changed by something else."""

    def __init__(self, table: str, key: object) -> None:
        super().__init__(table, key)
        self.table, self.key = table, key


def decoded(table: str, key: object, row: Mapping[str, Any], decode: Callable[[Mapping[str, Any]], T]) -> T:
    """Decode a row of a table, named by its key. Raises BentRow."""
    try:
        for name, kinds in _COLUMNS[table].items():
            if name in row and not isinstance(row[name], kinds):
                raise ValueError(name)
        return decode(row)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, OSError) as error:
        raise BentRow(table, key) from error


def _kinds(column: str) -> tuple[type, ...]:
    kind = next((kinds for word, kinds in _KINDS if word in column.split()[1]), (int,))
    return kind if "NOT NULL" in column else (*kind, NoneType)


_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (("TEXT", (str,)), ("JSON", (str,)), ("{moment}", (float, int)))
_COLUMNS = {
    table: {
        line.split()[0].strip('"'): _kinds(line) for line in map(str.strip, columns.split(",\n")) if "(" not in line
    }
    for table, columns in TABLES.items()
}
"""The types of each table's columns as SQLite returns them, which lets any type stand in any column."""
