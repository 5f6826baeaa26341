"""The calendar as plain text, a section for each day on which something changes."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.plan import HandoverKind
from reconciler.plan.calendar import ChangeCalendar
from reconciler.report.calendar.words import (
    LOUD,
    breach_causes,
    day_words,
    handover_words,
    learner_lines,
    places_words,
    title_words,
    waiver_words,
    windows_words,
)
from reconciler.report.common.terminal import BOLD, Page
from reconciler.report.common.text import cause_lines


def render_text(calendar: ChangeCalendar, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render each day's handovers, with their learners if *verbose*."""
    page = Page(width, colour)
    lines = page.wrap(f"{title_words(calendar)}.", rest=2)
    if lines:
        lines[0] = page.paint(BOLD, lines[0])
    if words := windows_words(calendar):
        lines += page.wrap(f"{words}.", rest=2)
    for day in calendar.days():
        lines += page.title(day_words(day))
        lines += _day(page, calendar.on(day), verbose)
    return page.text(lines)


def _day(page: Page, today: ChangeCalendar, verbose: bool) -> Iterator[str]:
    for cause in breach_causes(today, verbose=verbose):
        yield from cause_lines(page, cause)
    for waiver in today.waivers:
        yield from page.signed("!", f"{waiver_words(waiver)} ({waiver.source})")
    for handover in today.handovers:
        words = f"{handover_words(handover)}: {places_words(handover)} ({handover.source})"
        yield from page.signed(
            "!" if handover.kind is HandoverKind.LAPSE else "-" if handover.kind in LOUD else "~", words
        )
        if verbose:
            for line in learner_lines(handover):
                yield from page.wrap(line, first=6, rest=8)
