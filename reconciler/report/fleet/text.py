"""A fleet's reports as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.model.fleet import FleetRun
from reconciler.model.fleet_queue import QueueCount
from reconciler.model.fleet_status import FleetStatus
from reconciler.report.common.escape import visible
from reconciler.report.common.terminal import Page
from reconciler.report.fleet.view import FleetTable, run_table, status_table
from reconciler.text import number_of


def render_run(run: FleetRun, *, width: int, colour: bool) -> str:
    """Render one line for each centre, worst first, then their problems and where the whole reports are."""
    lines = _lines(run_table(run), Page(width, colour))
    reports = [Path(result.report) for result in run.results if result.report]
    files = sorted({f"{report.parents[1]}/NAME/{report.name}" for report in reports})
    where = ["", *(f"Whole report of each centre: {visible(file)}" for file in files)] if files else []
    return "\n".join([*lines, *where]) + "\n"


def render_status(status: FleetStatus, *, width: int, colour: bool) -> str:
    """Render one line for each centre."""
    return "\n".join(_lines(status_table(status), Page(width, colour))) + "\n"


def render_count(count: QueueCount, *, width: int, colour: bool) -> str:
    """Render how many centres a command queued, cancelled, resumed or ran."""
    page = Page(width, colour)
    skipped = f" Skipped, because the same command waits or runs: {len(count.skipped)}." if count.skipped else ""
    words = f"{number_of(len(count.centres), 'centre')} {count.action}.{skipped}"
    return f"{page.paint(1, visible(f'Fleet {count.fleet}'))}\n{words}\n"


def _lines(table: FleetTable, page: Page) -> Iterator[str]:
    yield page.paint(1, visible(table.title))
    if table.verdict:
        yield visible(table.verdict)
    yield visible(table.summary)
    if table.facts:
        yield f"{'. '.join(f'{name}: {words}' for name, words in table.facts)}."
    if table.rows:
        yield ""
    rows = [table.headings, *table.rows] if table.rows else []
    widths = [max(len(visible(row[place])) for row in rows) for place in range(len(table.headings))] if rows else []
    for row in rows:
        yield "  ".join(f"{visible(cell):{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
    for centre, problem in table.problems:
        yield ""
        yield from page.notice(f"{centre}: {problem.place()}" if problem.place() else centre, problem.what, problem.fix)
