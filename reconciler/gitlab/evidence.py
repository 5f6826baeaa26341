"""Evidence for the approval: GitLab's data about a commit as plain values, complete or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from reconciler.gitlab.api import GitLab, Refused, text_of, unreadable
from reconciler.gitlab.approval import Account, Evidence, MergeRequest, merged_request
from reconciler.gitlab.environment import PipelineEnvironment
from reconciler.gitlab.notes import account, notes_of

_MOST_FILES = 3000
_MOST_COMPARED = 1000  # files of a comparison; GitLab lists no more

T = TypeVar("T")


def evidence(gitlab: GitLab, pipeline: PipelineEnvironment) -> Evidence:
    """Read everything that the approval needs. Raises ReconcilerError if any of it cannot be read."""
    ours, requests = account(gitlab), _requests(gitlab, pipeline)
    branch, commit = quote(pipeline.branch, safe=""), pipeline.commit
    missing = gitlab.get(f"{pipeline.path}/repository/compare?from={branch}&to={commit}")
    since = gitlab.get(f"{pipeline.path}/repository/compare?from={commit}&to={branch}")
    (is_on_branch,) = _rows("compare", [missing], lambda row: row["commits"] == [])
    (changed,) = _rows("compare", [since], _compared)
    merged = merged_request(requests, pipeline.commit, pipeline.branch)
    if merged is None:
        return Evidence(ours, requests, is_on_branch, changed)
    path = f"{pipeline.path}/merge_requests/{merged.number}"
    approvals = gitlab.get(f"{path}/approvals")
    (users,) = _rows("approvals", [approvals], lambda row: [_user(approval) for approval in row["approved_by"]])
    files = gitlab.pages(f"{path}/diffs", most=_MOST_FILES)
    if str(len(files)) != text_of(gitlab.get(path), path, "changes_count"):  # "1000+" for more than GitLab counts
        raise unreadable(f"{path}/diffs", "it does not list all changed files")
    return Evidence(
        ours,
        requests,
        is_on_branch,
        changed,
        notes=tuple(notes_of(gitlab, pipeline, merged.number)),
        approvers=tuple(Account(number, name, _access(gitlab, pipeline, number)) for number, name in users),
        files=_rows("diffs", files, lambda row: (str(row["old_path"]), str(row["new_path"]))),
    )


def _requests(gitlab: GitLab, pipeline: PipelineEnvironment) -> tuple[MergeRequest, ...]:
    path = f"{pipeline.path}/repository/commits/{pipeline.commit}/merge_requests"
    rows = gitlab.pages(path, most=300)
    return _rows(path, [row for row in rows if isinstance(row, dict) and row.get("state") == "merged"], _request)


def _request(row: Any) -> MergeRequest:
    made = row["merge_commit_sha"] or row.get("squash_commit_sha") or row["sha"]
    return MergeRequest(
        number=int(row["iid"]),
        author=int(row["author"]["id"]),
        target=str(row["target_branch"]),
        head=str(row["sha"]),
        commit=str(made),
        author_name=str(row["author"]["username"]),
    )


def _compared(row: Any) -> tuple[str, ...]:
    """Return the changed files; a comparison that GitLab gave up or cut short is an error."""
    if row["compare_timeout"] or len(row["diffs"]) >= _MOST_COMPARED:
        raise ValueError("compare_timeout")
    return tuple(str(diff[name]) for diff in row["diffs"] for name in ("old_path", "new_path"))


def _user(approval: Any) -> tuple[int, str]:
    return int(approval["user"]["id"]), str(approval["user"]["username"])


def _access(gitlab: GitLab, pipeline: PipelineEnvironment, user: int) -> int:
    """Read an account's access level in the project; one that is no member has none."""
    path = f"{pipeline.path}/members/all/{user}"
    try:
        row = gitlab.get(path)
    except Refused as error:
        if error.status == 404:
            return 0
        raise
    return _rows(path, [row], lambda row: int(row["access_level"]))[0]


def _rows(path: str, rows: Sequence[Any], read: Callable[[Any], T]) -> tuple[T, ...]:
    try:
        return tuple(read(row) for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(path, f"a field is missing or malformed ({type(error).__name__})") from error
