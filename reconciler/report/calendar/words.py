"""The words of the calendar, shared by its formats; nothing is escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby

from reconciler.model.declared import Waiver
from reconciler.model.plan import HandoverKind, LaterChange
from reconciler.model.slots import NOBODY, SlotKind
from reconciler.plan.calendar import ChangeCalendar, Handover
from reconciler.plan.windows import window_words
from reconciler.report.common.notices import Cause, Notices, problem_notice
from reconciler.report.common.words import kind_words, slot_words
from reconciler.text import number_of

LOUD = (HandoverKind.LAPSE, HandoverKind.VACATED, HandoverKind.LEAVES)
"""Handovers that need a person."""


def day_words(day: date) -> str:
    """Return `Monday 1 February 2027`."""
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def title_words(calendar: ChangeCalendar) -> str:
    """Return the title with the period, the number of days and the next change."""
    days = len(calendar.days())
    summary = f"{number_of(days, 'day')} with changes" if days else "nothing changes"
    if calendar.next:
        summary += (
            f"; the next change is on {calendar.next}, which --days {(calendar.next - calendar.first).days + 1} shows"
        )
    return f"Calendar from {calendar.first} to {calendar.last}: {summary}"


def handover_words(handover: Handover | LaterChange) -> str:
    """Return the people of a handover, and the manual steps that it needs."""
    before, after = handover.before or NOBODY, handover.after or NOBODY
    match handover.kind:
        case HandoverKind.LAPSE:
            return f"{before}'s entry ends and nobody follows: declare a successor, or the slot is no longer managed"
        case HandoverKind.VACATED:
            return f"{before} must be removed by hand, and nobody follows"
        case HandoverKind.LEAVES:
            return f"{before} must be removed from the additional people by hand"
        case HandoverKind.COVER:
            until = f"until {handover.last}" if handover.last else "permanently"
            instead = f", in place of {before}" if handover.before not in (None, handover.covered) else ""
            return f"{after} stands in for {handover.covered} {until}{instead}"
        case HandoverKind.RETURN:
            return f"{after} takes back from {before}" if handover.before else f"{after} is back"
        case HandoverKind.ENTRY:
            return f"{after} takes over from {before}"
        case HandoverKind.JOINS:
            return f"add {after} to the additional people"
        case HandoverKind.WAIVER:
            return "a waiver has ended"
        case HandoverKind.POLICY:
            return "a policy is broken"


def places_words(handover: Handover) -> str:
    """Return `14 slots of 9 learners (9 default assessor, 5 unit assessor)`."""
    kinds = Counter(place.slot.kind for place in handover.places)
    listed = ", ".join(f"{kinds[kind]} {kind_words(kind)}" for kind in SlotKind if kinds[kind])
    return f"{number_of(len(handover.places), 'slot')} of {number_of(handover.learners, 'learner')} ({listed})"


def learner_lines(handover: Handover) -> Iterator[str]:
    """Yield `LRN-0042: default assessor, assessor of unit KS_COMM1` for each learner."""
    for _, group in groupby(handover.places, key=lambda place: place.learner.key):
        places = list(group)
        yield f"{places[0].learner.name()}: {', '.join(slot_words(place.slot) for place in places)}"


def windows_words(calendar: ChangeCalendar) -> str:
    """Return the sentence on the times without writes; empty if there are none."""
    listed = "; ".join(window_words(window) for window in calendar.windows)
    return f"Windows without writes: {listed}" if listed else ""


def waiver_words(waiver: Waiver) -> str:
    """Return the sentence on a waiver that has ended."""
    if waiver.learner is not None:
        scope = f"learner {waiver.learner}"
    else:
        scope = f"cohort {waiver.cohort}" if waiver.cohort else "the run as a whole"
    return f"the waiver of {waiver.policy} for {scope} has ended: its last day was {waiver.until}"


def ends_on(waiver: Waiver) -> date:
    """Return the first day without the waiver."""
    return waiver.until + timedelta(days=1)


def breach_causes(today: ChangeCalendar, *, verbose: bool = False) -> tuple[Cause, ...]:
    """Return the policies that a day breaks, by cause, as every report groups them."""
    notices = tuple(problem_notice(breach.problem) for breach in today.breaches)
    return Notices("", "", notices, verbose=verbose).causes()
