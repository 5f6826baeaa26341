"""A fleet's reports as HTML pages."""

from __future__ import annotations

from reconciler.model.fleet import FleetRun, FleetStatus
from reconciler.report.fleet.view import FleetTable, run_table, status_table
from reconciler.report.html.page import render_page


def render_run(run: FleetRun) -> str:
    """Render a page with one row for each centre, worst first."""
    return _page(run_table(run))


def render_status(status: FleetStatus) -> str:
    """Render a page of what the stores show."""
    return _page(status_table(status))


def _page(table: FleetTable) -> str:
    problems = [
        f"{centre}: {problem.place()}{': ' if problem.place() else ''}{problem.what}. Fix: {problem.fix}"
        for centre, problem in table.problems
    ]
    notes = [table.summary, *problems]
    return render_page("history", title=table.title, columns=table.headings, rows=table.rows, notes=notes)
