"""Pure evaluation of a plan's approval from what GitLab shows. What is not proven is refused.

GitLab shows who approved a merge request, and in its events when. It shows neither for which commit, nor whose account
made a commit: an approval counts if it is later than our note, which names the commit, the plan and its fingerprint.

Nor does it show who started what a machine opened or pushed. That person may be the one who approves, so a second
person must approve too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.github.approval import ApprovalRequest, is_harmless, is_within
from reconciler.github.markers import plan_mark
from reconciler.gitlab.notes import Note, plan_notes
from reconciler.model.structs import Struct, field
from reconciler.problems import Problem

DEVELOPER = 30  # the lowest access level that may push
_BOT = re.compile(r"(project|group)_\d+_bot(_\w+)?")
_PUSHED = re.compile(r"added \d+ commits?\b")
_READ = "Ask another person with the role Developer or higher to read the plan as it is posted now and to approve it."
_NEW = "Open a new merge request with the same change, and have its plan approved before the merge."


class MergeRequest(Struct, frozen=True):
    """A merge request that was merged. `commit` is the one that it made on its target branch."""

    number: int
    author: int
    target: str
    head: str
    commit: str
    author_name: str = ""


class Account(Struct, frozen=True):
    """An account that approved, with its access level in the project."""

    id: int
    name: str
    access: int


class Evidence(Struct, frozen=True):
    """GitLab's data about a commit. `requests` are all that it belongs to; the rest is of the one merged as it.

    `files` has the names of each changed file before and after; `since` the files that the branch has changed since.
    """

    ours: int
    requests: tuple[MergeRequest, ...]
    is_on_branch: bool
    since: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    approvers: tuple[Account, ...] = ()
    files: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def merged_request(requests: Sequence[MergeRequest], commit: str, branch: str) -> MergeRequest | None:
    """Return the one merge request that was merged into the branch as this commit."""
    matches = [request for request in requests if request.commit == commit and request.target == branch]
    return matches[0] if len(matches) == 1 else None


def evaluate(request: ApprovalRequest, evidence: Evidence) -> tuple[tuple[str, ...], list[Problem]]:
    """Return who approved this plan, and everything that is missing."""
    outdated = list(_outdated(request, evidence))
    merged = merged_request(evidence.requests, request.commit, request.branch)
    if merged is None:
        what = "no merge request was merged as this commit, so nobody can have approved it"
        fix = "Make changes by merge request only: protect the branch so that nobody may push to it."
        return (), [*outdated, Problem(what, fix, where=request.commit)]
    where = f"merge request {merged.number}"
    why_not = [*outdated, *_other_files(request, evidence, where)]
    ours = plan_notes(list(evidence.notes), evidence.ours)
    if len(ours) != 1:
        what = "more than one plan was posted in it" if ours else "no plan was posted in it"
        return (), [*why_not, Problem(what, _NEW, where=where)]
    why_not += _mismatches(request, ours[0], merged, where)
    counted, refused = _approvals(evidence, ours[0], merged, where)
    return counted, why_not + ([] if counted else refused)


def _outdated(request: ApprovalRequest, evidence: Evidence) -> Iterator[Problem]:
    """Refuse an old job that is started again: it must not bring back what the branch has changed since."""
    fix = f"Do nothing: the pipeline of the newest commit of {request.branch} decides."
    if not evidence.is_on_branch:
        yield Problem(f"{request.branch} no longer has this commit", fix, where=request.commit)
    elif any(is_within(name, request.folder) for name in evidence.since):
        yield Problem(f"{request.branch} has changed {request.folder}/ since this commit", fix, where=request.commit)


def _other_files(request: ApprovalRequest, evidence: Evidence, where: str) -> Iterator[Problem]:
    names = {name for row in evidence.files for name in row}
    if unsafe := sorted(name for name in names if not is_harmless(name, request.folder)):
        shown = ", ".join(unsafe[:3]) + (" …" if len(unsafe) > 3 else "")
        what = f"it changes more than {request.folder}/ and documents, so the note may show anything: {shown}"
        yield Problem(what, "Make that change in a merge request of its own, then this one in another.", where=where)


def _mismatches(request: ApprovalRequest, note: Note, merged: MergeRequest, where: str) -> Iterator[Problem]:
    """Check that the note shows this plan: the same writes, to the same place, from the merged commit."""
    mark = plan_mark(note.body)
    if mark is None:
        yield Problem("its note shows no whole plan", _NEW, where=where)
        return
    if mark.head != merged.head:
        yield Problem(f"its note shows commit {mark.head[:12]}, but {merged.head[:12]} was merged", _NEW, where=where)
    for name in ("target", "organisation", "fingerprint"):
        shown, current = getattr(mark, name), getattr(request, name)
        if shown != current:
            yield Problem(f"its note shows {name} {shown}, but now it is {current}", _NEW, where=where)
    if mark.future != request.future:
        what = "its note shows other changes for later days than the files declare now"
        yield Problem(what, _NEW, where=where)


def _approvals(
    evidence: Evidence, note: Note, merged: MergeRequest, where: str
) -> tuple[tuple[str, ...], list[Problem]]:
    approved_at = _events(evidence.notes, re.compile(r"approved this merge request"))
    pushed_at = _events(evidence.notes, _PUSHED)
    counted, refused = [], []
    for account in evidence.approvers:
        why = _does_not_count(account, approved_at.get(account.id), note, merged, pushed_at)
        if why:
            refused.append(Problem(f"the approval by {account.name} does not count: {why}", _READ, where=where))
        else:
            counted.append(account.name)
    if not evidence.approvers:
        refused.append(Problem("nobody approved it", _READ, where=where))
    if len(counted) == 1 and _by_machine(evidence, merged):
        what = f"a machine took part in it, so two people must approve, and only {counted[0]} did"
        return (), [*refused, Problem(what, _READ, where=where)]
    return tuple(counted), refused


def _by_machine(evidence: Evidence, merged: MergeRequest) -> bool:
    """Return True if an account that is no person's opened it or pushed to it."""
    pushed = {note.author_name for note in evidence.notes if note.is_event and _PUSHED.match(note.body)}
    return merged.author == evidence.ours or any(map(_BOT.fullmatch, (merged.author_name, *pushed)))


def _does_not_count(
    account: Account, at: datetime | None, note: Note, merged: MergeRequest, pushed_at: Mapping[int, datetime]
) -> str:
    if account.id == merged.author:
        return "they opened the merge request"
    if account.id in pushed_at:
        return "they pushed commits to it"
    if _BOT.fullmatch(account.name):
        return "it is not a person's account"
    if account.access < DEVELOPER:
        return "they have no write access"
    if at is None:
        return "GitLab does not show when it was given"
    if at <= note.updated_at:
        return "it is older than the plan as posted now"
    return ""


def _events(notes: Sequence[Note], words: re.Pattern[str]) -> Mapping[int, datetime]:
    """Return when each account last did something, by the events that GitLab writes."""
    return {note.author: note.created_at for note in notes if note.is_event and words.match(note.body)}
