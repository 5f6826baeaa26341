"""Holders of slots before and after a plan, and who is in effect: unit, then learning aim, then default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.model.observed import Observed
from reconciler.model.plan import Change, differing, unchanged
from reconciler.model.slots import (
    DEFAULT_ASSESSOR,
    IQA_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrderedSlots,
    Slot,
    SlotKind,
    SlotValues,
    Unread,
    UserId,
)

Held = Mapping[Slot, Holder]
_Group = tuple[list[UserId], list[tuple[Holder, ...]]]
"""Learners with slots of the same kinds, and their holders."""

_UNREADABLE, _NOT_HELD = Unread.UNREADABLE, Unread.NOT_HELD  # to look up a member of an enum takes time in Python 3.11


def holders(observed: Observed, changes: Sequence[Change], *, after: bool) -> Mapping[UserId, Held]:
    """Return the holders per learner before the plan, or after its creates and updates took effect.

    A record is used if OneFile does not show a slot. Slots that a plan does not write (no-op, blocked, held, manual
    step) stay as they are. The changes are those of a plan made from the reading.
    """
    held: dict[UserId, Held] = {learner: seen.slots for learner, seen in observed.learners.items()}
    for learner in unchanged(changes):
        if learner.recorded:
            wanted, read = learner.learner.holders, SlotValues.of(held.get(learner.id, {}))
            held[learner.id] = wanted if read.are_in(wanted) else {**read, **wanted}
    known = (change for change in differing(changes) if change.recorded or change.before is _UNREADABLE)
    held = _with(held, ((change.learner, change.slot, change.before) for change in known))
    return with_writes(held, changes) if after else held


def with_writes(held: Mapping[UserId, Held], changes: Sequence[Change]) -> Mapping[UserId, Held]:
    """Return holders from before the plan as they are after its creates and updates."""
    written = (change for change in differing(changes) if change.action in ("create", "update"))
    return _with(held, ((change.learner, change.slot, change.after) for change in written))


def _with(held: Mapping[UserId, Held], others: Iterable[tuple[UserId, Slot, Holder]]) -> dict[UserId, Held]:
    """Return holders with other ones in some slots; most learners keep theirs."""
    whole: dict[UserId, Held] = dict(held)
    own: dict[UserId, dict[Slot, Holder]] = {}
    for learner, slot, holder in others:
        if learner not in own:
            whole[learner] = own[learner] = dict(held.get(learner, {}))
        own[learner][slot] = holder
    return whole


def by_kind(held: Mapping[UserId, Held]) -> Iterator[tuple[SlotKind, Sequence[UserId], Sequence[Holder]]]:
    """Yield a kind of slot with learners and who holds it, for each slot of those who have slots of the same kinds."""
    groups: dict[tuple[SlotKind, ...], _Group] = {}
    known: dict[int, tuple[OrderedSlots, _Group]] = {}  # by the identity of the slots, which are kept with it
    for learner, slots in held.items():
        values = SlotValues.of(slots)
        if (group := known.get(id(values.slots))) is None:
            group = known[id(values.slots)] = values.slots, groups.setdefault(values.slots.kinds, ([], []))
        _, (learners, rows) = group
        learners.append(learner)
        rows.append(values.column)
    for kinds, (learners, rows) in groups.items():
        for kind, column in zip(kinds, zip(*rows, strict=True), strict=True):
            yield kind, learners, column


def in_effect(held: Held, slot: Slot) -> frozenset[Holder]:
    """Return everybody who may be the one in effect in a slot; one element means that it is certain.

    The slot's own holder is in effect. If nobody is there, the layer below is; if the holder is not known, it may be
    either. None means nobody. An IQA slot of a learning aim has no layer below: there is no default IQA.
    """
    own = held.get(slot, _UNREADABLE)
    if own is not None and not isinstance(own, Unread):
        return frozenset({own})
    below = frozenset(holder for lower in _below(held, slot) for holder in in_effect(held, lower))
    return below if own is None and below else below | {own}


def people(candidates: Iterable[Holder]) -> frozenset[UserId]:
    """Return the accounts among holders, without nobody and without the unread."""
    return frozenset([holder for holder in candidates if isinstance(holder, int)])


def keys(held: Held, kinds: frozenset[SlotKind]) -> list[int | str]:
    """Return the learner's learning aims (whose keys are numbers) or units (texts) that were read, in order."""
    held_keys = {slot.key for slot, holder in held.items() if slot.kind in kinds and holder is not _NOT_HELD}
    return sorted(held_keys)  # type: ignore[arg-type]  # one sort of key, and never None, in each of these layers


def _below(held: Held, slot: Slot) -> Iterator[Slot]:
    if slot.kind in UNIT_KINDS:
        # OneFile does not show which learning aim a unit belongs to. Any of the learner's may be the
        # one, so all of them count: a guess could hide that somebody quality-assures their own work.
        iqa = slot.kind in IQA_KINDS
        kind = SlotKind.LEARNING_AIM_IQA if iqa else SlotKind.LEARNING_AIM_ASSESSOR
        aims = keys(held, LEARNING_AIM_KINDS)
        yield from (Slot(kind, aim) for aim in aims)
        if not aims and not iqa:
            yield DEFAULT_ASSESSOR
    elif slot.kind is SlotKind.LEARNING_AIM_ASSESSOR:
        yield DEFAULT_ASSESSOR
