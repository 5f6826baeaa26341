"""Git and the state folder: its commit, what changed since another commit, and the folder at that commit."""

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
"""Options that treat the state folder as data only. A pull request may contain a folder that git would take for a
repository, with a program to run in its configuration."""


def git(folder: Path, *arguments: str) -> bytes:
    """Run git, the only program that we start, and return its output. Raises OSError or SubprocessError."""
    command = ["git", *_DATA_ONLY, "-C", str(folder), *arguments]
    environment = child_environment(os.environ)
    return subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment).stdout  # noqa: S603  no shell


_COMMIT, _NONE_YET = b"# branch.oid ", "(initial)"
"""The line of git's status that has the commit, and its value before the first commit."""
_STATE_FILES = ("settings.yaml", "staff.yaml", ":(glob)cohorts/*.yaml")


def git_state(state: Path) -> GitState:
    """Return the commit of the state folder and whether its files differ from it.

    Only the files that are read count, ignored ones included.
    """
    arguments = ["status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-z", "--no-renames"]
    arguments += ["--untracked-files=all", "--ignored", "--", *_STATE_FILES]
    try:
        status = git(state, "--no-optional-locks", *arguments).split(b"\0")
    except (OSError, subprocess.SubprocessError):
        return NO_GIT
    commit = next((line.removeprefix(_COMMIT).decode() for line in status if line.startswith(_COMMIT)), _NONE_YET)
    differing = any(line and not line.startswith(b"# ") for line in status)
    return NO_GIT if commit == _NONE_YET else GitState(commit, differing)


def repository(folder: Path) -> Path | None:
    """Return the top of the repository that a folder is in, or None."""
    try:
        return Path(git(folder, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n"))
    except (OSError, subprocess.SubprocessError):
        return None


def changed_since(state: Path, ref: str) -> frozenset[str]:
    """Return the files of the state folder that differ from `ref`: committed, uncommitted and new ones.

    The names are relative to the folder. Raises Invalid if git does not know `ref`.
    """
    try:
        known = git(state, "diff", "--name-only", "--relative", "-z", _commit_of(state, ref), "--", ".")
        new = git(state, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(_refused(state, ref, error)) from error
    return frozenset(name for name in (known + new).decode("utf-8", "surrogateescape").split("\0") if name)


def commit_at(state: Path, ref: str) -> str:
    """Return the full hash of the commit that `ref` names. Raises Invalid if git does not know it."""
    try:
        return _commit_of(state, ref)
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(_refused(state, ref, error)) from error


@contextmanager
def as_of(state: Path, ref: str) -> Iterator[Path]:
    """Yield a temporary copy of the state folder at `ref`; empty if it did not exist then."""
    try:
        commit = _commit_of(state, ref)
        there = git(state, "ls-tree", "--name-only", "-z", commit)
        archive = git(state, "archive", "--format=tar", commit, "--", ".") if there else b""
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(_refused(state, ref, error)) from error
    import tempfile  # this and tarfile are needed to compare with another commit, not at each start

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
        what = f"the state folder at {ref!r} contains a link that leads out of it, or something else that is not a file"
        raise Invalid(Problem(what, "Compare with a commit that contains only plain files.", where="git")) from error


def _commit_of(state: Path, ref: str) -> str:
    # resolved first, so that no command takes a ref that looks like an option for one
    return git(state, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()


def _refused(state: Path, ref: str, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem("git is not installed here", "Install git, or leave this option out.", where="git")
    what = f"git does not know {ref!r} in this repository"
    fix = "Use a branch, tag or commit that exists. In a pipeline, fetch it first (a shallow clone has one commit)."
    if _is_shallow(state):
        what += ", which is a shallow clone"
        fix = f"Fetch it first: git fetch --depth=1 origin {ref} (then use FETCH_HEAD). Or clone the full history."
    return Problem(what, fix, where="git")


def _is_shallow(state: Path) -> bool:
    try:
        return git(state, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except (OSError, subprocess.SubprocessError):
        return False


class Built(NamedTuple):
    """The commit of this program: its hash, its date, and if files differed from it."""

    commit: str
    date: str
    changed: bool


def built() -> Built | None:
    """Return the commit of this program, or None if it is not known."""
    return built_note() or _of_checkout(Path(__file__).resolve().parents[2])


def built_note() -> Built | None:
    """Return the commit that a distribution was built from; None for a checkout."""
    try:
        note = json.loads(resource("built.json").read_text("utf-8"))
        return Built(str(note["commit"]), str(note["date"]), bool(note["changed"]))
    except (ReconcilerError, OSError, ValueError, KeyError, TypeError):
        return None


def in_words(made_from: Built | None) -> str:
    """Return the commit of this program in words."""
    if made_from is None:
        return "commit unknown: built without git, or by a tool that omits it"
    changed = ", with uncommitted changes" if made_from.changed else ""
    day = f" of {made_from.date}" if made_from.date else ""
    return f"commit {made_from.commit}{day}{changed}"


def _of_checkout(top: Path) -> Built | None:
    if not (top / ".git").exists():  # installed inside another repository
        return None
    try:
        commit, date = git(top, "log", "-1", "--format=%H %cs").decode().split()
        return Built(commit, date, bool(git(top, "status", "--porcelain", "--untracked-files=no")))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
