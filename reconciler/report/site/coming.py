"""Rows of a site on coming days: the changes that the files bring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from reconciler.plan.calendar import Handover
from reconciler.report.calendar.words import handover_words, places_words
from reconciler.report.html.cells import folded
from reconciler.report.html.sections import Row, Section
from reconciler.report.site.frame import Frame
from reconciler.text import number_of

DAYS = 30
_COLUMNS = ("Day", "Change", "Slots", "Learners", "Declared in")


def coming_section(frame: Frame, title: str, *, days: int | None, shown: Callable[[Handover], bool]) -> Section:
    """Return the handovers that are shown, of some days from the page's day on, or of all."""
    day = frame.centre.day
    rows = [
        _row(frame, handover)
        for handover in frame.centre.calendar.handovers
        if (days is None or handover.day - day <= timedelta(days=days)) and shown(handover)
    ]
    return Section(title, "" if rows else "Nothing is declared.", _COLUMNS, rows)


def _row(frame: Frame, handover: Handover) -> Row:
    distinct = {place.learner.key: place.learner for place in handover.places}
    learners = [frame.declared(learner) for learner in distinct.values()]
    return (
        str(handover.day),
        handover_words(handover),
        places_words(handover),
        folded(number_of(len(learners), "learner"), learners),
        str(handover.source),
    )
