"""Whether a plan was approved: a pure judgement over what GitHub shows. Whatever is not proven refuses.

The fingerprint binds what is written, so an approval has to bind to the fingerprint: by one comment of our own that
nobody else touched, and by a review that was given after it, to the commit it tells of, by somebody else who may write.
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
    """The plan that is about to be applied, the commit and branch it was made of, and the folder of its files."""

    target: str
    organisation: str
    fingerprint: str
    commit: str
    branch: str
    folder: str = "state"


class Pull(Struct, frozen=True):
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
    """`is_ours` is GitHub's word that our own account wrote it; `editor` who edited it last, None if nobody did."""

    is_ours: bool
    author: str
    body: str
    updated_at: datetime
    editor: str | None = None


class Review(Struct, frozen=True):
    reviewer: str
    is_person: bool
    state: str
    commit: str
    submitted_at: datetime


class Commit(Struct, frozen=True):
    """Who wrote and who committed it, by account; None where GitHub knows no account for the address."""

    id: str
    author: str | None
    committer: str | None
    by_people: bool = True


class Since(Struct, frozen=True):
    """What the branch became after the commit: `ahead` or `identical`, or something that forgot it; files changed."""

    status: str
    files: tuple[str, ...] = ()
    is_whole: bool = True


class Evidence(Struct, frozen=True):
    """What GitHub shows of a commit. `pulls` are all that it belongs to; the rest is of the one that brought it.

    `files` has one row a changed file: its name, and the one it had before where it was renamed.
    """

    pulls: tuple[Pull, ...]
    since: Since
    comments: tuple[Comment, ...] = ()
    reviews: tuple[Review, ...] = ()
    commits: tuple[Commit, ...] = ()
    files: tuple[tuple[str, ...], ...] = ()
    permissions: Mapping[str, str] = field(default_factory=dict)


class Judgement(Struct, frozen=True):
    """Approved where `why_not` is empty; then `approvals` says by whom, in the order given."""

    pull: Pull | None
    why_not: tuple[Problem, ...]
    approvals: tuple[Review, ...] = ()

    @property
    def is_approved(self) -> bool:
        return not self.why_not and bool(self.approvals)


def bringer(pulls: Sequence[Pull], commit: str, branch: str) -> Pull | None:
    """The one pull request that was merged into the branch as this very commit."""
    found = [one for one in pulls if one.is_merged and one.merge_commit == commit and one.base == branch]
    return found[0] if len(found) == 1 else None


def evaluate_approval(wanted: ApprovalRequest, evidence: Evidence) -> Judgement:
    """Everything that is still missing at once, so that people know what to do."""
    pull = bringer(evidence.pulls, wanted.commit, wanted.branch)
    overtaken = tuple(_overtaken(wanted, evidence.since))
    if pull is None:
        what = "no pull request brought this commit, so nobody can have approved it"
        fix = "Make changes by pull request only; a branch protection rule can require that."
        return Judgement(None, (*overtaken, Problem(what, fix, where=wanted.commit)))
    why_not = [*overtaken, *_trusted(wanted, pull, evidence)]
    comment = _the_comment(pull, evidence.comments)
    if isinstance(comment, Problem):
        return Judgement(pull, (*why_not, comment))
    why_not += _names(comment, wanted, pull)
    approvals, unapproved = _approvals(pull, comment, evidence)
    return Judgement(pull, (*why_not, *unapproved), approvals)


def _overtaken(wanted: ApprovalRequest, since: Since) -> Iterator[Problem]:
    """An old run that is started again must not bring back what the branch has left behind."""
    fix = f"Nothing needs to be done: the run of the newest commit of {wanted.branch} decides."
    if since.status not in ("ahead", "identical"):
        yield Problem(f"{wanted.branch} no longer holds this commit", fix, where=wanted.commit)
    elif not since.is_whole:
        yield Problem(f"{wanted.branch} has moved on further than can be looked through", fix, where=wanted.commit)
    elif any(_within(name, wanted.folder) for name in since.files):
        what = f"{wanted.branch} has changed {wanted.folder}/ since this commit"
        yield Problem(what, fix, where=wanted.commit)


def _trusted(wanted: ApprovalRequest, pull: Pull, evidence: Evidence) -> Iterator[Problem]:
    """What the pull request itself could have made the comment say, and who took part in it."""
    where, split = _where(pull), "Bring that in a pull request of its own, then this change in another."
    if len(evidence.files) != pull.changed_files or len(evidence.commits) != pull.commits:
        what = "not all of its files and commits can be seen"
        yield Problem(what, "Make the change in smaller pull requests.", where=where)
    if beside := sorted({name for row in evidence.files for name in row if not _harmless(name, wanted.folder)}):
        shown = ", ".join(beside[:3]) + (" …" if len(beside) > 3 else "")
        what = f"it changes more than {wanted.folder}/ and documents, which could make a comment say anything: {shown}"
        yield Problem(what, split, where=where)
    if nameless := [one.id[:12] for one in evidence.commits if not (one.author and one.committer)]:
        what = (
            f"GitHub knows no account for who made {', '.join(nameless[:3])}, so nobody is proven to be somebody else"
        )
        fix = "Whoever made it adds that e-mail address to their GitHub account."
        yield Problem(what, fix, where=where)


