"""What a workflow run says of itself is read strictly: all that is missing at once, and nothing guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.github.environment import read_environment
from reconciler.problems import Invalid

HEAD, SHA = "a" * 40, "b" * 40
GIVEN = {"GITHUB_TOKEN": "ghs_1", "GITHUB_REPOSITORY": "centre/assignments", "GITHUB_SHA": SHA}


def event(tmp_path: Path, **pull: Any) -> dict[str, str]:
    path = tmp_path / "event.json"
    head = {"sha": HEAD, "repo": {"full_name": "centre/assignments"}, **pull}
    path.write_text(json.dumps({"pull_request": {"number": 7, "head": head}}), "utf-8")
    return {**GIVEN, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}


def test_a_run_in_a_pull_request_knows_its_number_and_head(tmp_path: Path) -> None:
    """The commit that people review, not the merge that is checked out."""
    pull = read_environment(event(tmp_path)).pull
    assert pull is not None
    assert (pull.number, pull.head, pull.is_fork) == (7, HEAD, False)


@pytest.mark.parametrize("repo", [None, {}, {"full_name": "other/assignments"}, {"full_name": "CENTRE/ASSIGNMENTS"}])
def test_whatever_is_not_plainly_of_this_repository_is_a_fork(tmp_path: Path, repo: object) -> None:
    """A fork that was deleted, or one that is not named."""
    pull = read_environment(event(tmp_path, repo=repo)).pull
    assert pull is not None
    assert pull.is_fork


def test_a_push_knows_its_branch() -> None:
    """A tag is none."""
    assert read_environment({**GIVEN, "GITHUB_REF": "refs/heads/a/b"}).branch == "a/b"
    assert read_environment({**GIVEN, "GITHUB_REF": "refs/tags/main"}).branch == ""


def test_everything_that_is_missing_is_told_at_once() -> None:
    """Outside a workflow nothing works, and that is said once."""
    with pytest.raises(Invalid) as caught:
        read_environment({})
    assert {one.where for one in caught.value.problems} == {"GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_SHA"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", "two words"),
        ("GITHUB_TOKEN", "line\nbreak"),
        ("GITHUB_REPOSITORY", "centre"),
        ("GITHUB_REPOSITORY", "centre/../other"),
        ("GITHUB_SHA", "HEAD"),
        ("GITHUB_API_URL", "http://api.github.com"),
        ("GITHUB_API_URL", "https://token@api.github.com"),
        ("GITHUB_API_URL", "https://api.github.com/?x="),
        ("GITHUB_API_URL", "ftp://127.0.0.1"),
        ("GITHUB_GRAPHQL_URL", "https://[api"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, value: str) -> None:
    """The token goes nowhere but to GitHub, over https, or to this machine."""
    with pytest.raises(Invalid) as caught:
        read_environment({**GIVEN, name: value})
    assert name in {one.where for one in caught.value.problems}
    assert value not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pull_request": {"number": 0, "head": {"sha": "a"}}}', "[" * 9999])
def test_an_event_that_cannot_be_read_is_a_problem(tmp_path: Path, text: str) -> None:
    """Never a guess at which pull request is meant."""
    environment = event(tmp_path)
    Path(environment["GITHUB_EVENT_PATH"]).write_text(text, "utf-8")
    with pytest.raises(Invalid, match="event"):
        read_environment(environment)
