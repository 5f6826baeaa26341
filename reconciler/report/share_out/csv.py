"""Report of share-out as CSV: a row for each learner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.history.csv import render_csv as as_csv
from reconciler.report.share_out.rows import LEARNER_COLUMNS, learner_rows

if TYPE_CHECKING:
    from reconciler.commands.share_out import SharedOut


def render_csv(result: SharedOut) -> str:
    """Render who takes each learner, safe to open in a spreadsheet."""
    rows = [dict(zip(LEARNER_COLUMNS, cells, strict=True)) for cells in learner_rows(result)]
    return as_csv(rows, LEARNER_COLUMNS)
