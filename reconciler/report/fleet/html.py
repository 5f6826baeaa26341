"""A fleet's reports as HTML pages."""

from __future__ import annotations

from reconciler.model.fleet import FleetRun
from reconciler.model.fleet_status import FleetStatus
from reconciler.model.structs import replace
from reconciler.report.common.notices import Notices, problem_notice
from reconciler.report.fleet.view import FleetTable, run_table, status_table
from reconciler.report.html.sections import Section, SectionedPage, render_sections


def render_run(run: FleetRun) -> str:
    """Render a page with one row for each centre, worst first."""
    return _page(run_table(run))


def render_status(status: FleetStatus) -> str:
    """Render a page of what the stores show."""
    return _page(status_table(status))


def _page(table: FleetTable) -> str:
    problems = tuple(
        replace(problem_notice(problem), what=f"{centre}: {problem.what}", subject="")
        for centre, problem in table.problems
    )
    sections = [
        Section(columns=table.headings, rows=table.rows),
        Section(notices=[Notices("Problems", "problem", problems, risky=True)] if problems else []),
    ]
    return render_sections(SectionedPage(table.title, sections, verdict=table.summary))
