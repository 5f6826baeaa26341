"""The one note with a merge request's plan: found by its mark and its author, edited in place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.github.comments import check_size
from reconciler.github.markers import kind_of
from reconciler.gitlab.api import GitLab, unreadable
from reconciler.gitlab.environment import PipelineEnvironment
from reconciler.model.structs import Struct

_MOST_NOTES = 3000  # more than anybody reads


class Note(Struct, frozen=True):
    """A note of a merge request. `is_event`: GitLab wrote it about something that its author did."""

    id: int
    author: int
    body: str
    created_at: datetime
    updated_at: datetime
    is_event: bool = False
    author_name: str = ""


def account(gitlab: GitLab) -> int:
    """Return the id of our own account."""
    return number(gitlab.get("/user"), "/user", "id")


def notes_of(gitlab: GitLab, pipeline: PipelineEnvironment, merge_request: int) -> list[Note]:
    """Return all notes of a merge request, oldest first."""
    path = f"{pipeline.path}/merge_requests/{merge_request}/notes?sort=asc&order_by=created_at"
    rows = gitlab.pages(path, most=_MOST_NOTES)
    try:
        return [_note(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(path, f"a field is missing or malformed ({type(error).__name__})") from error


def plan_notes(notes: list[Note], ours: int) -> list[Note]:
    """Return the notes of our own account that show a plan."""
    return [note for note in notes if note.author == ours and not note.is_event and kind_of(note.body) == "plan"]


def post(gitlab: GitLab, pipeline: PipelineEnvironment, merge_request: int, body: str) -> None:
    """Post our plan note, or edit it if it exists and differs. A note of another account is never edited."""
    check_size(body)
    path = f"{pipeline.path}/merge_requests/{merge_request}/notes"
    for note in plan_notes(notes_of(gitlab, pipeline, merge_request), account(gitlab)):
        if note.body != body:
            gitlab.send("PUT", f"{path}/{note.id}", {"body": body})
        return
    gitlab.send("POST", path, {"body": body})


def number(row: Any, path: str, name: str) -> int:
    """Return a number of an answer."""
    value = row.get(name) if isinstance(row, dict) else None
    if type(value) is not int:
        raise unreadable(path, f"it shows no {name}")
    return value


def _note(row: Any) -> Note:
    return Note(
        id=int(row["id"]),
        author=int(row["author"]["id"]),
        body=str(row["body"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        is_event=row["system"] is True,
        author_name=str(row["author"]["username"]),
    )
