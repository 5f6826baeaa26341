"""A pull request with what a command changed in the files, made through the API, so that no push needs a credential."""

from __future__ import annotations

import base64
import posixpath
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.github.api import GitHub
from reconciler.github.comments import check_size
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import Refused, unreadable
from reconciler.github.proposal import Changed
from reconciler.problems import Problem, ReconcilerError
from reconciler.runtime.commit_files import changed_since
from reconciler.runtime.git import repository

_WRITE = "contents: write, pull-requests: write"

_COMMIT = """
mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"""


def changed(folder: str) -> Changed:
    """Return the state files of that folder that differ from the commit that is checked out."""
    state, top = Path(folder).resolve(), repository(Path(folder))
    fix = "Check the repository out first, and run this in it."
    try:
        if top is None:
            raise ReconcilerError(Problem("git cannot show what changed", fix, where=folder))
        within = state.relative_to(top.resolve()).as_posix()
        files = {name: state / name for name in changed_since(state, "HEAD")}
        return {
            posixpath.normpath(posixpath.join(within, name)): file.read_bytes() if file.is_file() else None
            for name, file in sorted(files.items())
        }
    except (OSError, ValueError) as error:
        raise ReconcilerError(Problem("git cannot show what changed", fix, where=folder)) from error


def propose(github: GitHub, workflow: WorkflowEnvironment, branch: str, title: str, body: str, files: Changed) -> str:
    """Open a pull request that changes these files, from a new branch at this run's commit; return its address.

    An existing branch of that name is not changed: somebody may have worked on it.
    """
    check_size(body)
    ref = f"heads/{branch}"
    if branch_head(github, workflow, branch):
        what = f"the branch {branch} already exists, perhaps with an open pull request"
        fix = "Merge or close the pull request, delete the branch, and run this again."
        raise ReconcilerError(Problem(what, fix, where=ref))
    made = {"ref": f"refs/{ref}", "sha": workflow.commit}
    github.send("POST", f"{workflow.path}/git/refs", made, needs=_WRITE)
    try:
        commit_files(github, workflow, branch, title, files)
        return open_pull(github, workflow, branch, title, body)
    except ReconcilerError:
        with suppress(ReconcilerError):  # the first error is the one to report
            github.send("DELETE", f"{workflow.path}/git/refs/{quote(ref)}", {}, needs=_WRITE)
        raise


def commit_files(github: GitHub, workflow: WorkflowEnvironment, branch: str, title: str, files: Changed) -> str:
    """Commit these files to a branch at this run's commit; return the new commit."""
    made = github.mutate(_COMMIT, {"input": _commit(workflow, branch, title, files)}, needs=_WRITE)
    try:
        return str(made["createCommitOnBranch"]["commit"]["oid"])
    except (KeyError, TypeError) as error:
        raise unreadable("/graphql", "it shows no commit") from error


def open_pull(github: GitHub, workflow: WorkflowEnvironment, branch: str, title: str, body: str) -> str:
    """Open a pull request into the branch of this run; return its address."""
    pull = {"title": title, "head": branch, "base": workflow.branch, "body": body}
    return _address(github.send("POST", f"{workflow.path}/pulls", pull, needs=_WRITE))


def _commit(workflow: WorkflowEnvironment, branch: str, title: str, files: Changed) -> dict[str, Any]:
    """Describe the commit; GitHub refuses it if the branch has moved from the commit in which the files changed."""
    kept = [{"path": name, "contents": _base64(content)} for name, content in files.items() if content is not None]
    gone = [{"path": name} for name, content in files.items() if content is None]
    return {
        "branch": {"repositoryNameWithOwner": workflow.repository, "branchName": branch},
        "expectedHeadOid": workflow.commit,
        "message": {"headline": title},
        "fileChanges": {"additions": kept, "deletions": gone},
    }


def branch_head(github: GitHub, workflow: WorkflowEnvironment, branch: str) -> str | None:
    """Return the commit of a branch, or None if the repository has no such branch."""
    path = f"{workflow.path}/git/ref/{quote(f'heads/{branch}')}"
    try:
        return str(github.get(path, needs=_WRITE)["object"]["sha"])
    except Refused as error:
        if error.status == 404:
            return None
        raise
    except (KeyError, TypeError) as error:
        raise unreadable(path, "it shows no commit") from error


def _address(made: Any) -> str:
    try:
        return str(made["html_url"])
    except (KeyError, TypeError) as error:
        raise unreadable("pulls", "it shows no address") from error


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
