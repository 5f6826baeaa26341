"""Readings after a write: one that still shows the old value is made again, with growing pauses, up to a bound."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from reconciler.model.history import JournalRow
from reconciler.model.observed import Observed
from reconciler.model.slot_state import SlotState, after_write
from reconciler.model.slots import Holder, Site, Slot, UserId
from reconciler.model.structs import Struct, replace
from reconciler.onefile.reader import Reader
from reconciler.store import Store

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0

Slots = Mapping[Slot, Holder]


class ReadBack(Struct, frozen=True):
    """The last reading after a write, and for how long it was repeated; 0 if the first reading sufficed."""

    slots: Slots
    waited_seconds: float = 0.0

    @property
    def late(self) -> str:
        """The wait in words, to follow a sentence; empty without a wait."""
        return f", {self.waited_seconds:.0f} s later" if self.waited_seconds else ""


async def read_back(
    reader: Reader,
    learner: UserId,
    needed: Collection[Slot],
    is_old: Callable[[Slots], bool],
    *,
    whole: bool = False,
    within_seconds: float | None = None,
) -> ReadBack:
    """Read a learner until the slots no longer show what a write replaced, or until the longest read lag has passed.

    `within_seconds` is what is left of the longest read lag, if it has begun already.
    """
    within = reader.longest_read_lag_seconds if within_seconds is None else within_seconds
    started, pause = reader.clock.monotonic(), FIRST_PAUSE_SECONDS
    waited = 0.0
    while True:
        slots = (await reader.slots(learner, needed, whole=whole)).slots
        left = started + within - reader.clock.monotonic()
        if left <= 0 or not is_old(slots):
            return ReadBack(slots, waited)
        reader.note_lag(learner, left)
        await reader.clock.sleep(min(pause, left))
        waited = reader.clock.monotonic() - started
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def await_recent_writes(store: Store, reader: Reader, site: Site, observed: Observed) -> Observed:
    """Return the reading once it shows the recent writes that no earlier run has seen in place.

    A run that was cut off before its read-back leaves such writes: to a plan they would look undone, or like drift.
    """
    longest = timedelta(seconds=reader.longest_read_lag_seconds)
    learners = dict(observed.learners)
    for row in store.unverified_writes(site, store.now() - longest):
        seen = learners.get(row.operation.learner)
        if seen is None or not shows_old(row, seen.slots):
            continue
        slots = await reread(store, reader, row)
        learners[row.operation.learner] = replace(seen, slots={**seen.slots, **slots})
    return replace(observed, learners=learners)


async def reread(store: Store, reader: Reader, row: JournalRow, *, since: datetime | None = None) -> Slots:
    """Read the slots of a write that an earlier run sent; again while OneFile may still show the old value.

    `since` is when it was sent at the latest, if its row does not show it.
    """
    left = reader.longest_read_lag_seconds - (store.now() - (since or row.events[-1].at)).total_seconds()
    needed = [slot for slot, _ in row.operation.moves]
    back = await read_back(
        reader, row.operation.learner, needed, lambda slots: shows_old(row, slots), within_seconds=max(0.0, left)
    )
    return {slot: back.slots[slot] for slot in needed}


def shows_old(row: JournalRow, slots: Slots) -> bool:
    """Return whether a reading shows what the write replaced."""
    return after_write(row.operation.moves, slots) is SlotState.TO_WRITE
