"""Report of share-out as text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.model.slots import NOBODY
from reconciler.report.common.terminal import BOLD, RED, YELLOW, Page
from reconciler.report.edits import render_difference
from reconciler.report.plan import text
from reconciler.report.plan.handover import render_handover
from reconciler.report.share_out.rows import (
    LOAD_COLUMNS,
    hand_overs_of,
    learner_rows,
    load_mark,
    load_rows,
    names_of,
    next_steps,
    obstacle_words,
    quality_words,
    title,
)
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.share_out import SharedOut


def _learners(result: SharedOut, page: Page) -> list[str]:
    """Return each learner below their heir."""
    lines: list[str] = []
    for heir, rows in groupby(learner_rows(result), key=lambda row: row[3]):
        group = list(rows)
        lines += page.title(f"{heir} ({number_of(len(group), 'learner')})", RED if heir == NOBODY else BOLD)
        for learner, cohort, giver, _, slots, why in group:
            lines += page.wrap(f"{learner} ({cohort}) from {giver}: {slots}. Reason: {why}.", first=2, rest=4)
    return lines


def render_text(result: SharedOut, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render the proposal, the edits or their difference, the plan, the handover list and the next steps."""
    page = Page(width, colour)
    lines = page.wrap(f"{title(result)}.", rest=2)
    if words := quality_words(result):
        lines += page.wrap(words, rest=2)
    if obstacles := obstacle_words(result, whole=verbose):
        lines += page.title("What stands in the way", RED)
        lines += [line for words in obstacles for line in page.wrap(words, first=2)]
    marks = [(YELLOW, load_mark(load)) for load in result.loads]
    lines += [*page.title("Caseloads"), *page.table(LOAD_COLUMNS, load_rows(result.loads), marks)]
    lines += _learners(result, page)
    if result.written:
        lines += ["", *page.wrap(f"Edited: {', '.join(edit.path for edit in result.edits)}")]
    parts = [page.text(lines)]
    if not result.written and result.edits:
        parts.append("".join(render_difference(edit) for edit in result.edits))
    if planned := result.planned:
        shown = text.render_text(
            planned.plan, fingerprint=planned.fingerprint, colour=colour, width=width, verbose=verbose
        )
        parts.append(shown)
    if not result.unplaced:
        parts.append(render_handover(hand_overs_of(result), names_of(result), "text", colour=colour, width=width))
    if steps := next_steps(result):
        numbered = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
        lines = [*page.title("Next steps")[1:], *(line for step in numbered for line in page.wrap(step, 2, 5))]
        parts.append(page.text(lines))
    return "\n".join(parts)
