"""The closed set of operations, and what surrounds them: changes, plans and outcomes; data only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from reconciler.model.slots import (
    IQA_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    Slot,
    SlotKind,
    StandardId,
    UnitId,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct

SlotRole = Literal["assessor", "iqa"]
_compact = json.JSONEncoder(separators=(",", ":")).encode
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Move(Struct, frozen=True):
    """One holder giving way to another within an operation."""

    before: Holder
    after: UserId


class SetDefaults(Struct, frozen=True):
    """Set a learner's default assessor, default employer or both, in one call."""

    learner: UserId
    assessor: Move | None = None
    employer: Move | None = None


class AssignLearningAim(Struct, frozen=True):
    """Put a member of staff in a learning aim's assessor or IQA slot."""

    learner: UserId
    standard: StandardId
    role: SlotRole
    move: Move


class AssignUnit(Struct, frozen=True):
    """Put a member of staff in a unit's assessor or IQA slot."""

    learner: UserId
    unit: UnitId
    role: SlotRole
    move: Move


class AssignAdditional(Struct, frozen=True):
    """Add a member of staff to the learner's additional people. OneFile cannot show them, so before is unread."""

    learner: UserId
    move: Move


_DEFAULT_ASSESSOR, _DEFAULT_EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
_DEFAULTS = {_DEFAULT_ASSESSOR, _DEFAULT_EMPLOYER}
Operation = SetDefaults | AssignLearningAim | AssignUnit | AssignAdditional


def operation_of(learner: UserId, moves: Mapping[Slot, Move]) -> Operation:
    """Return the operation that makes these moves: both defaults of a learner, or any one slot."""
    if moves.keys() <= _DEFAULTS:
        return SetDefaults(learner, moves.get(_DEFAULT_ASSESSOR), moves.get(_DEFAULT_EMPLOYER))
    ((slot, move),) = moves.items()
    role: SlotRole = "iqa" if slot.kind in IQA_KINDS else "assessor"
    if slot.kind in LEARNING_AIM_KINDS:
        return AssignLearningAim(learner, StandardId(int(slot.key or 0)), role, move)
    if slot.kind in UNIT_KINDS:
        return AssignUnit(learner, UnitId(str(slot.key)), role, move)
    return AssignAdditional(learner, move)


def moves(operation: Operation) -> tuple[tuple[Slot, Move], ...]:
    """The slots that an operation writes, each with who goes and who comes."""
    match operation:
        case SetDefaults(assessor=assessor, employer=employer):
            pairs = ((SlotKind.DEFAULT_ASSESSOR, assessor), (SlotKind.DEFAULT_EMPLOYER, employer))
            return tuple((Slot(kind), move) for kind, move in pairs if move is not None)
        case AssignLearningAim(standard=standard, role=role, move=move):
            kind = SlotKind.LEARNING_AIM_ASSESSOR if role == "assessor" else SlotKind.LEARNING_AIM_IQA
            return ((Slot(kind, standard), move),)
        case AssignUnit(unit=unit, role=role, move=move):
            kind = SlotKind.UNIT_ASSESSOR if role == "assessor" else SlotKind.UNIT_IQA
            return ((Slot(kind, unit), move),)
        case AssignAdditional(move=move):
            return ((Slot(SlotKind.ADDITIONAL, move.after), move),)


def addresses(operation: Operation) -> tuple[str, ...]:
    return tuple(slot.address(operation.learner) for slot, _ in moves(operation))


def facts(operation: Operation) -> list[list[int | str | None]]:
    """What an operation does and displaces, as JSON has it: for each slot its address, who goes and who comes."""
    return [[slot.address(operation.learner), holder_json(move.before), move.after] for slot, move in moves(operation)]


def operation_id(operation: Operation) -> str:
    """Twelve hex digits from what the operation does and displaces: the same operation, the same id."""
    return id_of(facts(operation))


def id_of(operation: list[list[int | str | None]]) -> str:
    """The same, of an operation's facts."""
    return hashed(_compact(operation))[:12]


def step_id(learner: UserId, slot: Slot) -> str:
    """Eight hex digits that name a person's step on a slot: the same from plan to plan until it is done."""
    return hashed(slot.address(learner))[:8]


def hashed(text: str) -> str:
    """SHA-256, as hex digits."""
    import hashlib  # OpenSSL, for a command that writes or closes something

    return hashlib.sha256(text.encode()).hexdigest()


def holder_json(holder: Holder) -> int | str | None:
    """A holder as one JSON value: the id, null for nobody, or the word for why it is not known."""
    return holder.value if isinstance(holder, Unread) else holder


def time_json(moment: datetime | None) -> str | None:
    """A moment as one JSON value: UTC, to the second."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT) if moment else None


class State(StrEnum):
    """Where an operation stands. `intent` and `sent` are journal states; a finished run leaves neither."""

    INTENT = "intent"
    SENT = "sent"
    DONE = "done"
    ALREADY_DONE = "already_done"
    FAILED = "failed"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    NOT_TRIED = "not_tried"


Proof = Literal["", "read_back", "unreadable"]


class Outcome(Struct, frozen=True):
    """How one operation ended. `proof` is read_back where a reading showed the new value in place,
    unreadable where OneFile does not show that slot."""

    operation: Operation
    state: State
    detail: str = ""
    proof: Proof = ""

    @property
    def id(self) -> str:
        return operation_id(self.operation)
