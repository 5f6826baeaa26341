"""Rows of the history as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.report.history.rows import (
    LEARNER_COLUMNS,
    RUN_COLUMNS,
    STEP_COLUMNS,
    WRITE_COLUMNS,
    Labels,
    Row,
    run_as_rows,
    runs_as_rows,
    steps_as_rows,
)
from reconciler.report.history.timeline import timeline_entries

if TYPE_CHECKING:
    from reconciler.commands.history import Timeline


def render_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Render these columns, also without rows, and every other column that a row has.

    A cell that a spreadsheet would take for a formula starts with a quote.
    """
    columns = list(dict.fromkeys((*columns, *(column for row in rows for column in row))))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def render_runs(runs: Sequence[RunRow]) -> str:
    """Render the list of runs."""
    return render_csv(runs_as_rows(runs), RUN_COLUMNS)


def render_run(run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels) -> str:
    """Render one run: a row per slot that it wrote or meant to write."""
    return render_csv(run_as_rows(run, journal, names, labels), WRITE_COLUMNS)


def render_timeline(timeline: Timeline) -> str:
    """Render each event of some learners: a row per slot, newest first."""
    return render_csv([row for entry in timeline_entries(timeline) for row in entry.rows], LEARNER_COLUMNS)


def render_steps(steps: Sequence[OpenIssue], names: Names) -> str:
    """Render the manual steps."""
    return render_csv(steps_as_rows(steps, names), STEP_COLUMNS)


def _cell(value: object) -> object:
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
