"""The closed set of operations with their ids, states and outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from reconciler.model.slots import (
    DEFAULT_ASSESSOR,
    DEFAULT_EMPLOYER,
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
    """Change of one slot's holder within an operation."""

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
    """Add a member of staff to the learner's additional people. OneFile cannot show them: `before` is unread."""

    learner: UserId
    move: Move


_DEFAULTS = {DEFAULT_ASSESSOR, DEFAULT_EMPLOYER}
Operation = SetDefaults | AssignLearningAim | AssignUnit | AssignAdditional


def operation_of(learner: UserId, moves: Mapping[Slot, Move]) -> Operation:
    """Return the operation that makes these moves: both defaults of a learner, or any one slot."""
    if moves.keys() <= _DEFAULTS:
        return SetDefaults(learner, moves.get(DEFAULT_ASSESSOR), moves.get(DEFAULT_EMPLOYER))
    ((slot, move),) = moves.items()
    role: SlotRole = "iqa" if slot.kind in IQA_KINDS else "assessor"
    if slot.kind in LEARNING_AIM_KINDS:
        return AssignLearningAim(learner, StandardId(int(slot.key or 0)), role, move)
    if slot.kind in UNIT_KINDS:
        return AssignUnit(learner, UnitId(str(slot.key)), role, move)
    return AssignAdditional(learner, move)


def moves(operation: Operation) -> tuple[tuple[Slot, Move], ...]:
    """Return the slots that an operation writes, each with its old and new holder."""
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
    """Return the content of an operation as JSON values: address, old holder and new holder of each slot."""
    return [[slot.address(operation.learner), holder_json(move.before), move.after] for slot, move in moves(operation)]


def operation_id(operation: Operation) -> str:
    """Return twelve hex digits that identify an operation by the moves it makes."""
    return id_of(facts(operation))


def id_of(operation: list[list[int | str | None]]) -> str:
    """Return the operation id for an operation's facts."""
    return hashed(_compact(operation))[:12]


def step_id(learner: UserId, slot: Slot) -> str:
    """Return eight hex digits that identify the manual step of a slot: the same in every plan until it is done."""
    return hashed(slot.address(learner))[:8]


def hashed(text: str) -> str:
    """Return the SHA-256 of a text as hex digits."""
    return hash_of([text])


def hash_of(pieces: Iterable[str]) -> str:
    """Return the SHA-256 of a text in pieces as hex digits; each piece is made when it is needed."""
    import hashlib  # OpenSSL, for a command that writes or closes something

    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.encode())
    return digest.hexdigest()


def holder_json(holder: Holder) -> int | str | None:
    """Return a holder as one JSON value: the id, null for nobody, or why it is not known."""
    return holder.value if isinstance(holder, Unread) else holder


def time_json(moment: datetime | None) -> str | None:
    """Return a moment as one JSON value: UTC, to the second."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT) if moment else None


class State(StrEnum):
    """State of an operation. `intent` and `sent` are journal states; a finished run leaves neither."""

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
    """Result of one operation.

    `proof` is read_back if a reading showed the new value in place, and unreadable if OneFile does not show that slot.
    """

    operation: Operation
    state: State
    detail: str = ""
    proof: Proof = ""

    @property
    def id(self) -> str:
        return operation_id(self.operation)
