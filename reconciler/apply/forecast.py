"""Forecast of the calls of an apply: its writes, and the readings before and after them, counted from the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from reconciler.model.operations import Operation, SetDefaults, moves
from reconciler.model.plan import Plan
from reconciler.model.slots import LAYERS, Slot, SlotKind, Unread, UserId
from reconciler.onefile.reader import layers_of


def calls_to_apply(plan: Plan, shows: Callable[[SlotKind], bool], *, just_read: bool) -> int:
    """Count the calls that applying a plan takes.

    These are the writes; readings of the learner around the first write of each kind, of the whole learner for a
    default; and one reading of every other learner written, where the server shows the slots. A plan that was
    not `just_read` is checked first, learner by learner. Not counted: readings repeated because a minute has passed,
    and a second reading of a learner who has no learning aims, or no units, at all.
    """
    count = _Count(plan, just_read)
    for operation in plan.operations:
        count.add(operation, shows)
    proofs = sum(len(layers_of(slots)) for slots in count.unproven.values())
    return len(plan.operations) + count.readings + proofs


def shown_in(plan: Plan) -> Callable[[SlotKind], bool]:
    """Return a test of whether a kind of slot could be read when the plan was made."""
    known = {change.slot.kind for change in plan.changes if not (change.recorded or isinstance(change.before, Unread))}
    return known.__contains__


@dataclass
class _Count:
    """Count of readings so far; `known` has the slots that the last reading of each learner surely has."""

    plan: Plan
    just_read: bool
    readings: int = 0
    proven: set[SlotKind] = field(default_factory=set)
    known: dict[UserId, set[Slot]] = field(default_factory=dict)
    unproven: dict[UserId, set[Slot]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self.declared: dict[UserId, set[Slot]] = defaultdict(set)
        for change in self.plan.changes:
            self.declared[change.learner].add(change.slot)
        if self.just_read:
            self.known |= self.declared
            return
        written: dict[UserId, set[Slot]] = defaultdict(set)
        for operation in self.plan.operations:
            written[operation.learner] |= _written(operation)
        self.readings += sum(len(layers_of(slots)) for slots in written.values())
        for learner, slots in written.items():
            shown = {kind for layer in layers_of(slots) for kind in layer}
            self.known[learner] = slots | {slot for slot in self.declared[learner] if slot.kind in shown}

    def add(self, operation: Operation, shows: Callable[[SlotKind], bool]) -> None:
        written, learner = _written(operation), operation.learner
        kinds = {slot.kind for slot in written}
        if kinds <= self.proven:
            self.unproven[learner] |= {slot for slot in written if shows(slot.kind)}
            return
        self.proven |= kinds
        self.readings += self._around(operation, self.declared[learner])
        self.known[learner] = self.declared[learner]

    def _around(self, operation: Operation, declared: Collection[Slot]) -> int:
        """Count the readings before and after the first write of a kind."""
        if isinstance(operation, SetDefaults):
            return 2 * len(LAYERS)
        before = 0 if self.known[operation.learner].issuperset(declared) else len(layers_of(declared))
        return before + len(layers_of(declared))


def _written(operation: Operation) -> set[Slot]:
    return {slot for slot, _ in moves(operation)}
