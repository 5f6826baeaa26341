"""A fleet's reports as HTML pages."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model.fleet import FleetRun
from reconciler.model.fleet_status import CentreState, FleetStatus
from reconciler.model.structs import replace
from reconciler.report.common.notices import Notices, problem_notice
from reconciler.report.common.words import moment_words
from reconciler.report.fleet.view import QUEUE, READING, RESULT, RUN, TARGET, FleetTable, run_table, status_table
from reconciler.report.html.cells import address, mark, stacked
from reconciler.report.html.sections import Section, SectionedPage, render_sections


def render_run(run: FleetRun) -> str:
    """Render a page with one row for each centre, worst first."""
    table = run_table(run)
    sections = [Section(columns=table.headings, rows=table.rows), _problems(table)]
    return render_sections(SectionedPage(table.title, sections, verdict=table.summary))


def render_status(status: FleetStatus) -> str:
    """Render a page for the morning: what needs somebody, what runs and waits, and each centre."""
    table = status_table(status)
    rows = [_marked(state, table.headings, row) for state, row in zip(status.centres, table.rows, strict=True)]
    sections = [
        _problems(table),
        Section(f"Running and waiting ({len(table.jobs)})", columns=table.job_headings, rows=table.jobs, sorts=True),
        Section("Centres", columns=table.headings, rows=rows, sorts=True, filters="Filter the centres"),
    ]
    facts, lead = (*table.counters, *table.facts), f"At {moment_words(status.now)}"
    return render_sections(SectionedPage(table.title, sections, lead=lead, verdict=table.verdict, facts=facts))


def _problems(table: FleetTable) -> Section:
    problems = tuple(
        replace(problem_notice(problem), what=f"{centre}: {problem.what}", subject="")
        for centre, problem in table.problems
    )
    return Section(notices=[Notices("Problems", "problem", problems, risky=True)] if problems else [])


def _marked(state: CentreState, headings: Sequence[str], row: Sequence[str]) -> Sequence[str]:
    """Return a row that fits the page, with marks on a result that needs somebody and on a reading that is not new."""
    cells = dict(zip(headings, row, strict=True))
    cells[TARGET] = address(cells[TARGET])
    cells |= {name: stacked(cells[name].split(end)) for name, end in ((RUN, ", "), (QUEUE, "; ")) if cells.get(name)}
    if state.needs_attention:
        cells[RESULT] = mark(cells[RESULT], over=True)
    if state.is_read_late or state.reading_age is None:
        cells[READING] = mark(cells[READING])
    return list(cells.values())
