"""What git knows of the state folder: the commit it stands at, what changed since another, and how it was then."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from reconciler.model.plan import NO_GIT, GitState
from reconciler.problems import Invalid, Problem, ReconcilerError
from reconciler.resources import resource
from reconciler.subprocess_env import child_environment

_DATA_ONLY = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false")
"""A pull request may hold a folder that git would take for a repository of its own, with a program to run in its
configuration: what is inside the state folder is data."""


def git(folder: Path, *arguments: str) -> bytes:
    """What git says, asked in that folder. Raises OSError or SubprocessError. No other foreign program is started."""
    command = ["git", *_DATA_ONLY, "-C", str(folder), *arguments]
    environment = child_environment(os.environ)
    return subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment).stdout  # noqa: S603  no shell


_COMMIT, _NONE_YET = b"# branch.oid ", "(initial)"  # how git's status begins, and what stands there before any commit
_STATE_FILES = ("settings.yaml", "staff.yaml", ":(glob)cohorts/*.yaml")


def git_state(state: Path) -> GitState:
    """Where the state folder stands. Only the files that are read count, and those that git is told to ignore do too:
    they are read like the others."""
    asked = ("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-z", "--no-renames", "--untracked-files=all")
    try:
        told = git(state, "--no-optional-locks", *asked, "--ignored", "--", *_STATE_FILES).split(b"\0")
    except (OSError, subprocess.SubprocessError):
        return NO_GIT
    commit = next((line.removeprefix(_COMMIT).decode() for line in told if line.startswith(_COMMIT)), _NONE_YET)
    differing = any(line and not line.startswith(b"# ") for line in told)
    return NO_GIT if commit == _NONE_YET else GitState(commit, differing)


def repository(folder: Path) -> Path | None:
    """The top of the repository that the folder is in, if git can tell."""
    try:
        return Path(git(folder, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n"))
    except (OSError, subprocess.SubprocessError):
        return None


def changed_since(state: Path, ref: str) -> frozenset[str]:
    """Files of the state folder, relative to it, that differ from `ref`: committed, uncommitted and new ones."""
    try:
        known = git(state, "diff", "--name-only", "--relative", "-z", _commit_of(state, ref), "--", ".")
        new = git(state, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(_refused(state, ref, error)) from error
    return frozenset(name for name in (known + new).decode("utf-8", "surrogateescape").split("\0") if name)


def commit_at(state: Path, ref: str) -> str:
    """The full hash of the commit that `ref` names. Raises Invalid where git does not know it."""
    try:
        return _commit_of(state, ref)
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(_refused(state, ref, error)) from error


@contextmanager
def as_of(state: Path, ref: str) -> Iterator[Path]:
    """The state folder as it stood at `ref`, in a temporary place; empty where it was not there yet."""
    try:
        commit = _commit_of(state, ref)
        there = git(state, "ls-tree", "--name-only", "-z", commit)
        archive = git(state, "archive", "--format=tar", commit, "--", ".") if there else b""
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(_refused(state, ref, error)) from error
    import tempfile  # this and tarfile are for whoever compares with another commit, not for each start

    with tempfile.TemporaryDirectory(prefix="reconciler-base-") as folder:
        place = Path(folder) / state.absolute().name
        place.mkdir()
        if archive:
            _extract(archive, place, ref)
        yield place


def _extract(archive: bytes, place: Path, ref: str) -> None:
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(place, filter="data")
    except tarfile.TarError as error:
        what = f"the state folder at {ref!r} holds a link that leads out of it, or something else that is no file"
        raise Invalid(Problem(what, "Compare with a commit that holds plain files.", where="git")) from error


def _commit_of(state: Path, ref: str) -> str:
    # resolved first, so that a ref which looks like an option never reaches a command that would take it for one
    return git(state, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()


def _refused(state: Path, ref: str, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem("git is not installed here", "Install git, or leave this option away.", where="git")
    what = f"git does not know {ref!r} in this repository"
    fix = "Give a branch, tag or commit that is here; in a pipeline, fetch it first (a shallow clone has one commit)."
    if _is_shallow(state):
        what += ", which is a shallow clone"
        fix = f"Fetch it first: git fetch --depth=1 origin {ref} (then name FETCH_HEAD, or the commit), or clone whole."
    return Problem(what, fix, where="git")


def _is_shallow(state: Path) -> bool:
    try:
        return git(state, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except (OSError, subprocess.SubprocessError):
        return False


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
