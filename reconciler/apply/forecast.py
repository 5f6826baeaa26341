"""Forecast of the calls of an apply: its writes, and the readings before and after them, counted from the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.apply.attempt import READING_COUNTS_FOR
from reconciler.apply.executor import is_one_write
from reconciler.model.operations import Operation, SetDefaults, moves
from reconciler.model.plan import Plan, changes_of
from reconciler.model.slots import LAYERS, Slot, SlotKind, UserId
from reconciler.onefile.reader import Reader, layers_of


def calls_to_apply(plan: Plan, reader: Reader, proven_lately: Collection[SlotKind] = ()) -> int:
    """Count the calls that applying a plan takes.

    These are the writes; readings of the learner around the first write of each kind, of the whole learner for a
    default; and one reading of every other learner written, where the server shows the slots. What the session has just
    read is not read again before a write. Not counted: readings repeated because a minute has passed, and a second
    reading of a learner who has no learning aims, or no units, at all.
    """
    count = _Count(plan, reader)
    count.proven |= set(proven_lately) if is_one_write(plan) else set()
    for operation in plan.operations:
        count.add(operation)
    proofs = sum(len(layers_of(slots)) for slots in count.unproven.values())
    return len(plan.operations) + count.readings + proofs


@dataclass
class _Count:
    """Count of readings so far, and the slots that are read back at the end."""

    plan: Plan
    reader: Reader
    readings: int = 0
    proven: set[SlotKind] = field(default_factory=set)
    read: set[UserId] = field(default_factory=set)
    unproven: dict[UserId, set[Slot]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self.declared: dict[UserId, set[Slot]] = defaultdict(set)
        for change in changes_of(self.plan.changes, self.plan.learners_written):
            self.declared[change.learner].add(change.slot)

    def add(self, operation: Operation) -> None:
        written, learner = _written(operation), operation.learner
        kinds = {slot.kind for slot in written}
        if kinds <= self.proven:
            self.unproven[learner] |= {slot for slot in written if self.reader.shows(slot.kind)}
            return
        self.proven |= kinds
        declared, is_whole = self.declared[learner], isinstance(operation, SetDefaults)
        missing = 0
        if learner not in self.read:
            missing = self.reader.layers_missing(learner, declared, whole=is_whole, within=READING_COUNTS_FOR)
        self.read.add(learner)
        self.readings += missing + len(LAYERS if is_whole else layers_of(declared))


def _written(operation: Operation) -> set[Slot]:
    return {slot for slot, _ in moves(operation)}
