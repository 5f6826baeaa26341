"""Cover: the stand-in for each member of staff, on one day or over a range of days."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from reconciler.model.declared import Cover, Staff
from reconciler.model.slots import Handle

StandIns = Mapping[Handle, tuple[Staff, Cover | None]]
"""Acting member of staff for each handle on a day, and the cover behind it (the last in a chain)."""


def acting(staff: Mapping[Handle, Staff], day: date) -> StandIns:
    """Follow every chain of cover; a circle or an unknown handle ends the chain (the rules refuse both)."""
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
    """Return the cover in force on *day*, both ends included."""
    for cover in member.cover:
        if cover.start <= day and (cover.end is None or day <= cover.end):
            return cover
    return None


class CoverTimeline:
    """Acting staff from `first` to `last`, computed for the days on which some cover begins or ends.

    `moves` has the days after the first on which the acting member of a handle changes; handles without such a day
    are not in it.
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
