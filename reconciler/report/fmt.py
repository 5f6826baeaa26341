"""Report of fmt: files formatted, as text and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.report.common.escape import visible
from reconciler.report.edits import render_difference
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.fmt import Formatting


def render_text(formatting: Formatting) -> str:
    """Render the formatted files; their differences if nothing was written."""
    edits, written = formatting.edits, formatting.written
    rows = [visible(f"Formatted {edit.path}.") + "\n" if written else render_difference(edit) for edit in edits]
    verb = "formatted" if written else "to format: reconciler fmt writes these changes"
    left = f"{formatting.files - len(edits)} already formatted"
    rows += [f"Updated the handles in {visible(name)}.\n" for name in formatting.schemas]
    if edits:
        rows.append(f"{number_of(len(edits), 'file')} {verb}; {left}.\n")
    elif not formatting.schemas:
        rows.append("Nothing to do.\n")
    return "".join(rows)


def render_json(formatting: Formatting) -> str:
    """Render the same for programs."""
    changed = [edit.path for edit in formatting.edits]
    report = {"files": formatting.files, "changed": changed, "written": formatting.written}
    return json.dumps({**report, "schemas": formatting.schemas}) + "\n"
