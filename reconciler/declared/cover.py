"""Cover: the stand-in for each member of staff, on one day or over a range of days."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import zip_longest
from typing import NamedTuple

from reconciler.model.declared import Cover, Staff
from reconciler.model.slots import Handle, UserId


class StandIn(NamedTuple):
    """Acting member of staff on a day, and the chain of covers from the one who is covered; empty without cover."""

    member: Staff
    covers: tuple[Cover, ...] = ()


StandIns = Mapping[Handle, StandIn]
"""Acting member of staff for each handle on a day."""


def acting(staff: Mapping[Handle, Staff], day: date) -> StandIns:
    """Follow every chain of cover; a circle or an unknown handle ends the chain (the rules refuse both)."""
    return {handle: _stand_in(member, staff, day) for handle, member in staff.items()}


def _stand_in(member: Staff, staff: Mapping[Handle, Staff], day: date) -> StandIn:
    passed, covers = {member.handle}, tuple[Cover, ...]()
    while cover := member.cover_on(day):
        if cover.by in passed or cover.by not in staff:
            break
        member, covers = staff[cover.by], (*covers, cover)
        passed.add(member.handle)
    return StandIn(member, covers)


def moved_cover(before: Sequence[Cover], after: Sequence[Cover]) -> Cover:
    """Return the cover that begins or, if none takes its place, that has ended between two chains of one holder."""
    for old, new in zip_longest(before, after):
        if old != new:
            return new or old
    raise ValueError("the chains are the same")


class CoverTimeline:
    """Acting staff from `first` to `last`, computed for the days on which some cover begins or ends.

    `moves` has the days after the first on which the acting member of a handle changes; handles without such a day
    are not in it. `covered` are all who have cover on one of the days. `accounts` are everybody's own accounts by
    handle, None for nobody, and `handles` their handles by account.
    """

    def __init__(self, staff: Mapping[Handle, Staff], first: date, last: date) -> None:
        self.first, self.last = first, last
        begins = (cover.start for member in staff.values() for cover in member.cover)
        ends = (cover.end for member in staff.values() for cover in member.cover)
        self._days = [first, *sorted({*self.within(begins), *self.within(map(day_after, ends))})]
        self._acting = [acting(staff, day) for day in self._days]
        self.moves: dict[Handle, list[date]] = {}
        for before, after, day in zip(self._acting, self._acting[1:], self._days[1:], strict=False):
            for handle, stand_in in after.items():
                if before[handle] != stand_in:
                    self.moves.setdefault(handle, []).append(day)
        self.covered = self.moves.keys() | {handle for handle, stand_in in self._acting[0].items() if stand_in.covers}
        self.accounts: dict[str | None, UserId | None] = {handle: member.id for handle, member in staff.items()}
        self.accounts[None] = None
        self.handles: dict[object, Handle] = {member.id: handle for handle, member in staff.items()}

    def within(self, days: Iterable[date | None]) -> Iterator[date]:
        """Yield the days that are after the first, up to the last."""
        return (day for day in days if day is not None and self.first < day <= self.last)

    def on(self, day: date) -> StandIns:
        if day == self.first:  # the usual case
            return self._acting[0]
        return self._acting[bisect_right(self._days, day) - 1]


def day_after(day: date | None) -> date | None:
    """Return the next day; None for an open end and for the last day of the calendar."""
    return None if day in (None, date.max) else day + timedelta(days=1)
