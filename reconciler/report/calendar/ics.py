"""The calendar as iCalendar (RFC 5545), for calendar programs that subscribe to it: all-day events, the same each time.

An event is known by what happens, to whom and on which day, so that a program that reads the file again keeps the event
it has, and drops one that was moved or withdrawn. Nothing here tells the hour of writing: the same files give the same
bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from icalendar import Calendar, Event

from reconciler.plan.calendar import ChangeCalendar, Handover, Kind
from reconciler.report.calendar.words import ends_on, handover_words, learner_lines, places_words, waiver_words
from reconciler.report.common.escape import visible
from reconciler.text import number_of

NAMED = 40  # learners in one event's description; more would be cut by calendar programs


def render_ics(coming: ChangeCalendar) -> str:
    """Lines end with CR LF and are folded at 75 bytes, as the standard asks."""
    calendar = Calendar()
    calendar.add("prodid", "-//onefile-reconciler//calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Staff changes, organisation {coming.organisation}")
    calendar.add("x-wr-timezone", "Europe/London")
    for event in _events(coming):
        calendar.add_component(event)
    text: str = calendar.to_ical().decode()
    return text


def _events(coming: ChangeCalendar) -> Iterator[Event]:
    stamp = datetime.combine(coming.first, time(), UTC)
    for day in coming.days():
        today = coming.on(day)
        for (kind, _, _), group in groupby(today.handovers, key=lambda one: (one.kind, one.before, one.after)):
            handovers = list(group)
            first = handovers[0]
            known_by = (kind.value, first.before or "", first.after or "")
            yield _event(coming, day, stamp, known_by, _summary(handovers), _description(handovers))
        for waiver in today.waivers:
            scope = f"{waiver.learner or waiver.cohort or 'run'}"
            words = waiver_words(waiver)
            yield _event(coming, ends_on(waiver), stamp, ("waiver", waiver.policy, scope), words, str(waiver.source))
        for breach in today.breaches:
            problem = breach.problem
            told = f"{problem.what}\n{problem.place()}\n{problem.fix}"
            yield _event(coming, day, stamp, ("breach", problem.what, problem.place()), "A policy will be broken", told)


def _event(
    coming: ChangeCalendar, day: date, stamp: datetime, known_by: Sequence[str], summary: str, description: str
) -> Event:
    event = Event()
    key = "\0".join([str(coming.organisation), day.isoformat(), *known_by])
    event.add("uid", f"{hashlib.sha256(key.encode('utf-8', 'backslashreplace')).hexdigest()[:32]}@onefile-reconciler")
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    if day < date.max:
        event.add("dtend", day + timedelta(days=1))  # the first day that is not part of it
    event.add("summary", visible(summary))
    event.add("description", "\n".join(visible(line) for line in description.splitlines()))
    event.add("transp", "TRANSPARENT")  # nobody is busy because of it
    return event


def _summary(handovers: Sequence[Handover]) -> str:
    slots, words = sum(len(one.places) for one in handovers), handover_words(handovers[0])
    return f"{words.partition(':')[0] if handovers[0].kind is Kind.LAPSE else words}: {number_of(slots, 'slot')}"


def _description(handovers: Sequence[Handover]) -> str:
    lines = [f"{places_words(one)} ({one.source})" for one in handovers]
    learners = [line for one in handovers for line in learner_lines(one)]
    more = [f"and {len(learners) - NAMED} more"] if len(learners) > NAMED else []
    return "\n".join([*lines, *learners[:NAMED], *more])
