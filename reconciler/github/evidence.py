"""Evidence for the approval: GitHub's data about a commit as plain values, complete or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from reconciler.github.api import GitHub
from reconciler.github.approval import MOST_COMMITS, Comment, Commit, Evidence, Pull, Review, Since, merged_pull
from reconciler.github.comments import MOST_COMMENTS, comments_of
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import Refused, unreadable

_NEEDS = "contents: read, pull-requests: read"
_MOST_FILES = 3000  # of a pull request; GitHub lists no more
_MOST_COMPARED = 300  # files of a comparison; GitHub lists no more

T = TypeVar("T")


def pull_of(github: GitHub, workflow: WorkflowEnvironment) -> Pull | None:
    """Return the pull request that was merged as the commit of this run, if there is exactly one."""
    return merged_pull(_pulls(github, workflow), workflow.commit, workflow.branch)


def evidence(github: GitHub, workflow: WorkflowEnvironment) -> Evidence:
    """Read everything that `evaluate_approval` needs. Raises ReconcilerError if any of it cannot be read."""
    pulls, since = _pulls(github, workflow), _since(github, workflow)
    pull = merged_pull(pulls, workflow.commit, workflow.branch)
    if pull is None:
        return Evidence(pulls, since)

    def listed(name: str, most: int, row: Callable[[Any], T]) -> tuple[T, ...]:
        path = f"{workflow.path}/pulls/{pull.number}/{name}"
        return _rows(path, github.pages(path, needs=_NEEDS, most=most), row)

    reviews = listed("reviews", MOST_COMMENTS, _review)
    reviewers = dict.fromkeys(review.reviewer for review in reviews if review.is_person)
    return Evidence(
        pulls,
        since,
        comments=_rows("comments", list(comments_of(github, workflow, pull.number)), _comment),
        reviews=reviews,
        commits=listed("commits", MOST_COMMITS, _commit),
        files=listed("files", _MOST_FILES, _file),
        permissions={name: _permission(github, workflow, name) for name in reviewers},
    )


# ------------------------------------------------------------------ GitHub's rows


def _pulls(github: GitHub, workflow: WorkflowEnvironment) -> tuple[Pull, ...]:
    """Read the merged pull requests among those of the commit, each in full, because the list is not."""
    path = f"{workflow.path}/commits/{workflow.commit}/pulls"
    listed = _rows(path, github.pages(path, needs=_NEEDS, most=300), lambda row: (row["number"], row["merged_at"]))
    merged = [f"{workflow.path}/pulls/{number:d}" for number, merged_at in listed if merged_at]
    return _rows(path, [github.get(pull, needs=_NEEDS) for pull in merged], _pull)


def _since(github: GitHub, workflow: WorkflowEnvironment) -> Since:
    path = f"{workflow.path}/compare/{workflow.commit}...{quote(workflow.branch, safe='')}"
    row = github.get(path, needs=_NEEDS)
    (files,) = _rows(path, [row], lambda row: [name for file in row["files"] for name in _file(file)])
    return Since(str(row.get("status")), tuple(files), is_whole=len(row["files"]) < _MOST_COMPARED)


def _permission(github: GitHub, workflow: WorkflowEnvironment, login: str) -> str:
    """Read an account's permission in the repository; a deleted account has none."""
    path = f"{workflow.path}/collaborators/{quote(login, safe='')}/permission"
    try:
        row = github.get(path, needs=_NEEDS)
    except Refused as error:
        if error.status == 404:
            return "none"
        raise
    return _rows(path, [row], lambda row: str(row["permission"]))[0]


def _rows(path: str, rows: Sequence[Any], read: Callable[[Any], T]) -> tuple[T, ...]:
    try:
        return tuple(read(row) for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(path, f"a field is missing or malformed ({type(error).__name__})") from error


def _pull(row: Any) -> Pull:
    return Pull(
        number=int(row["number"]),
        author=_login(row["user"]),
        base=str(row["base"]["ref"]),
        head=str(row["head"]["sha"]),
        is_merged=row["merged"] is True,
        merge_commit=str(row["merge_commit_sha"]),
        commits=int(row["commits"]),
        changed_files=int(row["changed_files"]),
        by_person=_is_person(row["user"]),
    )


def _review(row: Any) -> Review:
    """Read a review. A pending one has no time and is not listed to us; a deleted account is a ghost."""
    return Review(
        reviewer=_login(row["user"]) or "ghost",
        is_person=_is_person(row["user"]),
        state=str(row["state"]),
        commit=str(row["commit_id"]),
        submitted_at=_time(row.get("submitted_at") or "1970-01-01T00:00:00Z"),
    )


def _commit(row: Any) -> Commit:
    author, committer = row["author"], row["committer"]
    by_people = _is_person(author) and _is_person(committer)
    return Commit(str(row["sha"]), _login(author) or None, _login(committer) or None, by_people)


def _file(row: Any) -> tuple[str, ...]:
    former = row.get("previous_filename")
    return (str(row["filename"]), str(former)) if former else (str(row["filename"]),)


def _comment(node: Any) -> Comment:
    edited = node["lastEditedAt"] is not None
    return Comment(
        is_ours=node["viewerDidAuthor"] is True,
        author=_login(node["author"]) or "ghost",
        body=str(node["body"]),
        updated_at=max(_time(node["updatedAt"]), _time(node["lastEditedAt"] or node["updatedAt"])),
        editor=(_login(node["editor"]) or "somebody unknown") if edited else None,
    )


def _login(account: Any) -> str:
    """Return the login in lower case, as GitHub compares them; nothing for an unknown or deleted account."""
    return str(account["login"]).lower() if account else ""


def _is_person(account: Any) -> bool:
    return bool(account) and account.get("type") == "User"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
