"""The one pull request with what a nightly command proposes: opened, kept up to date, closed when nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import quote

from reconciler.github import comments
from reconciler.github.api import GitHub
from reconciler.github.comments import check_size
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import unreadable
from reconciler.github.proposal import Kept, Proposal, StandingRequest, decide, refuse_work
from reconciler.github.pull_request import branch_head, commit_files, open_pull
from reconciler.problems import ReconcilerError

_WRITE = "contents: write, pull-requests: write"
_MOST = 50  # pull requests of one branch, newest first; those of forks are among them
_STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
_QUERY = """
query($owner: String!, $name: String!, $branch: String!, $most: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequests(headRefName: $branch, first: $most, orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { number url body state viewerDidAuthor isCrossRepository }
    }
  }
}"""


def keep(github: GitHub, workflow: WorkflowEnvironment, proposal: Proposal) -> Kept:
    """Open the pull request, or bring the open one up to date.

    One with the same changes stays as it is, so that its reviews stay valid. Raises ReconcilerError if somebody else's
    commits are on the branch: nothing is changed then.
    """
    newest = _newest(github, workflow, proposal.branch)
    before = branch_head(github, workflow, proposal.branch)
    outcome = decide(proposal, newest, before)
    if newest and outcome in ("unchanged", "declined"):
        return Kept(outcome, newest.url)
    head = _commit(github, workflow, proposal)
    if newest and before and outcome == "updated":
        body = proposal.described(head, before)
        path = f"{workflow.path}/pulls/{newest.number}"
        github.send("PATCH", path, {"title": proposal.title, "body": body}, needs=_WRITE)
        _move(github, workflow, proposal.branch, head)
        return Kept("updated", newest.url)
    if before:
        _move(github, workflow, proposal.branch, head)
    else:
        made = {"ref": f"refs/heads/{proposal.branch}", "sha": head}
        github.send("POST", f"{workflow.path}/git/refs", made, needs=_WRITE)
    try:
        url = open_pull(github, workflow, proposal.branch, proposal.title, proposal.described(head, head))
    except ReconcilerError:
        _drop(github, workflow, proposal.branch)
        raise
    return Kept("opened", url)


def close(github: GitHub, workflow: WorkflowEnvironment, branch: str, why: str) -> str:
    """Close the open pull request and remove its branch; return its address, or nothing if there is none.

    Raises ReconcilerError if somebody has pushed to it: then it stays.
    """
    pull = _newest(github, workflow, branch)
    if pull is None or pull.state != "open":
        return ""
    refuse_work(branch, branch_head(github, workflow, branch), pull)
    comments.add(github, workflow, pull.number, why)
    path = f"{workflow.path}/pulls/{pull.number}"
    github.send("PATCH", path, {"state": "closed", "body": pull.unmarked_body or why}, needs=_WRITE)
    _drop(github, workflow, branch)
    return pull.url


def _newest(github: GitHub, workflow: WorkflowEnvironment, branch: str) -> StandingRequest | None:
    """Return the newest pull request that our account opened from this branch of the repository."""
    owner, _, name = workflow.repository.partition("/")
    variables = {"owner": owner, "name": name, "branch": branch, "most": _MOST}
    data = github.query(_QUERY, variables, needs="pull-requests: read")
    try:
        nodes = data["repository"]["pullRequests"]["nodes"]
        ours = [node for node in nodes if node["viewerDidAuthor"] is True and node["isCrossRepository"] is False]
        return _pull(ours[0]) if ours else None
    except (KeyError, TypeError) as error:
        raise unreadable("/graphql", "it shows no pull requests") from error


def _pull(node: Any) -> StandingRequest:
    return StandingRequest(int(node["number"]), str(node["url"]), _STATES[node["state"]], str(node["body"]))


def _commit(github: GitHub, workflow: WorkflowEnvironment, proposal: Proposal) -> str:
    """Make the commit on a branch of its own: the pull request never shows a branch without changes."""
    check_size(proposal.body)
    aside = f"{proposal.branch}-next"
    if branch_head(github, workflow, aside):
        _drop(github, workflow, aside)
    made = {"ref": f"refs/heads/{aside}", "sha": workflow.commit}
    github.send("POST", f"{workflow.path}/git/refs", made, needs=_WRITE)
    try:
        return commit_files(github, workflow, aside, proposal.title, proposal.files)
    finally:
        _drop(github, workflow, aside)


def _move(github: GitHub, workflow: WorkflowEnvironment, branch: str, commit: str) -> None:
    path = f"{workflow.path}/git/refs/{quote(f'heads/{branch}')}"
    github.send("PATCH", path, {"sha": commit, "force": True}, needs=_WRITE)


def _drop(github: GitHub, workflow: WorkflowEnvironment, branch: str) -> None:
    """Remove a branch; one that cannot be removed is found and removed by the next run."""
    with suppress(ReconcilerError):
        github.send("DELETE", f"{workflow.path}/git/refs/{quote(f'heads/{branch}')}", {}, needs=_WRITE)
