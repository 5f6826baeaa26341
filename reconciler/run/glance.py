"""A glance at a store's runs, for a shell that completes: no library to load, nothing made, migrated or locked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path


def runs_in(file: Path, *, most: int) -> list[tuple[int, str]]:
    """The newest runs, each with what it was and when it began. Nothing where the file is no store of ours."""
    try:
        if not file.is_file():
            return []
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as store:
            rows = store.execute("SELECT id, command, started FROM runs ORDER BY id DESC LIMIT ?", (most,)).fetchall()
            return [(int(run), f"{command}, {_minute(at)}") for run, command, at in rows]
    except (OSError, ValueError, TypeError, OverflowError, sqlite3.Error):
        return []


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
