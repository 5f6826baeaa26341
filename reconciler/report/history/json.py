"""Rows of the history as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.report.history.rows import (
    Labels,
    Row,
    run_as_rows,
    runs_as_rows,
    steps_as_rows,
)
from reconciler.report.history.timeline import timeline_entries

if TYPE_CHECKING:
    from reconciler.commands.history import Timeline


def render_json(rows: Sequence[Row]) -> str:
    """Render the rows as a list of objects."""
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def render_runs(runs: Sequence[RunRow]) -> str:
    """Render the list of runs."""
    return render_json(runs_as_rows(runs))


def render_run(run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels) -> str:
    """Render one run: a row per slot that it wrote or meant to write."""
    return render_json(run_as_rows(run, journal, names, labels))


def render_timeline(timeline: Timeline) -> str:
    """Render each event of some learners: a row per slot, newest first."""
    return render_json([row for entry in timeline_entries(timeline) for row in entry.rows])


def render_steps(steps: Sequence[OpenIssue], names: Names) -> str:
    """Render the manual steps."""
    return render_json(steps_as_rows(steps, names))
