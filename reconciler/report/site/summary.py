"""The result of `site`: how many pages were written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.runtime.output_folder import Written


def render_text(written: Written) -> str:
    """Render the counts, and the page to open."""
    counts = f"{written.written} written, {written.unchanged} unchanged, {written.removed} removed"
    return f"{number_of(written.pages, 'page')} in {written.folder}: {counts}.\nOpen: {written.folder / 'index.html'}\n"


def render_json(written: Written) -> str:
    """Render the counts for programs."""
    counts = {"written": written.written, "unchanged": written.unchanged, "removed": written.removed}
    return json.dumps({"folder": str(written.folder), "pages": written.pages, **counts}, indent=1) + "\n"
