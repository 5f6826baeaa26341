"""The one pull request with what a nightly command proposes: opened, kept up to date, closed when nothing is left.

Its branch is moved or removed only if it is still as it was read, so that nobody's commits are lost.
"""

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
from reconciler.github.proposal import Kept, Proposal, StandingRequest, decide, decide_close, refuse_work
from reconciler.github.pull_request import branch_head, commit_files, open_pull
from reconciler.problems import ReconcilerError

_WRITE = "contents: write, pull-requests: write"
_MOST = 50  # pull requests of one branch, newest first; those of forks are among them
_STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
_QUERY = """
query($owner: String!, $name: String!, $branch: String!, $most: Int!) {
  repository(owner: $owner, name: $name) {
    id
    pullRequests(headRefName: $branch, first: $most, orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { number url body state viewerDidAuthor isCrossRepository }
    }
  }
}"""
_UPDATE = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"
_NO_COMMIT = "0" * 40


def keep(github: GitHub, workflow: WorkflowEnvironment, proposal: Proposal) -> Kept:
    """Open the pull request, or bring the open one up to date.

    One with the same changes stays as it is, so that its reviews stay valid. Raises ReconcilerError if somebody else's
    commits are on the branch: nothing is changed then.
    """
    branch = _Branch(github, workflow, proposal.branch)
    newest = branch.newest
    outcome = decide(proposal, newest, branch.head)
    if newest and outcome in ("unchanged", "declined"):
        return Kept(outcome, newest.url)
    head = _commit(github, workflow, proposal)
    if newest and outcome == "updated":
        body = proposal.described(head, branch.head or head)
        path = f"{workflow.path}/pulls/{newest.number}"
        github.send("PATCH", path, {"title": proposal.title, "body": body}, needs=_WRITE)
        branch.put(head)
        return Kept("updated", newest.url)
    branch.put(head)
    try:
        url = open_pull(github, workflow, proposal.branch, proposal.title, proposal.described(head, head))
    except ReconcilerError:
        with suppress(ReconcilerError):  # the first error is the one to report
            branch.move(_NO_COMMIT)
        raise
    return Kept("opened", url)


def close(github: GitHub, workflow: WorkflowEnvironment, branch_name: str, why: str) -> str:
    """Close the open pull request and remove its branch; return its address, or nothing if there is none.

    Raises ReconcilerError if somebody has pushed to it: then it stays.
    """
    branch = _Branch(github, workflow, branch_name)
    pull = branch.newest
    if pull is None or not pull.may_be_closed:
        return ""
    task = decide_close(branch_name, pull, branch.head)
    if task == "close":
        comments.add(github, workflow, pull.number, why)
        path = f"{workflow.path}/pulls/{pull.number}"
        github.send("PATCH", path, {"state": "closed", "body": pull.withdrawn_body}, needs=_WRITE)
    if branch.head and task != "nothing":
        branch.move(_NO_COMMIT)
    return pull.url if task == "close" else ""


class _Branch:
    """The request's branch as it was read: its commit, and the newest pull request that our account opened from it."""

    def __init__(self, github: GitHub, workflow: WorkflowEnvironment, name: str) -> None:
        self._github, self._workflow, self._name = github, workflow, name
        owner, _, repository = workflow.repository.partition("/")
        variables = {"owner": owner, "name": repository, "branch": name, "most": _MOST}
        data = github.query(_QUERY, variables, needs="pull-requests: read")
        try:
            self._repository = str(data["repository"]["id"])
            nodes = data["repository"]["pullRequests"]["nodes"]
            ours = [node for node in nodes if node["viewerDidAuthor"] is True and node["isCrossRepository"] is False]
            self.newest = _pull(ours[0]) if ours else None
        except (KeyError, TypeError) as error:
            raise unreadable("/graphql", "it shows no pull requests") from error
        self.head = branch_head(github, workflow, name)

    def put(self, commit: str) -> None:
        """Make this commit the branch's newest; a branch that does not exist is made."""
        if self.head:
            self.move(commit)
        else:
            made = {"ref": f"refs/heads/{self._name}", "sha": commit}
            self._github.send("POST", f"{self._workflow.path}/git/refs", made, needs=_WRITE)
            self.head = commit

    def move(self, commit: str) -> None:
        """Replace the branch's commit, or remove the branch. Raises ReconcilerError if somebody has pushed since."""
        update = {"name": f"refs/heads/{self._name}", "beforeOid": self.head, "afterOid": commit, "force": True}
        try:
            self._github.mutate(
                _UPDATE, {"input": {"repositoryId": self._repository, "refUpdates": [update]}}, needs=_WRITE
            )
        except ReconcilerError:
            now = branch_head(self._github, self._workflow, self._name)
            if now != self.head:
                refuse_work(self._name, now, self.newest)
            raise
        self.head = commit


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


def _drop(github: GitHub, workflow: WorkflowEnvironment, branch: str) -> None:
    """Remove a branch of our own; one that cannot be removed is found and removed by the next run."""
    with suppress(ReconcilerError):
        github.send("DELETE", f"{workflow.path}/git/refs/{quote(f'heads/{branch}')}", {}, needs=_WRITE)
