"""Identity of the files that a store serves: the repository, the same in every clone, and the state folder in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.git_program import git
from reconciler.runtime.git import repository


def repository_of(state: Path) -> tuple[str, ...]:
    """Return the names of the files, the best one first: by the remote, by the first commit, and by the path alone.

    The remote is named without its protocol and without an account, so that all clones agree. The other names find what
    was stored before the repository had a remote, or a commit.
    """
    folder = state.resolve()
    top = repository(folder) if folder.is_dir() else None
    path = folder.as_posix()
    if not top or not folder.is_relative_to(top.resolve()):
        return (path,)
    place = folder.relative_to(top.resolve()).as_posix()
    names = filter(None, (_remote(folder), _first_commit(folder)))
    return (*(f"{name}:{place}" for name in names), path)


def _remote(folder: Path) -> str:
    return remote_name(_output(folder, "config", "--get", "remote.origin.url"))


def remote_name(url: str) -> str:
    """Return the host and path of a remote's address, in either of git's two spellings."""
    host, path = "", url
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return ""
    elif ":" in url.partition("/")[0]:
        account, _, path = url.partition(":")
        host = account.rpartition("@")[2].lower()
    path = path.rstrip("/").removesuffix(".git").rstrip("/")
    return f"{host}/{path.lstrip('/')}" if host else path


def _first_commit(folder: Path) -> str:
    return min(_output(folder, "rev-list", "--max-parents=0", "HEAD").split(), default="")


def _output(folder: Path, *arguments: str) -> str:
    try:
        return git(folder, *arguments).decode("utf-8", "replace").strip()
    except (OSError, subprocess.SubprocessError):
        return ""
