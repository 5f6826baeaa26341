"""Learning aims and units of many learners: from one list of all learners if that is cheaper, else one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.slots import LEARNING_AIM_KINDS, UNIT_KINDS, Holder, Slot, SlotKind, Unread, UserId
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.list_scan import ListReader, Rows
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import WorkRow

ToRead = Mapping[UserId, Collection[Slot]]
EVERYTHING = frozenset(Slot(kind) for kind in LEARNING_AIM_KINDS | UNIT_KINDS)


class Work:
    """Learning aims and units by learner; only the learners who need them are read.

    A wanted slot without a key (`EVERYTHING`) means all that a learner has of its kind.
    """

    def __init__(self, reader: Reader, capabilities: Capabilities) -> None:
        self.slots: dict[UserId, dict[Slot, Holder]] = defaultdict(dict)
        self.alone: dict[UserId, set[frozenset[SlotKind]]] = defaultdict(
            set
        )  # layers that a search of their own showed
        self._times: dict[UserId, float] = {}
        self._reader = reader
        aims = ListReader("learning_aims", reader.all_learning_aims, reader.paging, capabilities)
        units = ListReader("unit_summaries", reader.all_unit_summaries, reader.paging, capabilities)
        self._layers = (_Layer(LEARNING_AIM_KINDS, "LearningAim", aims), _Layer(UNIT_KINDS, "UnitSummary", units))

    async def survey(self, wanted: Sequence[Collection[Slot]], in_all: int) -> None:
        """Find the cheapest way to read these slots, one collection per learner; `in_all` counts all learners."""
        for layer in self._layers:
            await layer.survey(wanted, in_all)

    @property
    def calls_left(self) -> int:
        return sum(layer.scan.calls_left if layer.scan.chosen else layer.wanted for layer in self._layers)

    def at(self, learner: UserId) -> float:
        """Return when the oldest part of this learner's work was read, in monotonic seconds."""
        return self._times.get(learner, float("inf"))

    async def read(self, wanted: ToRead, spent: Callable[[], None]) -> None:
        for layer in self._layers:
            of_layer = {learner: slots for learner, slots in wanted.items() if layer.concerns(slots)}
            await self._read_layer(layer, of_layer, spent)

    async def _read_layer(self, layer: _Layer, wanted: ToRead, spent: Callable[[], None]) -> None:
        started = self._reader.clock.monotonic()
        if layer.scan.chosen and wanted:
            await layer.scan.read()
            spent()
            self._sort(layer, wanted, started)
        alone = [learner for learner in sorted(wanted) if not self._complete(learner, wanted[learner], layer)]
        await gather_bounded(alone, lambda learner: self._ask(learner, wanted[learner], layer, spent))

    def _sort(self, layer: _Layer, wanted: ToRead, at: float) -> None:
        """Assign the rows of the list to the wanted learners.

        A field that a row lacks means nobody if other rows of this list have it. If none has, the list does not show
        that kind of slot, and it is left out: that another list has it proves nothing about this one.
        """
        kinds = _sent(layer.scan.rows.values())
        rows: dict[UserId, list[WorkRow]] = defaultdict(list)
        for row in layer.scan.rows.values():
            if row.learner is not None and row.learner in wanted:
                rows[row.learner].append(row)
        self._reader.listed_fields |= kinds
        for learner in wanted:
            slots = self._reader.work_slots(learner, rows.get(learner, ()), layer.name)
            self.slots[learner] |= {
                slot: None if held is Unread.UNREADABLE else held for slot, held in slots.items() if slot.kind in kinds
            }
            self._times[learner] = min(at, self.at(learner))

    def _complete(self, learner: UserId, slots: Collection[Slot], layer: _Layer) -> bool:
        """Return True if the list had all that is declared here; otherwise the learner is read alone."""
        named = (slot for slot in slots if slot.kind in layer.kinds and slot.key is not None)
        return layer.scan.whole and all(slot in self.slots[learner] for slot in named)

    async def _ask(self, learner: UserId, slots: Collection[Slot], layer: _Layer, spent: Callable[[], None]) -> None:
        started = self._reader.clock.monotonic()
        ask = self._reader.learning_aims if layer.kinds is LEARNING_AIM_KINDS else self._reader.units
        self.slots[learner] |= await ask(learner, slots)
        self.alone[learner].add(layer.kinds)
        self._times[learner] = min(started, self.at(learner))
        spent()


@dataclass
class _Layer:
    """Learning aims or units: the kinds of slot, the name of their search in errors, and the list of all learners."""

    kinds: frozenset[SlotKind]
    name: str
    scan: ListReader[WorkRow]
    wanted: int = 0  # learners who would cost a call of their own

    def concerns(self, slots: Iterable[Slot]) -> bool:
        return any(slot.kind in self.kinds for slot in slots)

    async def survey(self, wanted: Sequence[Collection[Slot]], in_all: int) -> None:
        kinds = {slot.kind for slots in wanted for slot in slots} & self.kinds
        self.wanted = sum(self.concerns(slots) for slots in wanted)

        def usable(rows: Rows[WorkRow]) -> bool:
            """Return False for rows without their learner or without a field that is wanted."""
            return bool(rows) and all(row.learner for row in rows.values()) and kinds <= _sent(rows.values())

        def length(rows: Rows[WorkRow]) -> int:
            """Estimate the list's length: as many rows per learner as on the first page."""
            return round(len(rows) / max(1, len({row.learner for row in rows.values()})) * in_all)

        await self.scan.estimate(lambda _: self.wanted, guess=length, usable=usable)


def _sent(rows: Iterable[WorkRow]) -> frozenset[SlotKind]:
    return frozenset(kind for row in rows for kind, held in row.holders.items() if held is not Unread.UNREADABLE)
