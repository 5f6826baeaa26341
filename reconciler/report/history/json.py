"""Rows of the history as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconciler.report.history.rows import Row


def render_json(rows: Sequence[Row]) -> str:
    """Render the rows as a list of objects."""
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
