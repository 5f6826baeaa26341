"""Rotation: the learners whom a drift run reads if it does not read everybody, so that nobody waits too long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.history import OpenIssue, Sighting
from reconciler.model.slots import LearnerSlots, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.plan.watch import was_seen

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
    learners: Iterable[tuple[UserId, DeclaredLearner]],
    recorded: LearnerSlots[UserId | None],
    seen: LearnerSlots[tuple[Sighting, ...]],
    issues: Iterable[OpenIssue],
) -> frozenset[UserId]:
    """Return the learners who are read in any case: the files ask for a change, or an issue is open.

    A slot that was last applied, or seen, as it is declared asks for no change.
    """
    drifting = {issue.learner for issue in issues}
    return frozenset(
        user
        for user, learner in learners
        if user in drifting or settled_slots(user, learner, recorded, seen) < len(learner.slots)
    )


def settled_slots(
    user: UserId,
    learner: DeclaredLearner,
    recorded: LearnerSlots[UserId | None],
    seen: LearnerSlots[tuple[Sighting, ...]],
) -> int:
    """Return the number of a learner's slots that were last applied, or seen, as they are declared."""
    last, sightings = recorded.of(user), seen.of(user)
    return sum(
        last[slot] == staff if slot in last else was_seen(sightings.get(slot, ()), staff)
        for slot, staff in learner.holders.items()
    )


def kinds_read(declared: Declared) -> frozenset[SlotKind]:
    """Return the declared kinds of slot that a reading may show."""
    kinds = {slot.kind for learner in declared.learners for slot in learner.slots}
    return frozenset(kinds - {SlotKind.ADDITIONAL})
