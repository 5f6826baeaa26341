"""The calendar as plain text and as Markdown, a section for each day on which something changes."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.calendar import ChangeCalendar, Kind
from reconciler.report.calendar.words import (
    day_words,
    handover_words,
    learner_lines,
    places_words,
    title_words,
    waiver_words,
)
from reconciler.report.common.escape import prose
from reconciler.report.common.terminal import BOLD, Page
from reconciler.text import number_of

_LOUD = (Kind.LAPSE, Kind.VACATED, Kind.LEAVES)


def render_text(coming: ChangeCalendar, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Each day's handovers, with the learners only where `verbose`."""
    page = Page(width, colour)
    lines = page.wrap(f"{title_words(coming)}.", rest=2)
    if lines:
        lines[0] = page.paint(BOLD, lines[0])
    for day in coming.days():
        lines += page.title(day_words(day))
        lines += _day(page, coming.on(day), verbose)
    return page.text(lines)


def _day(page: Page, today: ChangeCalendar, verbose: bool) -> Iterator[str]:
    for breach in today.breaches:
        yield from page.notice(breach.problem.place(), breach.problem.what, breach.problem.fix)
    for waiver in today.waivers:
        yield from page.signed("!", f"{waiver_words(waiver)} ({waiver.source})")
    for handover in today.handovers:
        words = f"{handover_words(handover)}: {places_words(handover)} ({handover.source})"
        yield from page.signed("!" if handover.kind is Kind.LAPSE else "-" if handover.kind in _LOUD else "~", words)
        if verbose:
            for line in learner_lines(handover):
                yield from page.wrap(line, first=6, rest=8)


def render_markdown(coming: ChangeCalendar) -> str:
    """Headings and lists; the learners of each handover fold away."""
    lines = ["<!-- onefile-reconciler calendar -->", f"## {prose(title_words(coming))}", ""]
    for day in coming.days():
        lines += [f"### {prose(day_words(day))}", "", *_day_markdown(coming.on(day)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _day_markdown(today: ChangeCalendar) -> Iterator[str]:
    for breach in today.breaches:
        problem = breach.problem
        yield f"- ⚠️ {prose(problem.what)} ({prose(problem.place())}). {prose(problem.fix)}"
    for waiver in today.waivers:
        yield f"- ⚠️ {prose(waiver_words(waiver))} ({prose(str(waiver.source))})"
    for handover in today.handovers:
        mark = "⚠️ " if handover.kind in _LOUD else ""
        words = f"{handover_words(handover)}: {places_words(handover)}"
        yield f"- {mark}{prose(words)} ({prose(str(handover.source))})"
        yield f"  <details><summary>{number_of(handover.learners, 'learner')}</summary>"
        yield ""
        yield from (f"  - {prose(line)}" for line in learner_lines(handover))
        yield ""
        yield "  </details>"
