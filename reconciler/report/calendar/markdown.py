"""The calendar as Markdown, a section for each day on which something changes."""

from __future__ import annotations

from collections.abc import Iterator

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
from reconciler.report.common.escape import prose
from reconciler.report.common.markdown import cause_entry
from reconciler.text import number_of


def render_markdown(calendar: ChangeCalendar) -> str:
    """Render headings and lists; the learners of each handover are folded."""
    lines = ["<!-- onefile-reconciler calendar -->", f"## {prose(title_words(calendar))}", ""]
    if words := windows_words(calendar):
        lines += [f"{prose(words)}.", ""]
    for day in calendar.days():
        lines += [f"### {prose(day_words(day))}", "", *_day(calendar.on(day)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _day(today: ChangeCalendar) -> Iterator[str]:
    for cause in breach_causes(today):
        yield f"- ⚠️ {cause_entry(cause).removeprefix('- ').rstrip()}"
    for waiver in today.waivers:
        yield f"- ⚠️ {prose(waiver_words(waiver))} ({prose(str(waiver.source))})"
    for handover in today.handovers:
        mark = "⚠️ " if handover.kind in LOUD else ""
        words = f"{handover_words(handover)}: {places_words(handover)}"
        yield f"- {mark}{prose(words)} ({prose(str(handover.source))})"
        yield f"  <details><summary>{number_of(handover.learners, 'learner')}</summary>"
        yield ""
        yield from (f"  - {prose(line)}" for line in learner_lines(handover))
        yield ""
        yield "  </details>"
