"""Calendar of a centre from the files alone: who takes over what from whom, on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import dropwhile
from typing import NamedTuple

from reconciler.model.declared import Cover, Declared, DeclaredLearner, Shift, Waiver, Wanted, Window
from reconciler.model.plan import HandoverKind
from reconciler.model.slots import Handle, Slot, SlotKind
from reconciler.model.structs import Struct, replace
from reconciler.problems import Problem, Source

_DAY = timedelta(days=1)


class DeclaredSlot(NamedTuple):
    """One slot that changes hands, with its learner, whose OneFile id may not be known."""

    learner: DeclaredLearner
    slot: Slot


class Handover(Struct, frozen=True):
    """All the slots that go from one person to another on one day, because of one line of the files.

    `before` and `after` are None for nobody. `covered` is the person for whom a stand-in acts: not necessarily the one
    before, except among the additional people. `last` is the last day of a cover that has one. `cover` is the cover
    that begins or ended, if one is the reason.
    """

    day: date
    kind: HandoverKind
    before: Handle | None
    after: Handle | None
    source: Source
    places: tuple[DeclaredSlot, ...]
    covered: Handle | None = None
    last: date | None = None
    cover: Cover | None = None

    @property
    def learners(self) -> int:
        return len({place.learner.key for place in self.places})


class Breach(Struct, frozen=True):
    """A policy that is broken from a coming day on, as a warning."""

    day: date
    problem: Problem


class ChangeCalendar(Struct, frozen=True):
    """Changes on the days from `first` to `last`, both included.

    `waivers` are those that end on these days. `next` is the first day after `last` on which something changes; it is
    only computed if nothing changes before. `windows` are the times without writes that these days meet.
    `scope` has the cohorts and learners that a command selects; empty for all.
    """

    organisation: int
    first: date
    last: date
    handovers: tuple[Handover, ...]
    waivers: tuple[Waiver, ...]
    breaches: tuple[Breach, ...]
    next: date | None = None
    windows: tuple[Window, ...] = ()
    scope: tuple[str, ...] = ()

    def days(self) -> list[date]:
        """Return the days on which something happens, in order."""
        return sorted(
            {
                *(handover.day for handover in self.handovers),
                *(waiver.until + _DAY for waiver in self.waivers),
                *(breach.day for breach in self.breaches),
            }
        )

    def on(self, day: date) -> ChangeCalendar:
        """Return what happens on one day alone."""
        return ChangeCalendar(
            self.organisation,
            day,
            day,
            tuple(handover for handover in self.handovers if handover.day == day),
            tuple(waiver for waiver in self.waivers if waiver.until + _DAY == day),
            tuple(breach for breach in self.breaches if breach.day == day),
        )


def build_calendar(declared: Declared, breaches: Iterable[Breach]) -> ChangeCalendar:
    """Collect what changes after the declared day, up to its horizon.

    Handovers are sorted by day, kind, people and place.
    """
    shifts: dict[_Key, list[tuple[DeclaredLearner, Shift]]] = defaultdict(list)
    for learner in declared.learners:
        for shift in learner.later:
            kind, before, after = _kind(shift), _handle(shift.before), _handle(shift.after)
            if kind is HandoverKind.COVER and before is None and shift.cover:
                before = shift.cover.covered  # additional people have no holder before them
            if before != after or shift.after is None:
                shifts[shift.day, kind, before, after, shift.source, shift.cover].append((learner, shift))
    handovers = [_handover(key, among) for key, among in shifts.items()]
    ending = (waiver for waiver in declared.settings.waivers if declared.day <= waiver.until < declared.horizon)
    return ChangeCalendar(
        declared.settings.organisation,
        declared.day + _DAY if declared.day < declared.horizon else declared.horizon,
        declared.horizon,
        tuple(sorted(handovers, key=_order)),
        tuple(sorted(ending, key=lambda waiver: (waiver.until, waiver.source))),
        tuple(sorted(breaches, key=lambda breach: (breach.day, breach.problem.place(), breach.problem.what))),
        windows=tuple(window for window in declared.settings.windows if _meets(window, declared)),
    )


def _meets(window: Window, declared: Declared) -> bool:
    """Return whether a window holds on one of the calendar's days; hours of the day return every week."""
    if window.first is None or window.last is None:
        return True
    return window.last > declared.day and window.first <= declared.horizon


def _handle(wanted: Wanted | None) -> Handle | None:
    return wanted.handle if wanted else None


_Key = tuple[date, HandoverKind, Handle | None, Handle | None, Source, Cover | None]


def _handover(key: _Key, shifts: Sequence[tuple[DeclaredLearner, Shift]]) -> Handover:
    day, kind, before, after, source, cover = key
    places = tuple(DeclaredSlot(learner, shift.slot) for learner, shift in shifts)
    handover = Handover(day, kind, before, after, source, places, cover=cover)
    if cover is None or kind is not HandoverKind.COVER:
        return handover
    return replace(handover, covered=cover.covered, last=_last(shifts[0][1]))


def _kind(shift: Shift) -> HandoverKind:
    begins = shift.after is not None and shift.cover is not None and shift.cover.start == shift.day
    if shift.slot.kind is SlotKind.ADDITIONAL and not begins:
        return HandoverKind.LEAVES if shift.after is None else HandoverKind.JOINS
    if shift.after is None:
        return HandoverKind.LAPSE
    if shift.after.staff is None:
        return HandoverKind.VACATED
    if shift.cover is None:
        return HandoverKind.ENTRY
    return HandoverKind.COVER if begins else HandoverKind.RETURN


def _last(shift: Shift) -> date | None:
    """Return the last day of the cover that begins: the first end in the chain from it to the stand-in."""
    chain = dropwhile(lambda cover: cover != shift.cover, shift.after.covers if shift.after else ())
    return min((cover.end for cover in chain if cover.end), default=None)


def _order(handover: Handover) -> tuple[date, int, str, str, Source]:
    kinds = list(HandoverKind)
    return (
        handover.day,
        kinds.index(handover.kind),
        handover.before or "",
        handover.after or "",
        handover.source,
    )
