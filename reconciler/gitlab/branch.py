"""A branch of the project: its commits are made in a bare repository of the job's own, and pushed.

A push takes effect only if the branch is still as it was read, so that nobody's commits are lost.
"""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from reconciler.git_program import bare_git, make_commit
from reconciler.github.proposal import Proposal
from reconciler.gitlab.environment import TOKEN, PipelineEnvironment
from reconciler.problems import Problem, ReconcilerError


class Branch:
    """One branch of the project's repository; a context manager. Raises ReconcilerError if git fails."""

    def __init__(self, pipeline: PipelineEnvironment, name: str) -> None:
        self._remote, self._token, self._name = pipeline.remote, pipeline.token, name
        self._ref = f"refs/heads/{name}"
        self._folder = TemporaryDirectory(prefix="reconciler-branch-")
        self._repository = Path(self._folder.name)

    def __enter__(self) -> Self:
        self._git("init", "--quiet", "--bare", "--template=")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def head(self) -> str | None:
        """Return the newest commit of the branch, or None if the project has no such branch."""
        rows = self._network("ls-remote", "--quiet", "store", self._ref).decode("utf-8", "replace").splitlines()
        return next((row.partition("\t")[0] for row in rows if row.endswith(f"\t{self._ref}")), None)

    def commit(self, proposal: Proposal, parent: str, at: datetime) -> str:
        """Make a commit with the proposed files after this commit of the project; return it. Nothing is pushed."""
        self._network("fetch", "--no-write-fetch-head", "--no-tags", "--depth=1", "--quiet", "store", parent)
        try:
            return make_commit(self._repository, "refs/made", parent, proposal.files, proposal.title, at)
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failure(error) from error

    def push(self, commit: str, before: str | None) -> None:
        """Make this commit the newest of the branch, if the newest is still the one before."""
        self._push(f"{commit}:{self._ref}", before)

    def remove(self, before: str) -> None:
        """Remove the branch, if its newest commit is still this one."""
        self._push(f":{self._ref}", before)

    def _push(self, refspec: str, before: str | None) -> None:
        lease = f"--force-with-lease={self._ref}:{before or ''}"
        self._network("push", "--porcelain", "--no-verify", lease, "store", refspec)

    def _git(self, *arguments: str, remote: str = "") -> bytes:
        try:
            return bare_git(self._repository, *arguments, remote=remote, token=self._token if remote else "")
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failure(error) from error

    def _network(self, *arguments: str) -> bytes:
        return self._git(*arguments, remote=self._remote)

    def _failure(self, error: Exception) -> ReconcilerError:
        fix = (
            f"Check that {TOKEN} is a token of this project with the role Developer and the scope `api`, and that the "
            f"branch {self._name} is not protected. Then run the job again."
        )
        return ReconcilerError(Problem(f"git failed: {_words(error)}", fix, where=self._remote))


def _words(error: Exception) -> str:
    """Return the line that says what git or GitLab refused."""
    if not isinstance(error, subprocess.CalledProcessError):
        return "it is not installed" if isinstance(error, FileNotFoundError) else type(error).__name__
    text = b"\n".join(part for part in (error.stderr, error.output) if part).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marks = ("remote: GitLab:", "[rejected]", "[remote rejected]", "fatal:", "error:")
    line = next((line for mark in marks for line in lines if mark in line), "it gave no reason")
    return "".join(letter for letter in line if letter.isprintable())[:300]
