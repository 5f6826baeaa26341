"""A fleet's reports as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.model.fleet import FleetRun, FleetStatus
from reconciler.report.common.escape import visible
from reconciler.report.common.terminal import Page
from reconciler.report.fleet.view import FleetTable, run_table, status_table


def render_run(run: FleetRun, *, width: int, colour: bool) -> str:
    """Render one line for each centre, worst first, then their problems and where the whole reports are."""
    lines = _lines(run_table(run), Page(width, colour))
    files = sorted({f"{Path(result.report).parents[1]}/NAME/{Path(result.report).name}" for result in run.results})
    where = ["", *(f"Whole report of each centre: {visible(file)}" for file in files)] if files else []
    return "\n".join([*lines, *where]) + "\n"


def render_status(status: FleetStatus, *, width: int, colour: bool) -> str:
    """Render one line for each centre."""
    return "\n".join(_lines(status_table(status), Page(width, colour))) + "\n"


def _lines(table: FleetTable, page: Page) -> Iterator[str]:
    yield page.paint(1, visible(table.title))
    yield visible(table.summary)
    if table.rows:
        yield ""
    rows = [table.headings, *table.rows] if table.rows else []
    widths = [max(len(visible(row[place])) for row in rows) for place in range(len(table.headings))] if rows else []
    for row in rows:
        yield "  ".join(f"{visible(cell):{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
    for centre, problem in table.problems:
        yield ""
        yield from page.notice(f"{centre}: {problem.place()}" if problem.place() else centre, problem.what, problem.fix)
