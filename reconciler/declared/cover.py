"""Who acts for whom, on one day and on all the days up to a last one. Pure: the days are arguments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from reconciler.model.declared import Cover, Staff
from reconciler.model.slots import Handle

StandIns = Mapping[Handle, tuple[Staff, Cover | None]]
"""Who acts for each handle on a day, and the cover that put them there (the last one of a chain)."""


def acting(staff: Mapping[Handle, Staff], day: date) -> StandIns:
    """Follow every chain of cover. Circles and strangers are refused by the rules; met here, they end the chain."""
    return {handle: _stand_in(member, staff, day) for handle, member in staff.items()}


def _stand_in(member: Staff, staff: Mapping[Handle, Staff], day: date) -> tuple[Staff, Cover | None]:
    passed, last = {member.handle}, None
    while cover := cover_on(member, day):
        if cover.by in passed or cover.by not in staff:
            break
        member, last = staff[cover.by], cover
        passed.add(member.handle)
    return member, last


def cover_on(member: Staff, day: date) -> Cover | None:
    """The cover in force on *day*, both ends included."""
    for cover in member.cover:
        if cover.start <= day and (cover.end is None or day <= cover.end):
            return cover
    return None


class CoverTimeline:
    """Who acts for each handle from `first` to `last`, worked out on the days on which some cover begins or ends.

    `moves` has the days after the first on which somebody else comes to act for a handle; whoever is not in it has
    no such day.
    """

    def __init__(self, staff: Mapping[Handle, Staff], first: date, last: date) -> None:
        self.first, self.last = first, last
        begins = (cover.start for member in staff.values() for cover in member.cover)
        ends = (cover.end for member in staff.values() for cover in member.cover)
        self._days = [first, *sorted({*self.within(begins), *self.within(map(day_after, ends))})]
        self._acting = [acting(staff, day) for day in self._days]
        self.moves: dict[Handle, list[date]] = {}
        for before, after, day in zip(self._acting, self._acting[1:], self._days[1:], strict=False):
            for handle, who in after.items():
                if before[handle] != who:
                    self.moves.setdefault(handle, []).append(day)

    def within(self, days: Iterable[date | None]) -> Iterator[date]:
        """Those of the days that come after the first, up to the last."""
        return (day for day in days if day is not None and self.first < day <= self.last)

    def on(self, day: date) -> StandIns:
        if day == self.first:  # by far the most are asked about it
            return self._acting[0]
        return self._acting[bisect_right(self._days, day) - 1]


def day_after(day: date | None) -> date | None:
    """None where there is none: for good has no end, and the calendar's last day no morrow."""
    return None if day in (None, date.max) else day + timedelta(days=1)
