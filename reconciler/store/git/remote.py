"""The branch and its remote: commits are fetched, read, made and pushed by git's plumbing, with no working tree."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from reconciler.git_program import bare_git, make_commit
from reconciler.store.git.address import GitAddress
from reconciler.store.git.errors import RemoteFailure, failure_of, rewritten

_MISSING = "couldn't find remote ref"


class Change(NamedTuple):
    """One path that a commit of the branch adds (A), changes (M, T) or removes (D)."""

    kind: str
    path: str


class Remote:
    """One branch of one remote, through a bare repository in the cache. Every failure is a StoreError."""

    def __init__(self, address: GitAddress, cache: Path, token: str) -> None:
        self._address, self._token = address, token
        self._repository = cache / "objects.git"
        self._ref = f"refs/sessions/{secrets.token_hex(8)}"
        self.place = address.place

    # -------------------------------------------------------------- reading

    @property
    def has_objects(self) -> bool:
        """True if the cache has a repository from an earlier session."""
        return (self._repository / "HEAD").exists()

    def fetch(self) -> str:
        """Fetch the branch, and return its newest commit; empty if the remote has no such branch."""
        self._make()
        refspec = f"+refs/heads/{self._address.branch}:{self._ref}-fetched"
        try:
            self._network("fetch", "--no-write-fetch-head", "--no-tags", "--quiet", "store", refspec)
        except RemoteFailure as failure:
            if _MISSING in failure.problems[0].what:
                return ""
            raise
        return self._git("rev-parse", "--verify", f"{self._ref}-fetched^{{commit}}").decode().strip()

    def files(self, commit: str) -> dict[str, str]:
        """Return the object of every file of the commit, by its path in the store's folder."""
        place = f"{commit}:{self._address.folder}" if self._address.folder else commit
        rows = self._git("ls-tree", "-r", "-z", place).split(b"\0") if self._has_folder(commit) else []
        return {
            name.decode("utf-8", "surrogateescape"): kind.split(b" ")[2].decode("ascii")
            for kind, _, name in (row.partition(b"\t") for row in rows if row)
        }

    def contents(self, objects: Sequence[str]) -> Iterator[bytes]:
        if not objects:
            return
        rest = memoryview(self._git("cat-file", "--batch", given="".join(f"{oid}\n" for oid in objects).encode()))
        for _ in objects:
            end = bytes(rest[:200]).index(b"\n")
            size = int(bytes(rest[:end]).split(b" ")[2])
            yield bytes(rest[end + 1 : end + 1 + size])
            rest = rest[end + size + 2 :]

    def contains(self, newer: str, older: str) -> bool:
        """Return whether `older` is `newer`, or a commit of its history."""
        try:
            bare_git(self._repository, "merge-base", "--is-ancestor", older, newer)
        except subprocess.CalledProcessError:
            return False
        except (OSError, subprocess.SubprocessError) as error:
            raise failure_of(error, self.place) from error
        return True

    def changes(self, older: str, newer: str) -> Iterator[Change]:
        """Yield what each commit since `older` (empty: since the first) changed. Raises StoreError for a merge."""
        commits = [newer] + ([f"^{older}"] if older else [])
        if merges := self._git("rev-list", "--min-parents=2", *commits).split():
            raise rewritten(f"{merges[0].decode()[:12]} merges another history", self.place)
        log = self._git("log", "--format=", "--name-status", "--no-renames", "-z", *commits)
        parts = iter(log.decode("utf-8", "surrogateescape").split("\0"))
        for kind in parts:
            if kind.strip():
                yield Change(kind.strip()[0], self._within(next(parts)))

    def _within(self, path: str) -> str:
        """Return the path in the store's folder; other folders of the branch are other stores'."""
        folder = f"{self._address.folder}/" if self._address.folder else ""
        return path.removeprefix(folder) if path.startswith(folder) else ""

    def _has_folder(self, commit: str) -> bool:
        folder = self._address.folder
        return not folder or bool(self._git("ls-tree", commit, "--", folder).strip())

    # -------------------------------------------------------------- writing

    def commit(self, parent: str, files: Mapping[str, bytes | None], message: str, at: datetime) -> str:
        """Make a commit that adds or changes these files, or removes them (None), and return it."""
        folder = f"{self._address.folder}/" if self._address.folder else ""
        within = {f"{folder}{path}": content for path, content in files.items()}
        try:
            return make_commit(self._repository, f"{self._ref}-made", parent, within, message, at)
        except (OSError, subprocess.SubprocessError) as error:
            raise failure_of(error, self.place) from error

    def push(self, commit: str) -> None:
        """Push a commit as the branch's newest, if it follows the newest. Raises RemoteFailure if that is not known."""
        self._network("push", "--porcelain", "--no-verify", "store", f"{commit}:refs/heads/{self._address.branch}")

    def check_push(self, commit: str) -> None:
        """Ask the remote for leave to push, without a push."""
        refspec = f"{commit}:refs/heads/{self._address.branch}"
        self._network("push", "--porcelain", "--no-verify", "--dry-run", "store", refspec)

    def close(self) -> None:
        """Forget what this session fetched and made; its objects stay in the cache."""
        for kind in ("fetched", "made"):
            (self._repository / f"{self._ref}-{kind}").unlink(missing_ok=True)

    # -------------------------------------------------------------- git

    def _make(self) -> None:
        if self.has_objects:
            return
        made = self._repository.with_name(f"making-{self._ref.rpartition('/')[2]}.git")
        try:
            made.mkdir(mode=0o700, parents=True)
            bare_git(made, "init", "--quiet", "--bare", "--template=")
            made.rename(self._repository)
        except (OSError, subprocess.SubprocessError) as error:
            rmtree(made, ignore_errors=True)
            if not self.has_objects:  # else another process was faster
                raise failure_of(error, self.place) from error

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        try:
            return bare_git(self._repository, *arguments, given=given)
        except (OSError, subprocess.SubprocessError) as error:
            raise failure_of(error, self.place) from error

    def _network(self, *arguments: str) -> bytes:
        try:
            return bare_git(self._repository, *arguments, remote=self._address.remote, token=self._token)
        except (OSError, subprocess.SubprocessError) as error:
            raise failure_of(error, self.place) from error
