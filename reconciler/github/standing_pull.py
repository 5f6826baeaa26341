"""The one pull request with what a nightly command proposes: opened, kept up to date, closed when nothing is left."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import quote

from reconciler.github import comments
from reconciler.github.api import GitHub
from reconciler.github.comments import check_size
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import unreadable
from reconciler.github.markers import ProposalMark, proposal_mark
from reconciler.github.pull_request import Changed, branch_head, commit_files, open_pull
from reconciler.model.structs import Struct
from reconciler.problems import Problem, ReconcilerError

_WRITE = "contents: write, pull-requests: write"
_MOST = 50  # pull requests of one branch, newest first; those of forks are among them
_QUERY = """
query($owner: String!, $name: String!, $branch: String!, $most: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequests(headRefName: $branch, first: $most, orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { number url body state viewerDidAuthor isCrossRepository }
    }
  }
}"""


class Proposal(Struct, frozen=True):
    """A proposal: the branch of the pull request, its title and description, and the changed files."""

    branch: str
    title: str
    body: str
    files: Changed

    @property
    def digest(self) -> str:
        """Digest of the files, by which a proposal is known again."""
        digests = {name: _sha256(content) for name, content in self.files.items()}
        return f"sha256:{_sha256(json.dumps(digests, sort_keys=True).encode())}"


class KeptPull(Struct, frozen=True):
    """Result for the pull request. `declined`: somebody closed one with the same changes."""

    state: Literal["opened", "updated", "unchanged", "declined"]
    url: str


class _Pull(Struct, frozen=True):
    """A pull request of our own account."""

    number: int
    url: str
    state: str
    body: str
    mark: ProposalMark | None

    def made(self, head: str) -> bool:
        """Return True if this commit is its own, so that nobody has pushed to its branch."""
        return self.mark is not None and head in (self.mark.head, self.mark.former)


def keep(github: GitHub, workflow: WorkflowEnvironment, proposal: Proposal) -> KeptPull:
    """Open the pull request, or bring the open one up to date.

    One with the same changes stays as it is, so that its reviews stay valid. Raises ReconcilerError if somebody else's
    commits are on the branch: nothing is changed then.
    """
    newest = _newest(github, workflow, proposal.branch)
    before = branch_head(github, workflow, proposal.branch)
    if newest and newest.mark and newest.mark.digest == proposal.digest:
        if newest.state == "CLOSED":
            return KeptPull("declined", newest.url)
        if newest.state == "OPEN" and before == newest.mark.head:
            return KeptPull("unchanged", newest.url)
    _refuse_work(proposal.branch, before, newest)
    head = _commit(github, workflow, proposal)
    if newest and newest.state == "OPEN" and before:
        body = _body(proposal, head, before)
        path = f"{workflow.path}/pulls/{newest.number}"
        github.send("PATCH", path, {"title": proposal.title, "body": body}, needs=_WRITE)
        _move(github, workflow, proposal.branch, head)
        return KeptPull("updated", newest.url)
    if before:
        _move(github, workflow, proposal.branch, head)
    else:
        made = {"ref": f"refs/heads/{proposal.branch}", "sha": head}
        github.send("POST", f"{workflow.path}/git/refs", made, needs=_WRITE)
    try:
        url = open_pull(github, workflow, proposal.branch, proposal.title, _body(proposal, head, head))
    except ReconcilerError:
        _drop(github, workflow, proposal.branch)
        raise
    return KeptPull("opened", url)


def close(github: GitHub, workflow: WorkflowEnvironment, branch: str, why: str) -> str:
    """Close the open pull request and remove its branch; return its address, or nothing if there is none.

    Raises ReconcilerError if somebody has pushed to it: then it stays.
    """
    pull = _newest(github, workflow, branch)
    if pull is None or pull.state != "OPEN":
        return ""
    _refuse_work(branch, branch_head(github, workflow, branch), pull)
    comments.add(github, workflow, pull.number, why)
    without = pull.body.partition("\n")[2].strip() or why  # without its mark, the same changes may be proposed again
    path = f"{workflow.path}/pulls/{pull.number}"
    github.send("PATCH", path, {"state": "closed", "body": without}, needs=_WRITE)
    _drop(github, workflow, branch)
    return pull.url


def _newest(github: GitHub, workflow: WorkflowEnvironment, branch: str) -> _Pull | None:
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


def _pull(node: Any) -> _Pull:
    body = str(node["body"])
    return _Pull(int(node["number"]), str(node["url"]), str(node["state"]), body, proposal_mark(body))


def _body(proposal: Proposal, head: str, former: str) -> str:
    body = f"{ProposalMark(head, former, proposal.digest).line()}\n{proposal.body}"
    check_size(body)
    return body


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


def _refuse_work(branch: str, head: str | None, pull: _Pull | None) -> None:
    """Raise ReconcilerError if the branch has a commit that is not our own."""
    if head is None or (pull and pull.made(head)):
        return
    what = f"somebody has pushed to the branch {branch}, so it is left as it is"
    fix = "Merge or close its pull request, delete the branch, and run this again."
    raise ReconcilerError(Problem(what, fix, where=pull.url if pull else f"heads/{branch}"))


def _sha256(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content is not None else ""
