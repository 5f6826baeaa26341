"""Causes of drift: slots that moved together, or that move again after each correction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from reconciler.model.history import OpenIssue
from reconciler.model.observed import CANNOT_ACT, Observed
from reconciler.model.slots import DEFAULT_KINDS, Place, UserId
from reconciler.plan.drift import Cause, CauseKind, Confidence, Drifted, place_of

Key = TypeVar("Key", bound=Hashable)
Find = Callable[[Sequence[Drifted]], Iterable[Cause]]

LEAST_FROM_ARCHIVED = 2
"""Slots of an archived person from which they are one finding."""
LEAST_TOGETHER = 5
"""Slots that moved between two readings from which they are one finding."""
LEAST_RETURNED = 3
"""Slots of a kind that moved again after one correction from which they are one finding; after two, one is enough."""
SAME_HOUR = timedelta(hours=2)
"""Longest part of the day in which all sightings are at about the same hour."""
_DAY = timedelta(days=1)


def find_causes(drift: Sequence[Drifted], observed: Observed, earlier: Iterable[OpenIssue] = ()) -> tuple[Cause, ...]:
    """Return the probable causes, each with slots that no cause before it has.

    `earlier` are the issues of the same slots that are over: when each was seen to move before.
    """
    causes: list[Cause] = []
    left = [drifted for drifted in drift if isinstance(drifted.change.before, int)]
    for find in (_archived(observed), _sent_again(earlier), _batches, _reallocated):
        found = sorted(find(left), key=_order)
        explained = {place for cause in found for place in cause.places}
        left = [drifted for drifted in left if place_of(drifted.change) not in explained]
        causes += found
    return tuple(causes)


def _order(cause: Cause) -> tuple[int, int, int]:
    return -len(cause.slots), cause.left or 0, cause.came or 0


def _archived(observed: Observed) -> Find:
    """Find slots whose applied holder's account is archived or gone, and that one person has now."""
    gone = {user for (_, user), account in observed.staff.items() if account.standing in CANNOT_ACT}

    def find(drift: Sequence[Drifted]) -> Iterable[Cause]:
        lost = [drifted for drifted in drift if drifted.change.after in gone]
        heirs = _grouped(lost, lambda drifted: drifted.change.after)
        for (left, came), slots in _grouped(lost, _pair).items():
            if len(slots) >= LEAST_FROM_ARCHIVED:
                confidence: Confidence = "likely" if len(heirs[left]) == len(slots) else "possible"
                yield Cause(CauseKind.ARCHIVED, confidence, tuple(slots), _since(slots), left, came)

    return find


def _sent_again(earlier: Iterable[OpenIssue]) -> Find:
    """Find slots that were corrected and have moved again."""
    sightings: dict[Place, list[datetime]] = defaultdict(list)
    for issue in earlier:
        sightings[issue.place].append(issue.first_seen)

    def find(drift: Sequence[Drifted]) -> Iterable[Cause]:
        returned = [drifted for drifted in drift if drifted.corrections and drifted.change.after is not None]
        for slots in _grouped(returned, lambda drifted: drifted.change.slot.kind).values():
            most = max(drifted.corrections for drifted in slots)
            if most < 2 and len(slots) < LEAST_RETURNED:
                continue
            times = [drifted.first_seen for drifted in slots]
            times += [time for drifted in slots for time in sightings[place_of(drifted.change)]]
            came = {_came(drifted) for drifted in slots}
            yield Cause(
                CauseKind.SENT_AGAIN,
                "likely" if most >= 2 else "possible",
                tuple(slots),
                min(times),
                came=came.pop() if len(came) == 1 else None,
                corrections=most,
                between=same_hour(times),
            )

    return find


def _batches(drift: Sequence[Drifted]) -> Iterable[Cause]:
    """Find defaults that became one person's at once, from several people."""
    defaults = [drifted for drifted in drift if drifted.change.slot.kind in DEFAULT_KINDS]
    together = _grouped(defaults, lambda drifted: (drifted.change.slot.kind, _came(drifted), drifted.first_seen))
    for (_, came, since), slots in together.items():
        if len(slots) >= LEAST_TOGETHER and len({drifted.change.after for drifted in slots}) > 1:
            yield Cause(CauseKind.BATCH, "possible", tuple(slots), since, came=came)


def _reallocated(drift: Sequence[Drifted]) -> Iterable[Cause]:
    """Find slots that went from one person to another at once."""
    together = _grouped(drift, lambda drifted: (*_pair(drifted), drifted.first_seen))
    for (left, came, since), slots in together.items():
        if len(slots) >= LEAST_TOGETHER:
            yield Cause(CauseKind.REALLOCATED, "possible", tuple(slots), since, left, came)


def same_hour(times: Collection[datetime]) -> tuple[datetime, datetime] | None:
    """Return the earliest and the latest time of day of several, if they are close; midnight may be between them."""
    if len({time.date() for time in times}) < 2:
        return None
    ordered = sorted(times, key=_time_of_day)
    after = [*ordered[1:], ordered[0]]
    gaps = [(_time_of_day(then) - _time_of_day(now)) % _DAY for now, then in zip(ordered, after, strict=True)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    if _DAY - gaps[widest] > SAME_HOUR and gaps[widest]:
        return None
    return after[widest], ordered[widest]


def _time_of_day(time: datetime) -> timedelta:
    return timedelta(hours=time.hour, minutes=time.minute, seconds=time.second)


def _pair(drifted: Drifted) -> tuple[UserId | None, UserId]:
    return drifted.change.after, _came(drifted)


def _came(drifted: Drifted) -> UserId:
    """Return who is there now; find_causes leaves out slots that nobody is known to hold."""
    holder = drifted.change.before
    assert isinstance(holder, int)  # noqa: S101
    return UserId(holder)


def _since(slots: Iterable[Drifted]) -> datetime:
    return min(drifted.first_seen for drifted in slots)


def _grouped(drift: Iterable[Drifted], key: Callable[[Drifted], Key]) -> Mapping[Key, list[Drifted]]:
    groups: dict[Key, list[Drifted]] = {}
    for drifted in drift:
        groups.setdefault(key(drifted), []).append(drifted)
    return groups
