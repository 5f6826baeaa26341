"""News of a drift report: what is new and what ended since the last reading, between marks that workflows find."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.drift import DriftReport
from reconciler.report.common.grouping import learners_words
from reconciler.report.common.markdown import sentence
from reconciler.report.drift.rows import drift_rows
from reconciler.report.drift.words import labels_of, who_words
from reconciler.text import number_of

BEGIN, END = "<!-- onefile-reconciler news -->", "<!-- end of news -->"
"""Lines around the news. Text of files cannot make such a line: it is escaped and has no line break."""
FEW_ROWS = 5
"""Number of rows that are listed; more are counted."""


def news_lines(report: DriftReport) -> str:
    """Render the news as a list between the marks; empty if nothing is new and nothing ended."""
    lines = [*_new(report), *_ended(report)]
    return "\n".join([BEGIN, "", *lines, "", END, "", ""]) if lines else ""


def news_of(markdown: str) -> str:
    """Return the news of a rendered report; empty if there are none."""
    lines = markdown.splitlines()
    if BEGIN not in lines or END not in lines:
        return ""
    return "\n".join(lines[lines.index(BEGIN) + 1 : lines.index(END)]).strip()


def _new(report: DriftReport) -> Iterator[str]:
    slots = [drifted for drifted in report.left() if drifted.is_new]
    if not slots:
        return
    rows = drift_rows(slots, report)
    yield f"- **New since the last reading ({number_of(len(slots), 'slot')}):**"
    yield from (f"  - {sentence(f'{row.who}: {row.what}')}" for row in rows[:FEW_ROWS])
    if len(rows) > FEW_ROWS:
        yield f"  - and {len(rows) - FEW_ROWS:,} more"


def _ended(report: DriftReport) -> Iterator[str]:
    if report.ended:
        labels = labels_of(report)
        who = learners_words(who_words(report, issue.learner, labels.get(issue.learner, "")) for issue in report.ended)
        yield f"- **No longer drifting ({number_of(len(report.ended), 'slot')}):** {sentence(who)}"
