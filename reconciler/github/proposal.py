"""A proposal that is kept up to date on a forge: its files, and the decision what to do with its open request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

from reconciler.github.comments import check_size
from reconciler.github.markers import ProposalMark, proposal_mark, without_mark
from reconciler.model.structs import Struct
from reconciler.problems import Problem, ReconcilerError

Changed = Mapping[str, bytes | None]
"""The changed files by their path in the repository, with their content now; None if deleted."""

NOTHING_LEFT = "Nothing is left to change: closed."
NOTHING_CHANGED = "Nothing changed in the files: nothing to propose."

Outcome = Literal["opened", "updated", "unchanged", "declined"]


class Proposal(Struct, frozen=True):
    """A proposal: the branch of its request, the request's title and description, and the changed files."""

    branch: str
    title: str
    body: str
    files: Changed

    @property
    def digest(self) -> str:
        """Digest of the files, by which a proposal is known again."""
        digests = {name: _sha256(content) for name, content in self.files.items()}
        return f"sha256:{_sha256(json.dumps(digests, sort_keys=True).encode())}"

    def described(self, head: str, former: str) -> str:
        """Return the description, with the mark of these commits. Raises ReconcilerError if it is too large."""
        description = f"{ProposalMark(head, former, self.digest).line()}\n{self.body}"
        check_size(description)
        return description


class StandingRequest(Struct, frozen=True):
    """A pull or merge request of our own account."""

    number: int
    url: str
    state: Literal["open", "closed", "merged"]
    body: str

    @property
    def mark(self) -> ProposalMark | None:
        return proposal_mark(self.body)

    @property
    def withdrawn_body(self) -> str:
        """The description of a request that the job itself closes: its mark names its commits, and no changes."""
        text = without_mark(self.body)
        return f"{ProposalMark(self.mark.head, self.mark.former).line()}\n{text}" if self.mark else text

    @property
    def may_be_closed(self) -> bool:
        """True if it is open, or if the job itself has closed it, perhaps without removing its branch."""
        return self.state == "open" or (self.mark is not None and not self.mark.digest)

    def made(self, head: str) -> bool:
        """Return True if this commit is its own, so that nobody has pushed to its branch."""
        return self.mark is not None and head in (self.mark.head, self.mark.former)


class Kept(Struct, frozen=True):
    """Result for the request. `declined`: somebody closed one with the same changes."""

    outcome: Outcome
    url: str

    def sentence(self) -> str:
        return _SENTENCES[self.outcome].format(self.url)


_SENTENCES: Mapping[Outcome, str] = {
    "opened": "Proposed in {}",
    "updated": "Brought up to date: {}",
    "unchanged": "Proposed already, and left as it is: {}",
    "declined": "Somebody closed a proposal of the same changes, so none is opened: {}",
}


def decide(proposal: Proposal, newest: StandingRequest | None, head: str | None) -> Outcome:
    """Return what is to be done, from our newest request and its branch's commit.

    One with the same changes stays as it is, so that its reviews stay valid. Raises ReconcilerError if somebody else's
    commits are on the branch.
    """
    if newest and newest.mark and newest.mark.digest == proposal.digest:
        if newest.state == "closed":
            return "declined"
        if newest.state == "open" and head == newest.mark.head:
            return "unchanged"
    refuse_work(proposal.branch, head, newest)
    return "updated" if newest and newest.state == "open" else "opened"


def decide_close(branch: str, newest: StandingRequest, head: str | None) -> Literal["close", "remove", "nothing"]:
    """Return what is to be done with a request that may be closed: close it, or only remove its branch.

    The request is closed first, so that no open one lacks its branch. If the run ends in between, the closed request
    shows that the branch is our own, and the next run removes it. Raises ReconcilerError if somebody else's commits are
    on the branch of an open request.
    """
    if newest.state == "open":
        refuse_work(branch, head, newest)
        return "close"
    return "remove" if head and newest.made(head) else "nothing"


def refuse_work(branch: str, head: str | None, newest: StandingRequest | None) -> None:
    """Raise ReconcilerError if the branch has a commit that is not our own."""
    if head is None or (newest and newest.made(head)):
        return
    what = f"somebody has pushed to the branch {branch}, so it is left as it is"
    fix = "Merge or close what was opened from it, delete the branch, and run this again."
    raise ReconcilerError(Problem(what, fix, where=newest.url if newest else f"heads/{branch}"))


def _sha256(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content is not None else ""
