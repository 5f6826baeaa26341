"""Rows of the history as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from reconciler.report.history.rows import Row


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


def _cell(value: object) -> object:
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
