"""The calendar as an HTML page, a section for each day on which something changes."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.calendar import ChangeCalendar
from reconciler.report.calendar.words import (
    day_words,
    handover_words,
    learner_lines,
    places_words,
    title_words,
    waiver_words,
    windows_words,
)
from reconciler.report.common.notices import Notices, problem_notice
from reconciler.report.html.cells import folded
from reconciler.report.html.sections import Row, Section, SectionedPage, render_sections
from reconciler.text import number_of

_COLUMNS = ("Change", "Slots", "Learners", "Declared in")


def render_html(calendar: ChangeCalendar) -> str:
    """Render each day's handovers, with their learners folded, waivers that have ended, and warnings."""
    sections = [section for day in calendar.days() for section in _day(day_words(day), calendar.on(day))]
    title = f"Calendar from {calendar.first} to {calendar.last}"
    verdict = title_words(calendar).removeprefix(f"{title}: ").capitalize() + "."
    return render_sections(SectionedPage(title, sections, lead=windows_words(calendar), verdict=verdict))


def _day(title: str, today: ChangeCalendar) -> Iterator[Section]:
    rows: list[Row] = [
        (
            handover_words(handover),
            places_words(handover),
            folded(number_of(handover.learners, "learner"), list(learner_lines(handover))),
            str(handover.source),
        )
        for handover in today.handovers
    ]
    rows += [(waiver_words(waiver), "", "", str(waiver.source)) for waiver in today.waivers]
    yield Section(title, "", _COLUMNS, rows)
    if today.breaches:
        warnings = tuple(problem_notice(breach.problem) for breach in today.breaches)
        yield Section(notices=[Notices(f"{title}: policies", "warnings", warnings, risky=True)])
