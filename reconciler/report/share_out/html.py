"""Report of share-out as an HTML page, to print for a meeting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.html.page import render_page
from reconciler.report.share_out.rows import (
    LEARNER_COLUMNS,
    LOAD_COLUMNS,
    learner_rows,
    load_mark,
    load_rows,
    next_steps,
    obstacle_words,
    quality_words,
    title,
)

if TYPE_CHECKING:
    from reconciler.commands.share_out import SharedOut


def render(result: SharedOut) -> str:
    """Render the proposal; the difference of the files is not on the page."""
    loads = [(*cells, load_mark(load)) for cells, load in zip(load_rows(result.loads), result.loads, strict=True)]
    tables = [
        ("Caseloads", (*LOAD_COLUMNS, ""), loads),
        ("Learners", LEARNER_COLUMNS, learner_rows(result)),
    ]
    return render_page(
        "tables",
        title=title(result),
        notes=[words for words in (quality_words(result), *obstacle_words(result)) if words],
        tables=tables,
        steps=[step.replace("`", "") for step in next_steps(result)],
    )
