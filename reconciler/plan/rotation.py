"""Rotation: the learners whom a drift run reads if it does not read everybody, so that nobody waits too long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.history import OpenIssue
from reconciler.model.observed import Recorded
from reconciler.model.slots import Place, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.plan.watch import Seen

WEEK = 7
"""Days within which everybody is read, if OneFile shows who changed."""
_SLACK = timedelta(hours=12)  # a daily run is not always at the same minute


class Coverage(Struct, frozen=True):
    """Times of each declared learner's last reading, once a run has read some of them.

    `read` counts those of this run, `declared` all. Everybody is read within `days`, or each time if that is None.
    `follows_changes`: OneFile shows who changed, and they were read as well. `watched_before` counts the slots of
    learners who were not read now that held what is declared when they were read last.
    """

    read_at: Mapping[UserId, datetime]
    read: int
    declared: int
    days: int | None = None
    follows_changes: bool = False
    watched_before: int = 0

    @property
    def is_part(self) -> bool:
        """True if some declared learners were not read by this run."""
        return self.read < self.declared

    @property
    def oldest(self) -> datetime | None:
        """The time of the oldest of these readings."""
        return min(self.read_at.values(), default=None)


def to_read(
    users: Collection[UserId], read_at: Mapping[UserId, datetime], now: datetime, days: int
) -> frozenset[UserId]:
    """Return the learners whose turn it is, for a run a day: who was never read, or would wait longer than `days`.

    Beside them, those who have waited longest, so that each day has its share.
    """
    never = {user for user in users if user not in read_at}
    longest = timedelta(days=days) - _SLACK
    due = {user for user in users if user in read_at and now - read_at[user] >= longest}
    waiting = sorted((read_at[user], user) for user in users if user in read_at and user not in due)
    share = -(-len(users) // days)
    more = max(0, share - len(never) - len(due))
    return frozenset(never | due | {user for _, user in waiting[:more]})


def at_once(
    learners: Iterable[tuple[UserId, DeclaredLearner]], recorded: Recorded, seen: Seen, issues: Iterable[OpenIssue]
) -> frozenset[UserId]:
    """Return the learners who are read in any case: the files ask for a change, or an issue is open.

    A slot that was last applied, or seen, as it is declared asks for no change.
    """
    drifting = {issue.learner for issue in issues}
    return frozenset(
        user for user, learner in learners if user in drifting or any(_asks(user, learner, recorded, seen))
    )


def _asks(user: UserId, learner: DeclaredLearner, recorded: Recorded, seen: Seen) -> Iterator[bool]:
    return (not is_settled((user, slot), want.staff, recorded, seen) for slot, want in learner.slots.items())


def is_settled(place: Place, staff: UserId | None, recorded: Recorded, seen: Seen) -> bool:
    """Return whether a slot was last applied, or seen, with this holder."""
    if place in recorded:
        return recorded[place] == staff
    return any(sighting.holder == staff for sighting in seen.get(place, ()))


def kinds_read(declared: Declared) -> frozenset[SlotKind]:
    """Return the declared kinds of slot that a reading may show."""
    kinds = {slot.kind for learner in declared.learners for slot in learner.slots}
    return frozenset(kinds - {SlotKind.ADDITIONAL})
