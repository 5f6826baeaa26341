"""Repositories that commands read: refs, ancestry, git's refusals as problems; this program's own build."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from reconciler.git_program import SAFE_DIRECTORY, enclosing_repository, git
from reconciler.problems import Invalid, Problem, ReconcilerError
from reconciler.resources import resource


def repository(folder: Path) -> Path | None:
    """Return the top of the folder's repository, or None if git cannot tell."""
    try:
        if enclosing_repository(folder) is None:
            return None
        return Path(git(folder, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n"))
    except (OSError, subprocess.SubprocessError):
        return None


def commit_at(folder: Path, ref: str) -> str:
    """Return the full hash of the commit that `ref` names. Raises Invalid if git does not know it."""
    try:
        # resolved first, so that a ref which looks like an option never reaches a command that would take it for one
        found = git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return found.decode().strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(refused(folder, error) or _unknown(folder, ref)) from error


def is_ancestor(state: Path, older: str, newer: str) -> bool:
    """Return whether `older` is an earlier commit of the history of `newer`; False if git does not know both."""
    try:
        git(state, "merge-base", "--is-ancestor", older, newer)
    except (OSError, subprocess.SubprocessError):
        return False
    return older != newer


# ------------------------------------------------------------------ refusals

_FOREIGN, _NO_REPOSITORY = "dubious ownership", "not a git repository"


def is_tracked(file: Path) -> bool:
    """Return True if git has this file in its index, or in the commit that is checked out."""
    for question in (("ls-files", "--", file.name), ("ls-tree", "--name-only", "HEAD", "--", file.name)):
        try:
            if git(file.parent, *question).strip():
                return True
        except (OSError, subprocess.SubprocessError):
            continue
    return False


def refused(folder: Path, error: Exception) -> Problem | None:
    """Return why git did not look at all, in git's words; None if it looked and does not know."""
    if isinstance(error, FileNotFoundError):
        what = "git is not installed here: PATH names none outside this repository"
        return Problem(what, "Install git, or leave this option out.", where="git")
    words = _words(error)
    if _FOREIGN in words:
        fix = (
            f"Run this as the account that owns the folder, or trust it: git config --global --add {SAFE_DIRECTORY} "
            f"{enclosing_repository(folder) or folder.resolve()}"
        )
        return Problem(f"git refuses this folder: {words}", fix, where="git")
    if _NO_REPOSITORY in words:
        what = f"git finds no repository here: {words}"
        return Problem(what, "Run this in a clone of the repository, or leave this option out.", where="git")
    return Problem(f"git refuses: {words}", "Fix what git names, and run this again.", where="git") if words else None


def foreign_owner(folder: Path) -> Problem | None:
    """Return a warning if git refuses the folder because another account owns it."""
    try:
        git(folder, "rev-parse", "--git-dir")
    except (OSError, subprocess.SubprocessError) as error:
        problem = refused(folder, error)
        if problem and _FOREIGN in problem.what:
            what = f"{problem.what}. No commit is recorded"
            return Problem(what, problem.fix, where=problem.where, severity="warning")
    return None


def _words(error: Exception) -> str:
    """Return the first line of git's complaint, without its kind."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
    lines = (said or b"").decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else ""


def _unknown(folder: Path, ref: str) -> Problem:
    what = f"git does not know {ref!r} in this repository"
    fix = "Use a branch, tag or commit that exists. In a pipeline, fetch it first (a shallow clone has one commit)."
    if _is_shallow(folder):
        what += ", which is a shallow clone"
        fix = f"Fetch it first: git fetch --depth=1 origin {ref} (then use FETCH_HEAD). Or clone the full history."
    return Problem(what, fix, where="git")


def _is_shallow(folder: Path) -> bool:
    try:
        return git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except (OSError, subprocess.SubprocessError):
        return False


# ------------------------------------------------------------------ the program's own build


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
    from reconciler.runtime.commit_files import differs_from  # --version of an installed program does without

    try:
        commit = git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        date = next(_committed(git(top, "cat-file", "commit", commit)))
        return Built(commit, date, differs_from(top, commit))
    except (OSError, ValueError, StopIteration, subprocess.SubprocessError):
        return None


def _committed(commit: bytes) -> Iterator[str]:
    """Yield the day of a commit object, where its committer was."""
    for line in commit.splitlines():
        if line.startswith(b"committer "):
            seconds, zone = line.split()[-2:]
            hours, minutes = int(zone[:-2]), int(zone[:1] + zone[-2:])
            place = timezone(timedelta(hours=hours, minutes=minutes))
            yield datetime.fromtimestamp(int(seconds), UTC).astimezone(place).date().isoformat()
