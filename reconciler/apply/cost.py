"""What an apply will call beyond its writes: the readings that prove them. Purely counted from the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from reconciler.model import LEARNING_AIM_KINDS, UNIT_KINDS, Slot, SlotKind, UserId
from reconciler.operations import Plan, moves
from reconciler.service.reader import DEFAULT_KINDS


def calls_to_apply(plan: Plan, shows: Callable[[SlotKind], bool]) -> int:
    """Writes, a reading of the whole learner for the first write of each kind, and one of every other learner
    written, as far as the server shows the slots. Readings made again because a minute has passed come on top."""
    declared: dict[UserId, list[Slot]] = defaultdict(list)
    for change in plan.changes:
        declared[change.learner].append(change.slot)
    proven: set[SlotKind] = set()
    left: dict[UserId, set[Slot]] = defaultdict(set)
    canaries = 0
    for operation in plan.operations:
        written = {slot for slot, _ in moves(operation)}
        if {slot.kind for slot in written} - proven:
            proven |= {slot.kind for slot in written}
            canaries += _layers(declared[operation.learner])
        else:
            left[operation.learner] |= {slot for slot in written if shows(slot.kind)}
    return len(plan.operations) + canaries + sum(_layers(slots) for slots in left.values())


def _layers(slots: Collection[Slot]) -> int:
    """Calls to read a learner's slots: their own record, a search for the aims, a search for the units."""
    kinds = {slot.kind for slot in slots}
    return sum(bool(kinds & layer) for layer in (DEFAULT_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS))
