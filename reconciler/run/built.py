"""Which commit this program is: written down when it was built, else asked of the checkout that it runs from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

from reconciler.problems import ReconcilerError
from reconciler.resources import resource
from reconciler.run.git import git


class Built(NamedTuple):
    """A commit, its day, and whether files differed from it."""

    commit: str
    date: str
    changed: bool


def built() -> Built | None:
    """None where nobody knows."""
    try:
        noted = json.loads(resource("built.json").read_text("utf-8"))
        return Built(str(noted["commit"]), str(noted["date"]), bool(noted["changed"]))
    except (ReconcilerError, OSError, ValueError, KeyError, TypeError):
        return _of_checkout(Path(__file__).resolve().parents[2])


def in_words(made_from: Built | None) -> str:
    if made_from is None:
        return "commit unknown: built without git, or by a tool that left it out"
    changed = ", with changes that were not committed" if made_from.changed else ""
    return f"commit {made_from.commit} of {made_from.date}{changed}"


def _of_checkout(top: Path) -> Built | None:
    if not (top / ".git").exists():  # installed somewhere inside a repository of somebody's
        return None
    try:
        commit, date = git(top, "log", "-1", "--format=%H %cs").decode().split()
        return Built(commit, date, bool(git(top, "status", "--porcelain", "--untracked-files=no")))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
