"""State of a slot relative to a move, as a reading shows it: to write, already done, in conflict or unseen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from reconciler.model.operations import Move
from reconciler.model.slots import Holder, Slot, Unread


class SlotState(Enum):
    """The state of a slot before or after a write."""

    TO_WRITE = "to write"  # holds the plan's old value, or is not shown
    ALREADY_DONE = "already done"  # holds the new value
    CONFLICT = "conflict"  # holds neither the plan's old value nor its new one
    UNSEEN = "unseen"  # not shown by OneFile: after a write, nothing is verified


def before_write(pairs: Iterable[tuple[Slot, Move]], slots: Mapping[Slot, Holder]) -> SlotState:
    """Return whether the operation that makes these moves may be written, given a fresh reading.

    A slot that OneFile does not show cannot contradict the plan. One that was filled when the plan was made
    and is empty now has moved, and so has one that was empty and is filled.
    """
    states = {_before_write(move, slots.get(slot, Unread.UNREADABLE)) for slot, move in pairs}
    if SlotState.CONFLICT in states:
        return SlotState.CONFLICT
    return SlotState.TO_WRITE if SlotState.TO_WRITE in states else SlotState.ALREADY_DONE


def _before_write(move: Move, live: Holder) -> SlotState:
    if live == move.after:
        return SlotState.ALREADY_DONE
    if live is Unread.UNREADABLE or live == move.before:
        return SlotState.TO_WRITE
    # the plan could not read the slot, but this reading shows that it is empty: nobody is displaced
    if move.before is Unread.UNREADABLE and live is None:
        return SlotState.TO_WRITE
    return SlotState.CONFLICT


def after_write(pairs: Iterable[tuple[Slot, Move]], slots: Mapping[Slot, Holder]) -> SlotState:
    """Return what a reading after a write proves: ALREADY_DONE in place, TO_WRITE not in place, and so on."""
    states = {_after_write(move, slots.get(slot, Unread.UNREADABLE)) for slot, move in pairs}
    for state in (SlotState.CONFLICT, SlotState.TO_WRITE, SlotState.UNSEEN):
        if state in states:
            return state
    return SlotState.ALREADY_DONE


def _after_write(move: Move, live: Holder) -> SlotState:
    if live == move.after:
        return SlotState.ALREADY_DONE
    if live is Unread.UNREADABLE:
        return SlotState.UNSEEN
    untouched = live == move.before or (move.before is Unread.UNREADABLE and live is None)
    return SlotState.TO_WRITE if untouched else SlotState.CONFLICT
