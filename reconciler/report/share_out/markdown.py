"""Report of share-out as Markdown, for a meeting or a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import fenced, prose
from reconciler.report.common.markdown import cell, heading, row, table_head, value
from reconciler.report.common.truncate import COMMENT_LIMIT, SMALLEST_LIMIT, Item, Part, size
from reconciler.report.edits import FULL, render_difference
from reconciler.report.plan import markdown
from reconciler.report.plan.handover import render_handover
from reconciler.report.share_out.rows import (
    LEARNER_COLUMNS,
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

if TYPE_CHECKING:
    from reconciler.commands.share_out import SharedOut


def render_markdown(result: SharedOut, *, limit: int = COMMENT_LIMIT) -> str:
    """Render the proposal, the plan and the handover list as Markdown of at most `limit` bytes."""
    head = f"{prose(title(result))}.\n\n"
    if words := quality_words(result):
        head += f"{prose(words)}\n\n"
    hands = ""
    if not result.unplaced:
        hands = render_handover(hand_overs_of(result), names_of(result), "markdown", limit=limit // 4)
    if not (planned := result.planned):
        return fit.fit(head, list(_parts(result)), hands, limit=limit, full_report=FULL)
    first = fit.fit(head, list(_parts(result)), "", limit=limit // 2, full_report=FULL)
    left = limit - size(f"{first}\n\n{hands}")
    plan = markdown.render_markdown(planned.plan, fingerprint=planned.fingerprint, limit=max(left, SMALLEST_LIMIT))
    return f"{first}\n{plan}\n{hands}"


def _parts(result: SharedOut) -> Iterator[Part]:
    if obstacles := obstacle_words(result):
        items = tuple(Item(f"- {prose(words)}\n", fit.STOPS, "obstacles") for words in obstacles)
        yield Part(items, heading("What stands in the way"), "\n", always=True)
    loads = zip(load_rows(result.loads), map(load_mark, result.loads), strict=True)
    items = tuple(
        Item(
            row((value(cells[0]), *(text.replace(" -> ", " → ") for text in cells[1:]), f"**{mark}**" if mark else "")),
            fit.CASELOAD,
            "caseloads",
        )
        for cells, mark in loads
    )
    yield Part(items, heading("Caseloads") + table_head((*LOAD_COLUMNS, ""), LOAD_COLUMNS[1:]), "\n", always=True)
    items = tuple(
        Item(row((*map(value, cells[:4]), *map(cell, cells[4:]))), fit.REST, "learners")
        for cells in learner_rows(result)
    )
    if items:
        yield Part(items, heading("Learners") + table_head(LEARNER_COLUMNS), "\n", always=True)
    if steps := next_steps(result):
        items = tuple(Item(f"{number}. {prose(step)}\n", fit.GRAVE, "steps") for number, step in enumerate(steps, 1))
        yield Part(items, heading("Next steps"), "\n", always=True)
    if not result.written and result.edits:
        text = "".join(render_difference(edit) for edit in result.edits)
        opening, *lines, closing = fenced(text, "diff").splitlines(keepends=True)
        items = tuple(Item(line, fit.REST, "lines of the difference") for line in lines)
        yield Part(items, f"\n{opening}", f"{closing}\n")
