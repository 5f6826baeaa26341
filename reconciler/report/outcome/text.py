"""The outcomes of an apply as plain text for a terminal."""

from __future__ import annotations

from reconciler.report.common.escape import visible
from reconciler.report.common.manual_steps import TITLE_AFTER_APPLY
from reconciler.report.common.terminal import BOLD, GREEN, RED, YELLOW, Page
from reconciler.report.common.text import manual_lines, notices_lines
from reconciler.report.outcome.view import ENDED_BY, End, EndRow, OutcomeView


def render_text(view: OutcomeView, *, colour: bool = False, width: int = 100) -> str:
    """Render how each operation of a run ended and what proves it: totals, then the worst first."""
    page = Page(width, colour)
    lines = [page.paint(BOLD, line) for line in page.wrap(view.title, rest=2)]
    lines += [line for words in (*view.notes, view.calls) for line in page.wrap(words, rest=2)]
    lines.append(visible(f"Fingerprint {view.fingerprint}"))
    if view.problems:
        lines += page.title(f"{ENDED_BY} ({len(view.problems)})", RED)
    for problem in view.problems:
        lines += page.notice(problem.place, problem.what, problem.fix)
    for end, rows in view.groups:
        lines += page.title(f"{end.title} ({len(rows)})", _colour(end))
        for row in rows:
            lines += page.wrap(_ended(row), first=2)
    lines += manual_lines(page, view.manual, TITLE_AFTER_APPLY)
    if view.aside:
        lines += ["", *page.wrap(view.aside)]
    if view.waived.items:
        lines += notices_lines(page, view.waived)
    return page.text(lines)


def _colour(end: End) -> int:
    return RED if end.grave else YELLOW if end.open else GREEN


def _ended(row: EndRow) -> str:
    proof = f" ({row.proof})" if row.proof else ""
    detail = f": {row.detail}" if row.detail else ""
    return f"{row.who}: {row.what}{proof}{detail}"
