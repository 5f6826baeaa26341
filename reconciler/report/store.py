"""Report of store compact: what is kept, and what to do next, as text and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.store import Compacted


def render_text(compacted: Compacted) -> str:
    """Render what is kept and the next steps."""
    return (
        f"Kept {compacted.kept} of {number_of(compacted.runs, 'run')}, with the whole record, in {compacted.new}.\n"
        f"Next: set RECONCILER_STORE to {compacted.address} wherever it is set; protect the new branch.\n"
        f"Delete the old branch once its evidence is no longer needed. It was not changed: {compacted.old}.\n"
    )


def render_json(compacted: Compacted) -> str:
    """Render the same for programs."""
    document = {"exit_code": 0, **{name: getattr(compacted, name) for name in compacted.__struct_fields__}}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
