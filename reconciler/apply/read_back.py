"""Readings after a write: one that still shows the old value is made again, with growing pauses, up to a bound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from reconciler.model.history import JournalRow
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.slot_state import SlotState, after_write
from reconciler.model.slots import Holder, Site, Slot, UserId
from reconciler.model.structs import Struct, replace
from reconciler.onefile.reader import Reader
from reconciler.store import Store

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
_DAY = timedelta(days=1)

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
    """Return the reading once it shows the recent writes of earlier runs.

    OneFile may answer one reading from newer data than the next, so a write that was read back may look undone, or like
    drift, to the reading of a plan. If the reading was older than such a write, it may be older than others too: then
    those of the last day count, for as long as the newest write may be late.
    """
    learners = dict(observed.learners)
    older = await _bring_up_to_date(store, reader, recent_writes(store, reader, site), learners)
    if older:
        newest = max(row.effective_from for row in older)
        writes = _by_learner(store.recent_writes(site, newest - _DAY))
        await _bring_up_to_date(store, reader, writes, learners, since=newest)
    return replace(observed, learners=learners)


async def _bring_up_to_date(
    store: Store,
    reader: Reader,
    writes: Mapping[UserId, Iterable[JournalRow]],
    learners: dict[UserId, ObservedLearner],
    since: datetime | None = None,
) -> list[JournalRow]:
    """Read learners again whose reading shows what these writes replaced; return the writes that it was older than."""
    older = []
    for user, rows in writes.items():
        if seen := learners.get(user):
            slots = await no_older(store, reader, rows, seen.slots, since=since)
            older += [row for row in rows if shows_old(row, seen.slots) and not shows_old(row, slots)]
            learners[user] = replace(seen, slots=slots)
    return older


def recent_writes(store: Store, reader: Reader, site: Site) -> dict[UserId, list[JournalRow]]:
    """Return the writes of a site, by learner, that a reading may not show yet."""
    return _by_learner(store.recent_writes(site, store.now() - timedelta(seconds=reader.longest_read_lag_seconds)))


def _by_learner(rows: Iterable[JournalRow]) -> dict[UserId, list[JournalRow]]:
    writes = defaultdict[UserId, list[JournalRow]](list)
    for row in rows:
        writes[row.operation.learner].append(row)
    return writes


async def no_older(
    store: Store, reader: Reader, writes: Iterable[JournalRow], slots: Slots, *, since: datetime | None = None
) -> Slots:
    """Return a learner's slots as shown once these writes are visible, or once the longest read lag has passed.

    `since` is when the lag began, if that was later than the write.
    """
    for row in writes:
        if shows_old(row, slots):
            slots = {**slots, **await reread(store, reader, row, since=since)}
    return slots


async def reread(store: Store, reader: Reader, row: JournalRow, *, since: datetime | None = None) -> Slots:
    """Read the slots of a write that an earlier run sent; again while OneFile may still show the old value.

    `since` is when the lag began, if its row does not show it.
    """
    left = reader.longest_read_lag_seconds - (store.now() - (since or row.effective_from)).total_seconds()
    needed = [slot for slot, _ in row.operation.moves]
    back = await read_back(
        reader, row.operation.learner, needed, lambda slots: shows_old(row, slots), within_seconds=max(0.0, left)
    )
    return {slot: back.slots[slot] for slot in needed}


def shows_old(row: JournalRow, slots: Slots) -> bool:
    """Return whether a reading shows what the write replaced."""
    return after_write(row.operation.moves, slots) is SlotState.TO_WRITE
