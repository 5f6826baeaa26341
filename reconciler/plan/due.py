"""Due changes: what dates have brought about and the approved files ask for today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from enum import StrEnum

from reconciler.model.declared import Declared
from reconciler.model.history import LastApplied
from reconciler.model.observed import Observed
from reconciler.model.plan import Change
from reconciler.model.slots import Place, Unread, UserId
from reconciler.model.structs import Struct

Holders = Mapping[Place, Set[UserId | None]]


class DueAction(StrEnum):
    """Decision about one change that dates have brought about."""

    WRITE = "write"
    BY_HAND = "by_hand"  # somebody must be removed: OneFile has no unassign
    SET_ASIDE = "set_aside"  # it cannot be written; the change's `blocked` says why
    MOVED = "moved"  # OneFile holds somebody else than was last applied
    NOT_APPROVED = "not_approved"  # the approved commit asks for something else, or none is known


NEEDS_A_PERSON = frozenset({DueAction.BY_HAND, DueAction.SET_ASIDE, DueAction.MOVED})


class Due(Struct, frozen=True):
    """One due change with its decision."""

    change: Change
    action: DueAction


class ApprovedDays(Struct, frozen=True):
    """Holders that the approved files ask for: today, and on each day from that of the approval until yesterday.

    `first` has the holders on the day of the approval itself, which was carried out as a whole.
    """

    today: Mapping[Place, UserId | None]
    earlier: Holders
    first: Mapping[Place, UserId | None]


def approved_days(then: Declared, today: Mapping[Place, UserId | None], observed: Observed) -> ApprovedDays:
    """Collect the holders of all days; `then` are the approved files on the day of approval, read ahead to today."""
    earlier: dict[Place, set[UserId | None]] = defaultdict(set)
    first: dict[Place, UserId | None] = {}
    for learner in then.learners:
        user = learner.user(observed.misids)
        if user is None:
            continue
        for slot, staff in learner.holders.items():
            first[user, slot] = staff
            earlier[user, slot].add(staff)
        for shift in learner.later:
            if shift.day < then.horizon and shift.after is not None:
                earlier[user, shift.slot].add(shift.after.staff)
    return ApprovedDays(today, earlier, first)


def decide_due(changes: Iterable[Change], applied: Mapping[Place, LastApplied], days: ApprovedDays) -> tuple[Due, ...]:
    """Decide about each change that a date has brought about by the approved files.

    A date has brought a change about if the last applied holder is one that the approved files asked for on an earlier
    day, or if they did not declare the slot on the day of the approval, when an older approval's holder may be
    recorded; or, without a record, if they ask for the new holder today and did not on the day of the approval.
    A change that they already asked for on that day is merely pending, and one that the record already has is drift.
    """
    due = []
    for change in changes:
        place = (change.learner, change.slot)
        if place in days.today and _brought_by_date(change, applied.get(place), days):
            due.append(Due(change, _action(change, applied.get(place), days)))
    return tuple(due)


def _brought_by_date(change: Change, last: LastApplied | None, days: ApprovedDays) -> bool:
    place = (change.learner, change.slot)
    wanted = days.today[place]
    if change.action == "no-op" and not change.blocked:
        return False
    if last is not None:
        began = place not in days.first
        return wanted != last.staff and (began or last.staff in days.earlier.get(place, frozenset()))
    return days.first.get(place, Unread.UNREADABLE) != wanted


def _action(change: Change, last: LastApplied | None, days: ApprovedDays) -> DueAction:
    if days.today[change.learner, change.slot] != change.after:
        return DueAction.NOT_APPROVED
    if change.blocked:
        return DueAction.SET_ASIDE
    if change.action == "delete":
        return DueAction.BY_HAND
    seen = not change.recorded and not isinstance(change.before, Unread)
    return DueAction.MOVED if seen and last is not None and change.before != last.staff else DueAction.WRITE
