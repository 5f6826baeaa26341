"""A fleet's reports as Markdown, for a job summary."""

from __future__ import annotations

from reconciler.model.fleet import FleetRun
from reconciler.model.fleet_status import FleetStatus
from reconciler.report.common import truncate as fit
from reconciler.report.common.markdown import cell, heading, row, sentence, table_head
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.fleet.view import FleetTable, run_table, status_table

FULL = "The text and JSON formats show everything."


def render_run(run: FleetRun, *, limit: int = COMMENT_LIMIT) -> str:
    """Render a table of centres, worst first, and their problems."""
    return _render(run_table(run), limit)


def render_status(status: FleetStatus, *, limit: int = COMMENT_LIMIT) -> str:
    """Render a table of what the stores show."""
    return _render(status_table(status), limit)


def _render(table: FleetTable, limit: int) -> str:
    rows = tuple(Item(row(map(cell, cells)), fit.REST, "centres") for cells in table.rows)
    problems = tuple(
        Item(
            f"- {sentence(f'{centre}: {problem.place()}' if problem.place() else centre)}: {sentence(problem.what)}<br>"
            f"**Fix:** {sentence(problem.fix)}\n",
            fit.STOPS,
            "problems",
        )
        for centre, problem in table.problems
    )
    parts = [Part(rows, table_head(table.headings), "\n", always=True)] if rows else []
    if problems:
        part = Part(problems, heading(f"Problems ({len(problems)})"), "\n", always=True)
        parts.insert(0 if table.verdict else len(parts), part)
    facts = "".join(f"- {name}: {sentence(words)}\n" for name, words in table.facts)
    said = [f"**{sentence(table.verdict)}**" if table.verdict else "", sentence(table.summary), facts]
    opening = heading(table.title, 2) + "".join(f"{words.rstrip()}\n\n" for words in said if words)
    return fit.fit(opening, parts, "", limit=limit, full_report=FULL)
