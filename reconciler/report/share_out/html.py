"""Report of share-out as an HTML page, to print for a meeting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.html.sections import Section, SectionedPage, render_sections
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


def render_html(result: SharedOut) -> str:
    """Render the proposal; the difference of the files is not on the page."""
    loads = [(*cells, load_mark(load)) for cells, load in zip(load_rows(result.loads), result.loads, strict=True)]
    steps = [(str(number), step.replace("`", "")) for number, step in enumerate(next_steps(result), 1)]
    sections = [
        Section("What stands in the way", columns=("Rules",), rows=[(words,) for words in obstacle_words(result)]),
        Section("Caseloads", columns=(*_capital(LOAD_COLUMNS), "Note"), rows=loads),
        Section("Learners", columns=_capital(LEARNER_COLUMNS), rows=learner_rows(result)),
        Section("Next steps", columns=("Step", "What to do"), rows=steps),
    ]
    page = SectionedPage(
        title(result), sections, lead=f"As declared for {result.day}", verdict=quality_words(result), signed=True
    )
    return render_sections(page)


def _capital(columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(column.capitalize() for column in columns)
