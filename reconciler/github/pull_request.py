"""A pull request from what a command changed in the files: made by GitHub, so that no push needs a credential."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.github.api import GitHub
from reconciler.github.comments import check_size
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import Refused, unreadable
from reconciler.problems import Problem, ReconcilerError
from reconciler.runtime.git import git

_WRITE = "contents: write, pull-requests: write"

_COMMIT = """
mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"""

Changed = Mapping[str, bytes | None]
"""The files that changed, by their path in the repository: what they hold now, None where they are gone."""


def changed(folder: str) -> Changed:
    """What differs from the commit that is checked out, in that folder of the repository around the current one."""
    try:
        listed = git(Path(), "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", folder)
        top = Path(git(Path(), "rev-parse", "--show-toplevel").decode().strip())
        names = [row[3:].decode() for row in listed.split(b"\0") if row]
        return {name: (top / name).read_bytes() if (top / name).is_file() else None for name in names}
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        fix = "Check the repository out first, and run this in it."
        raise ReconcilerError(Problem("git cannot tell what changed here", fix, where=folder)) from error


def propose(github: GitHub, here: WorkflowEnvironment, branch: str, title: str, body: str, files: Changed) -> str:
    """Open a pull request that changes these files, from a new branch at this run's commit; its address.

    A branch of that name that is there already is left as it is: somebody may have worked on it.
    """
    check_size(body)
    ref = f"heads/{branch}"
    if _exists(github, here, ref):
        what = f"the branch {branch} is there already, perhaps with a pull request that is still open"
        raise ReconcilerError(Problem(what, "Merge or close that, delete the branch, and run this again.", where=ref))
    made = {"ref": f"refs/{ref}", "sha": here.commit}
    github.send("POST", f"{here.path}/git/refs", made, needs=_WRITE)
    try:
        github.mutate(_COMMIT, {"input": _commit(here, branch, title, files)}, needs=_WRITE)
        asked = {"title": title, "head": branch, "base": here.branch, "body": body}
        return _address(github.send("POST", f"{here.path}/pulls", asked, needs=_WRITE))
    except ReconcilerError:
        with suppress(ReconcilerError):  # why it failed is what people need to know
            github.send("DELETE", f"{here.path}/git/refs/{quote(ref)}", {}, needs=_WRITE)
        raise


def _commit(here: WorkflowEnvironment, branch: str, title: str, files: Changed) -> dict[str, Any]:
    """GitHub refuses it where the branch has moved from the commit that the files were changed in."""
    kept = [{"path": name, "contents": _base64(held)} for name, held in files.items() if held is not None]
    gone = [{"path": name} for name, held in files.items() if held is None]
    return {
        "branch": {"repositoryNameWithOwner": here.repository, "branchName": branch},
        "expectedHeadOid": here.commit,
        "message": {"headline": title},
        "fileChanges": {"additions": kept, "deletions": gone},
    }


def _exists(github: GitHub, here: WorkflowEnvironment, ref: str) -> bool:
    try:
        github.get(f"{here.path}/git/ref/{quote(ref)}", needs=_WRITE)
    except Refused as error:
        if error.status == 404:
            return False
        raise
    return True


def _address(made: Any) -> str:
    try:
        return str(made["html_url"])
    except (KeyError, TypeError) as error:
        raise unreadable("pulls", "it shows no address") from error


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
