"""The calendar as iCalendar (RFC 5545): all-day events for calendar programs that subscribe to it.

An event's UID is made from its kind, people and day, and the selected cohorts and learners, so that a program that
reads the file again keeps the event, and drops it if it moved or was withdrawn. Lines of files are not part of it. No
time of writing is included: the same files give the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from icalendar import Calendar, Event

from reconciler.model.plan import HandoverKind
from reconciler.plan.calendar import ChangeCalendar, Handover
from reconciler.report.calendar.words import ends_on, handover_words, learner_lines, places_words, waiver_words
from reconciler.report.common.escape import visible, without_colons
from reconciler.text import number_of

NAMED = 40  # learners in one event's description; more would be cut by calendar programs


def render_ics(changes: ChangeCalendar) -> str:
    """Render the events; lines end with CR LF and are folded at 75 bytes, as the standard requires."""
    calendar = Calendar()
    calendar.add("prodid", "-//onefile-reconciler//calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Staff changes, organisation {changes.organisation}")
    calendar.add("x-wr-timezone", "Europe/London")
    known: Counter[str] = Counter()
    for key, event in _events(changes):
        known[key] += 1
        text = key if known[key] == 1 else f"{key}\0{known[key]}"
        uid = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
        event.add("uid", f"{uid}@onefile-reconciler")
        calendar.add_component(event)
    rendered: str = calendar.to_ical().decode()
    return rendered


def _events(changes: ChangeCalendar) -> Iterator[tuple[str, Event]]:
    """Yield each event with the text that its UID is made from."""
    stamp = datetime.combine(changes.first, time(), UTC)
    for day in changes.days():
        today = changes.on(day)
        for (kind, _, _), group in groupby(
            today.handovers, key=lambda handover: (handover.kind, handover.before, handover.after)
        ):
            handovers = list(group)
            first = handovers[0]
            identity = (kind.value, first.before or "", first.after or "")
            yield _event(changes, day, stamp, identity, _summary(handovers), _description(handovers))
        for waiver in today.waivers:
            scope = f"{waiver.learner or waiver.cohort or 'run'}"
            words = waiver_words(waiver)
            yield _event(changes, ends_on(waiver), stamp, ("waiver", waiver.policy, scope), words, str(waiver.source))
        for breach in today.breaches:
            problem = breach.problem
            details = f"{problem.what}\n{problem.place()}\n{problem.fix}"
            identity = ("breach", _PLACE.sub(r"\1", problem.what), _PLACE.sub(r"\1", problem.place()))
            yield _event(changes, day, stamp, identity, "A policy will be broken", details)


_PLACE = re.compile(r"(?:[^\s/]*/)*([^\s/]+\.yaml)(?::[0-9]+)?")
"""Line of a file, which changes when a comment is added above it."""


def _event(
    changes: ChangeCalendar, day: date, stamp: datetime, identity: Sequence[str], summary: str, description: str
) -> tuple[str, Event]:
    event = Event()
    key = "\0".join([str(changes.organisation), *changes.scope, day.isoformat(), *identity])
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    if day < date.max:
        event.add("dtend", day + timedelta(days=1))  # the first day that is not part of it
    event.add("summary", without_colons(visible(summary)))
    event.add("description", "\n".join(without_colons(visible(line)) for line in description.splitlines()))
    event.add("transp", "TRANSPARENT")  # nobody is busy because of it
    return key, event


def _summary(handovers: Sequence[Handover]) -> str:
    slots, words = sum(len(handover.places) for handover in handovers), handover_words(handovers[0])
    return (
        f"{words.partition(':')[0] if handovers[0].kind is HandoverKind.LAPSE else words}: {number_of(slots, 'slot')}"
    )


def _description(handovers: Sequence[Handover]) -> str:
    lines = [f"{places_words(handover)} ({handover.source})" for handover in handovers]
    learners = [line for handover in handovers for line in learner_lines(handover)]
    more = [f"and {len(learners) - NAMED} more"] if len(learners) > NAMED else []
    return "\n".join([*lines, *learners[:NAMED], *more])
