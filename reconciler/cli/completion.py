"""Shell completion of cohorts, targets and runs: cheap, and never an error."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_RECONCILER_COMPLETE"
_MOST = 50
"""Runs that are offered, the newest."""


def cohorts(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete cohorts by the names of their files."""
    try:
        names = sorted(path.stem for path in (_state(context) / "cohorts").glob("*.yaml"))
    except OSError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def targets(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of targets."""
    from reconciler.onefile.targets import NAMES

    return [CompletionItem(name) for name in NAMES if name.startswith(incomplete)]


def runs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the newest runs of a local store. A store on a server would take too long."""

    store = context.params.get("store") or os.environ.get("RECONCILER_STORE")
    file = Path(store) if store else _state(context).absolute().parent / ".reconciler" / "store.db"
    rows = runs_in(file, most=_MOST)
    return [CompletionItem(str(run), help=what) for run, what in rows if str(run).startswith(incomplete)]


def script(shell: str, command: click.Command) -> str:
    """Return the script that makes a shell complete this program's commands."""
    kind = get_completion_class(shell)
    assert kind  # noqa: S101  one of SHELLS, which click has
    return kind(command, {}, "reconciler", _VARIABLE).source()


def _state(context: click.Context) -> Path:
    return Path(context.params.get("state") or "state")


def runs_in(file: Path, *, most: int) -> list[tuple[int, str]]:
    """Return the newest runs with command and start time; none if the file is not a store."""
    import sqlite3
    from contextlib import closing

    try:
        if not file.is_file():
            return []
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as store:
            rows = store.execute("SELECT id, command, started FROM runs ORDER BY id DESC LIMIT ?", (most,)).fetchall()
            return [(int(run), f"{command}, {_minute(at)}") for run, command, at in rows]
    except (OSError, ValueError, TypeError, OverflowError, sqlite3.Error):
        return []


def _minute(at: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