def _the_comment(pull: Pull, comments: Sequence[Comment]) -> Comment | Problem:
    """Our one plan comment, as long as nobody else had a hand in it."""
    ours = [one for one in comments if one.is_ours and kind_of(one.body) == "plan"]
    if not ours:
        return Problem("no plan was posted in it", "Let the plan workflow run there, then review.", where=_where(pull))
    if len(ours) > 1:
        fix = "Delete all but the newest, let the plan workflow run again, then review."
        return Problem("more than one plan was posted in it", fix, where=_where(pull))
    (comment,) = ours
    if comment.editor not in (None, comment.author):
        fix = "Let the plan workflow run again there, which writes it anew, then review."
        return Problem(f"its plan comment was edited by {comment.editor}", fix, where=_where(pull))
    return comment


def _names(comment: Comment, wanted: ApprovalRequest, pull: Pull) -> Iterator[Problem]:
    """The comment must tell of this plan: of the same writes, to the same place, from the reviewed commit."""
    mark = plan_mark(comment.body)
    review = "Review the new plan: approve it in the pull request once it is posted there, then run this job again."
    if mark is None:
        yield Problem("its comment tells of no whole plan", review, where=_where(pull))
        return
    if mark.head != pull.head:
        what = f"its comment tells of commit {mark.head[:12]}, and {pull.head[:12]} was merged"
        yield Problem(what, review, where=_where(pull))
    for name in ("target", "organisation", "fingerprint"):
        stated, now = getattr(mark, name), getattr(wanted, name)
        if stated != now:
            yield Problem(f"its comment tells of {name} {stated}, and now it is {now}", review, where=_where(pull))


def _approvals(pull: Pull, comment: Comment, evidence: Evidence) -> tuple[tuple[Review, ...], list[Problem]]:
    """The reviews that count, or why they do not suffice; whoever may write and asks for changes refuses.

    What a machine opened or committed was started by somebody whom GitHub does not name, who may be the one that
    approves: there a second one must.
    """
    last: dict[str, Review] = {}
    for review in evidence.reviews:
        if review.state in _DECISIVE:
            last[review.reviewer] = review
    where, counted, missing = _where(pull), [], []
    for review in last.values():
        may_write = evidence.permissions.get(review.reviewer) in _MAY_WRITE
        if review.state == "CHANGES_REQUESTED" and may_write:
            fix = "They approve, or their review is dismissed, then run this job again."
            missing.append(Problem(f"{review.reviewer} asked for changes", fix, where=where))
        elif review.state == "APPROVED":
            if why := _does_not_count(review, pull, comment, evidence.commits, may_write=may_write):
                missing.append(
                    Problem(f"the approval by {review.reviewer} does not count: {why}", _APPROVE, where=where)
                )
            else:
                counted.append(review)
    needed = 1 if pull.by_person and all(one.by_people for one in evidence.commits) else 2
    if len(counted) >= needed:
        return tuple(counted), [one for one in missing if "asked for changes" in one.what]
    if counted:
        what = f"a machine had a hand in it, so two people must approve, and only {counted[0].reviewer} did"
        missing.append(Problem(what, _APPROVE, where=where))
    elif not missing:
        missing.append(Problem("nobody approved it", _APPROVE, where=where))
    return (), missing


_APPROVE = (
    "Somebody else with write access reads the plan as it is posted now and approves: before merging in the web page, "
    "after it with `gh pr review NUMBER --approve`. Then run this job again."
)


def _does_not_count(review: Review, pull: Pull, comment: Comment, commits: Sequence[Commit], *, may_write: bool) -> str:
    if review.reviewer == pull.author:
        return "they opened the pull request"
    if any(review.reviewer in (one.author, one.committer) for one in commits):
        return "they made some of its commits"
    if not review.is_person:
        return "it is no person's account"
    if not may_write:
        return "they may not write here"
    if review.commit != pull.head:
        return f"it was given to commit {review.commit[:12]}, and {pull.head[:12]} was merged"
    if review.submitted_at <= comment.updated_at:
        return "it was given before the plan was posted as it is now"
    return ""


def _harmless(name: str, folder: str) -> bool:
    """Whether a file can have had no part in how the comment came about: declared state, or a document."""
    if name.startswith(".github/") or name in ("action.yml", "action.yaml"):
        return False
    return _within(name, folder) or name.endswith(".md")


def _within(name: str, folder: str) -> bool:
    root = re.sub(r"^(\./)+", "", folder).strip("/")
    return root in ("", ".") or name.startswith(f"{root}/")


def _where(pull: Pull) -> str:
    return f"pull request {pull.number}"
