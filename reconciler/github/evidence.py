"""What GitHub shows of a commit, as plain values for the judgement: asked for in full, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from reconciler.github.api import GitHub
from reconciler.github.approval import MOST_COMMITS, Comment, Commit, Evidence, Pull, Review, Since, bringer
from reconciler.github.comments import MOST_COMMENTS, comments_of
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import Refused, unreadable

_NEEDS = "contents: read, pull-requests: read"
_MOST_FILES = 3000  # of a pull request; GitHub lists no more
_MOST_COMPARED = 300  # files of a comparison; GitHub lists no more

T = TypeVar("T")


def pull_of(github: GitHub, here: WorkflowEnvironment) -> Pull | None:
    """The pull request that brought the commit of this run, if there is exactly one."""
    return bringer(_pulls(github, here), here.commit, here.branch)


def evidence(github: GitHub, here: WorkflowEnvironment) -> Evidence:
    """Everything that `judge` looks at. Raises ReconcilerError where any of it cannot be had."""
    pulls, since = _pulls(github, here), _since(github, here)
    pull = bringer(pulls, here.commit, here.branch)
    if pull is None:
        return Evidence(pulls, since)

    def listed(name: str, most: int, row: Callable[[Any], T]) -> tuple[T, ...]:
        asked = f"{here.path}/pulls/{pull.number}/{name}"
        return _rows(asked, github.pages(asked, needs=_NEEDS, most=most), row)

    reviews = listed("reviews", MOST_COMMENTS, _review)
    reviewers = dict.fromkeys(one.reviewer for one in reviews if one.is_person)
    return Evidence(
        pulls,
        since,
        comments=_rows("comments", list(comments_of(github, here, pull.number)), _comment),
        reviews=reviews,
        commits=listed("commits", MOST_COMMITS, _commit),
        files=listed("files", _MOST_FILES, _file),
        permissions={name: _permission(github, here, name) for name in reviewers},
    )


# ------------------------------------------------------------------ GitHub's rows


def _pulls(github: GitHub, here: WorkflowEnvironment) -> tuple[Pull, ...]:
    """The merged pull requests among those that the commit belongs to, each in full, which the list does not show."""
    asked = f"{here.path}/commits/{here.commit}/pulls"
    listed = _rows(asked, github.pages(asked, needs=_NEEDS, most=300), lambda row: (row["number"], row["merged_at"]))
    merged = [f"{here.path}/pulls/{number:d}" for number, merged_at in listed if merged_at]
    return _rows(asked, [github.get(path, needs=_NEEDS) for path in merged], _pull)


def _since(github: GitHub, here: WorkflowEnvironment) -> Since:
    asked = f"{here.path}/compare/{here.commit}...{quote(here.branch, safe='')}"
    row = github.get(asked, needs=_NEEDS)
    (files,) = _rows(asked, [row], lambda one: [name for file in one["files"] for name in _file(file)])
    return Since(str(row.get("status")), tuple(files), is_whole=len(row["files"]) < _MOST_COMPARED)


def _permission(github: GitHub, here: WorkflowEnvironment, login: str) -> str:
    """What somebody may do here. An account that GitHub no longer knows may do nothing."""
    asked = f"{here.path}/collaborators/{quote(login, safe='')}/permission"
    try:
        row = github.get(asked, needs=_NEEDS)
    except Refused as error:
        if error.status == 404:
            return "none"
        raise
    return _rows(asked, [row], lambda one: str(one["permission"]))[0]


def _rows(asked: str, rows: Sequence[Any], read: Callable[[Any], T]) -> tuple[T, ...]:
    try:
        return tuple(read(row) for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(asked, f"it lacks what it should show ({type(error).__name__})") from error


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
    """A pending review has no time and does not reach us; an account that was deleted is nobody's."""
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
    """In small letters, as GitHub compares them; nothing for an account that it does not know or no longer has."""
    return str(account["login"]).lower() if account else ""


def _is_person(account: Any) -> bool:
    return bool(account) and account.get("type") == "User"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
