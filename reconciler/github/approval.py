"""Pure evaluation of a plan's approval from what GitHub shows. What is not proven is refused.

The fingerprint covers what is written, so an approval must be bound to the fingerprint: by one comment of our own that
nobody else edited, and by a later review of the commit that it names, by another person who may write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.github.markers import kind_of, plan_mark
from reconciler.model.structs import Struct, field
from reconciler.problems import Problem

MOST_COMMITS = 250  # GitHub lists no more of a pull request
_MAY_WRITE = ("admin", "maintain", "write")
_DECISIVE = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")


class ApprovalRequest(Struct, frozen=True):
    """The plan to be applied, its commit and branch, and the folder of its files.

    `future` is the digest of its later changes, empty if there are none.
    """

    target: str
    organisation: str
    fingerprint: str
    commit: str
    branch: str
    folder: str = "state"
    future: str = ""


class Pull(Struct, frozen=True):
    """A pull request."""

    number: int
    author: str
    base: str
    head: str
    is_merged: bool
    merge_commit: str
    commits: int
    changed_files: int
    by_person: bool = True


class Comment(Struct, frozen=True):
    """A comment. `is_ours`: by GitHub's word our own account wrote it. `editor` edited it last, None if nobody did."""

    is_ours: bool
    author: str
    body: str
    updated_at: datetime
    editor: str | None = None


class Review(Struct, frozen=True):
    """A review of a pull request."""

    reviewer: str
    is_person: bool
    state: str
    commit: str
    submitted_at: datetime


class Commit(Struct, frozen=True):
    """A commit's author and committer, by account; None if GitHub has no account for the address."""

    id: str
    author: str | None
    committer: str | None
    by_people: bool = True


class Since(Struct, frozen=True):
    """The branch since the commit: `ahead` or `identical` if it still has the commit, and the files changed."""

    status: str
    files: tuple[str, ...] = ()
    is_whole: bool = True


class Evidence(Struct, frozen=True):
    """GitHub's data about a commit. `pulls` are all that it belongs to; the rest is of the one merged as it.

    `files` has one row for each changed file: its name, and its former name if it was renamed.
    """

    pulls: tuple[Pull, ...]
    since: Since
    comments: tuple[Comment, ...] = ()
    reviews: tuple[Review, ...] = ()
    commits: tuple[Commit, ...] = ()
    files: tuple[tuple[str, ...], ...] = ()
    permissions: Mapping[str, str] = field(default_factory=dict)


class Judgement(Struct, frozen=True):
    """The judgement: approved if `why_not` is empty; `approvals` are then the reviews that count, oldest first."""

    pull: Pull | None
    why_not: tuple[Problem, ...]
    approvals: tuple[Review, ...] = ()

    @property
    def is_approved(self) -> bool:
        return not self.why_not and bool(self.approvals)


def merged_pull(pulls: Sequence[Pull], commit: str, branch: str) -> Pull | None:
    """Return the one pull request that was merged into the branch as this commit."""
    matches = [pull for pull in pulls if pull.is_merged and pull.merge_commit == commit and pull.base == branch]
    return matches[0] if len(matches) == 1 else None


def evaluate_approval(request: ApprovalRequest, evidence: Evidence) -> Judgement:
    """Evaluate the approval, with everything that is missing at once."""
    pull = merged_pull(evidence.pulls, request.commit, request.branch)
    outdated = tuple(_outdated(request, evidence.since))
    if pull is None:
        what = "no pull request was merged as this commit, so nobody can have approved it"
        fix = "Make changes by pull request only. A branch protection rule can require that."
        return Judgement(None, (*outdated, Problem(what, fix, where=request.commit)))
    why_not = [*outdated, *_untrusted(request, pull, evidence)]
    comment = _plan_comment(pull, evidence.comments)
    if isinstance(comment, Problem):
        return Judgement(pull, (*why_not, comment))
    why_not += _mismatches(comment, request, pull)
    approvals, unapproved = _approvals(pull, comment, evidence)
    return Judgement(pull, (*why_not, *unapproved), approvals)


def _outdated(request: ApprovalRequest, since: Since) -> Iterator[Problem]:
    """Refuse an old run that is started again: it must not bring back what the branch has changed since."""
    fix = f"Do nothing: the run of the newest commit of {request.branch} decides."
    if since.status not in ("ahead", "identical"):
        yield Problem(f"{request.branch} no longer has this commit", fix, where=request.commit)
    elif not since.is_whole:
        what = f"{request.branch} has more changes since this commit than GitHub lists"
        yield Problem(what, fix, where=request.commit)
    elif any(is_within(name, request.folder) for name in since.files):
        what = f"{request.branch} has changed {request.folder}/ since this commit"
        yield Problem(what, fix, where=request.commit)


def _untrusted(request: ApprovalRequest, pull: Pull, evidence: Evidence) -> Iterator[Problem]:
    """Check what the pull request itself could have made the comment show, and who took part in it."""
    where, split = _where(pull), "Make that change in a pull request of its own, then this one in another."
    if len(evidence.files) != pull.changed_files or len(evidence.commits) != pull.commits:
        what = "GitHub does not list all of its files and commits"
        yield Problem(what, "Make the change in smaller pull requests.", where=where)
    if unsafe := sorted({name for row in evidence.files for name in row if not is_harmless(name, request.folder)}):
        shown = ", ".join(unsafe[:3]) + (" …" if len(unsafe) > 3 else "")
        what = f"it changes more than {request.folder}/ and documents, so the comment may show anything: {shown}"
        yield Problem(what, split, where=where)
    if unknown := [commit.id[:12] for commit in evidence.commits if not (commit.author and commit.committer)]:
        what = f"GitHub has no account for who made {', '.join(unknown[:3])}, so the reviewer may be the same person"
        fix = "Ask the person who made it to add that e-mail address to their GitHub account."
        yield Problem(what, fix, where=where)


