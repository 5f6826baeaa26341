"""What a shell completes beside names of commands and options: read cheaply, and never an error."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_RECONCILER_COMPLETE"
_MOST = 50  # runs that are offered, the newest


def cohorts(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """By the names of the files; what is in them is not looked at."""
    try:
        names = sorted(path.stem for path in (_state(context) / "cohorts").glob("*.yaml"))
    except OSError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def targets(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from reconciler.service.targets import NAMES

    return [CompletionItem(name) for name in NAMES if name.startswith(incomplete)]


def runs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest runs of a store that is a file here. One that is elsewhere is not asked: that takes too long."""
    from reconciler.run.glance import runs_in

    told = context.params.get("store") or os.environ.get("RECONCILER_STORE")
    file = Path(told) if told else _state(context).absolute().parent / ".reconciler" / "store.db"
    found = runs_in(file, most=_MOST)
    return [CompletionItem(str(run), help=what) for run, what in found if str(run).startswith(incomplete)]


def script(shell: str, command: click.Command) -> str:
    """What a shell is to read once, so that it asks this program from then on."""
    kind = get_completion_class(shell)
    assert kind  # noqa: S101  one of SHELLS, which click has
    return kind(command, {}, "reconciler", _VARIABLE).source()


def _state(context: click.Context) -> Path:
    return Path(context.params.get("state") or "state")
