"""Caseloads over time: the learners of each assessor and IQA on past days, as recorded, and on coming days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from reconciler.model.declared import Declared, DeclaredLearner, Staff, Wanted
from reconciler.model.slots import Slot, SlotKind, UserId
from reconciler.plan.caseload import KINDS

Turns = Mapping[Slot, Sequence[tuple[date, UserId | None]]]
"""Holders of each slot of one learner: the days on which they changed, in order, with the holder from then on."""
Points = Sequence[tuple[date, int]]
"""Days on which a number changes, in order, with the number from then on."""
FIRST = date.min
"""The day of a holder who was there before anything was recorded."""


class CaseloadHistory:
    """Numbers of learners of each assessor and IQA, collected learner by learner."""

    def __init__(self, staff: Iterable[Staff]) -> None:
        self._kinds = {member.id: KINDS[member.role] for member in staff if member.role in KINDS}
        self._changes: dict[UserId, Counter[date]] = defaultdict(Counter)

    def add(self, turns: Turns) -> None:
        """Add one learner."""
        before: set[UserId] = set()
        now: dict[Slot, UserId | None] = {}
        for day in sorted({day for slot in turns.values() for day, _ in slot}):
            for slot, own in turns.items():
                now.update((slot, holder) for at, holder in own if at == day)
            after = self._responsible(now)
            for member in before ^ after:
                self._changes[member][day] += 1 if member in after else -1
            before = after

    def _responsible(self, holders: Mapping[Slot, UserId | None]) -> set[UserId]:
        return {
            holder
            for slot, holder in holders.items()
            if holder is not None and slot.kind in self._kinds.get(holder, frozenset[SlotKind]())
        }

    def points(self, member: UserId, *, first: date) -> Points:
        """Return a member's number of learners from its first day on; what was there before counts from `first`."""
        number, points = 0, dict[date, int]()
        for day, change in sorted(self._changes.get(member, {}).items()):
            number += change
            points[max(day, first)] = number
        return list(points.items())


def declared_caseloads(declared: Declared) -> CaseloadHistory:
    """Return the caseloads that the files ask for, from the declared day on."""
    history = CaseloadHistory(declared.staff.values())
    for learner in declared.learners:
        history.add(declared_turns(learner, declared.day))
    return history


def declared_turns(learner: DeclaredLearner, day: date) -> Turns:
    """Return the holders of a learner's slots on that day and after it, as declared."""
    turns: dict[Slot, list[tuple[date, UserId | None]]] = {
        slot: [(day, staff)] for slot, staff in learner.holders.items()
    }
    for shift in learner.later:
        turns.setdefault(shift.slot, []).append((shift.day, _staff(shift.after)))
    return turns


def _staff(wanted: Wanted | None) -> UserId | None:
    return wanted.staff if wanted else None


def on_day(points: Points, day: date) -> int:
    """Return the number on a day."""
    return next((number for at, number in reversed(points) if at <= day), 0)


def highest(points: Points, day: date, days: int) -> tuple[date, int]:
    """Return the first day, of that one and those after it, with the highest number, and the number."""
    last = day + min(timedelta(days=days), date.max - day)
    coming = [(day, on_day(points, day)), *((at, number) for at, number in points if day < at <= last)]
    return max(coming, key=lambda point: point[1])