def _plan_comment(pull: Pull, comments: Sequence[Comment]) -> Comment | Problem:
    """Return our one plan comment, or the problem if it is missing or somebody else edited it."""
    ours = [comment for comment in comments if comment.is_ours and kind_of(comment.body) == "plan"]
    if not ours:
        return Problem("no plan was posted in it", "Run the plan workflow on it, then review.", where=_where(pull))
    if len(ours) > 1:
        fix = "Delete all but the newest, run the plan workflow again, then review."
        return Problem("more than one plan was posted in it", fix, where=_where(pull))
    (comment,) = ours
    if comment.editor not in (None, comment.author):
        fix = "Run the plan workflow on it again, which rewrites the comment, then review."
        return Problem(f"its plan comment was edited by {comment.editor}", fix, where=_where(pull))
    return comment


def _mismatches(comment: Comment, request: ApprovalRequest, pull: Pull) -> Iterator[Problem]:
    """Check that the comment shows this plan: the same writes, to the same place, from the reviewed commit."""
    mark = plan_mark(comment.body)
    review = "Review the new plan: approve it in the pull request once it is posted there, then run this job again."
    if mark is None:
        yield Problem("its comment shows no whole plan", review, where=_where(pull))
        return
    if mark.head != pull.head:
        what = f"its comment shows commit {mark.head[:12]}, but {pull.head[:12]} was merged"
        yield Problem(what, review, where=_where(pull))
    for name in ("target", "organisation", "fingerprint"):
        shown, current = getattr(mark, name), getattr(request, name)
        if shown != current:
            yield Problem(f"its comment shows {name} {shown}, but now it is {current}", review, where=_where(pull))
    if mark.future != request.future:
        what = "its comment shows other changes for later days than the files declare now"
        yield Problem(what, review, where=_where(pull))


def _approvals(pull: Pull, comment: Comment, evidence: Evidence) -> tuple[tuple[Review, ...], list[Problem]]:
    """Return the reviews that count, or why they do not suffice; a request for changes by a writer refuses.

    GitHub does not show who started what a machine opened or committed. That person may be the one who approves, so a
    second person must approve too.
    """
    last: dict[str, Review] = {}
    for review in evidence.reviews:
        if review.state in _DECISIVE:
            last[review.reviewer] = review
    where, counted, missing = _where(pull), [], []
    for review in last.values():
        may_write = evidence.permissions.get(review.reviewer) in _MAY_WRITE
        if review.state == "CHANGES_REQUESTED" and may_write:
            fix = "Get their approval, or dismiss their review, then run this job again."
            missing.append(Problem(f"{review.reviewer} asked for changes", fix, where=where))
        elif review.state == "APPROVED":
            if why := _does_not_count(review, pull, comment, evidence.commits, may_write=may_write):
                missing.append(
                    Problem(f"the approval by {review.reviewer} does not count: {why}", _APPROVE, where=where)
                )
            else:
                counted.append(review)
    needed = 1 if pull.by_person and all(commit.by_people for commit in evidence.commits) else 2
    if len(counted) >= needed:
        return tuple(counted), [problem for problem in missing if "asked for changes" in problem.what]
    if counted:
        what = f"a machine took part in it, so two people must approve, and only {counted[0].reviewer} did"
        missing.append(Problem(what, _APPROVE, where=where))
    elif not missing:
        missing.append(Problem("nobody approved it", _APPROVE, where=where))
    return (), missing


_APPROVE = (
    "Ask another person with write access to read the plan as it is posted now and approve: before the merge on the "
    "web page, after it with `gh pr review NUMBER --approve`. Then run this job again."
)


def _does_not_count(review: Review, pull: Pull, comment: Comment, commits: Sequence[Commit], *, may_write: bool) -> str:
    if review.reviewer == pull.author:
        return "they opened the pull request"
    if any(review.reviewer in (commit.author, commit.committer) for commit in commits):
        return "they made some of its commits"
    if not review.is_person:
        return "it is not a person's account"
    if not may_write:
        return "they have no write access"
    if review.commit != pull.head:
        return f"it is for commit {review.commit[:12]}, but {pull.head[:12]} was merged"
    if review.submitted_at <= comment.updated_at:
        return "it is older than the plan as posted now"
    return ""


def is_harmless(name: str, folder: str) -> bool:
    """Return whether a file can change nothing but what is planned: declared state, or a document.

    A hidden file can: attributes change what a checkout holds and what a review shows.
    """
    if name in ("action.yml", "action.yaml") or any(part.startswith(".") for part in name.split("/")):
        return False
    return is_within(name, folder) or name.endswith(".md")


def is_within(name: str, folder: str) -> bool:
    root = re.sub(r"^(\./)+", "", folder).strip("/")
    return root in ("", ".") or name.startswith(f"{root}/")


def _where(pull: Pull) -> str:
    return f"pull request {pull.number}"
