"""Report of done: the step that was closed, as text and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.commands.done import Closed


def render_text(closed: Closed) -> str:
    """Render the closed step in one line."""
    return f"{closed.address}: {closed.outcome}, said by {closed.by}\n"


def render_json(closed: Closed) -> str:
    """Render the same for programs."""
    document = {"address": closed.address, "outcome": closed.outcome, "by": closed.by, "run": closed.run}
    return json.dumps(document, ensure_ascii=False) + "\n"
