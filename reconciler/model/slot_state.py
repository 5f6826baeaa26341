"""State of a slot relative to a move, as a reading shows it: to write, already done, in conflict or unseen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from reconciler.model.operations import Move
from reconciler.model.slots import Holder, Slot, Unread


class SlotState(Enum):
    TO_WRITE = "to write"  # holds what the plan says it holds, or cannot be seen
    ALREADY_DONE = "already done"  # holds the new value
    CONFLICT = "conflict"  # holds something that neither the plan nor we put there
    UNSEEN = "unseen"  # OneFile does not show it: after a write, nothing is proven


def before_write(pairs: Iterable[tuple[Slot, Move]], slots: Mapping[Slot, Holder]) -> SlotState:
    """May the operation that makes these moves be written, given a fresh reading?

    A slot that OneFile does not show cannot contradict the plan. One that was there when the plan was made
    and is empty now has moved, and so has one that was empty and is taken.
    """
    verdicts = {_before_write(move, slots.get(slot, Unread.UNREADABLE)) for slot, move in pairs}
    if SlotState.CONFLICT in verdicts:
        return SlotState.CONFLICT
    return SlotState.TO_WRITE if SlotState.TO_WRITE in verdicts else SlotState.ALREADY_DONE


def _before_write(move: Move, live: Holder) -> SlotState:
    if live == move.after:
        return SlotState.ALREADY_DONE
    if live is Unread.UNREADABLE or live == move.before:
        return SlotState.TO_WRITE
    # the plan could not see the slot, but this reading shows that it is empty: nobody is displaced
    if move.before is Unread.UNREADABLE and live is None:
        return SlotState.TO_WRITE
    return SlotState.CONFLICT


def after_write(pairs: Iterable[tuple[Slot, Move]], slots: Mapping[Slot, Holder]) -> SlotState:
    """What a reading after a write proves of it: ALREADY_DONE in place, TO_WRITE not in place, and so on."""
    verdicts = {_after_write(move, slots.get(slot, Unread.UNREADABLE)) for slot, move in pairs}
    for verdict in (SlotState.CONFLICT, SlotState.TO_WRITE, SlotState.UNSEEN):
        if verdict in verdicts:
            return verdict
    return SlotState.ALREADY_DONE


def _after_write(move: Move, live: Holder) -> SlotState:
    if live == move.after:
        return SlotState.ALREADY_DONE
    if live is Unread.UNREADABLE:
        return SlotState.UNSEEN
    untouched = live == move.before or (move.before is Unread.UNREADABLE and live is None)
    return SlotState.TO_WRITE if untouched else SlotState.CONFLICT
