"""The result of `export`: the files, and how much is in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.export import Exported


def render_text(exported: Exported) -> str:
    """Render the counts, the files, and the way back."""
    table = exported.table
    columns = len(table.headings) - len(table.information)
    counts = f"{number_of(len(table.rows), 'learner')}, {number_of(columns, 'column')} that sync reads"
    lines = [counts, *(f"Written to {file}." for file in exported.files)]
    return "\n".join([*lines, f"Back into the files: reconciler sync {exported.files[0]}"]) + "\n"


def render_json(exported: Exported) -> str:
    """Render the counts for programs."""
    table = exported.table
    document = {
        "files": list(exported.files),
        "learners": len(table.rows),
        "headings": list(table.headings),
        "read": table.read,
        "left_out": [problem.what for problem in table.left_out],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
