"""Report of unlock: the lock that was released, as text and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.model.operations import time_json

if TYPE_CHECKING:
    from reconciler.store import Lease


def render_text(lease: Lease | None) -> str:
    """Render whose lock was released, if there was one."""
    if lease is None:
        return "Nobody had the lock.\n"
    return f"Taken from {lease.holder} at {lease.host}, who had it since {lease.since:%Y-%m-%d %H:%M} UTC.\n"


def render_json(lease: Lease | None) -> str:
    """Render the same for programs."""
    document = lease and {
        "holder": lease.holder,
        "host": lease.host,
        "since": time_json(lease.since),
        "command": lease.command,
        "run": lease.run,
    }
    return json.dumps({"released": document}, ensure_ascii=False) + "\n"
