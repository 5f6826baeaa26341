"""A repository has one name in every clone, and none of an account."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.runtime.repository import remote_name, repository_of
from tests.runtime.repository import commit, new_repository, run_git


@pytest.mark.parametrize(
    "url",
    [
        "https://git.centre.example/quality/staff.git",
        "https://someone:secret@git.centre.example/quality/staff/",
        "ssh://git@GIT.centre.example:22/quality/staff.git",
        "git@git.centre.example:quality/staff.git",
        "git.centre.example:/quality/staff",
    ],
)
def test_every_spelling_of_a_remote_is_one_name(url: str) -> None:
    """Laptops use ssh where pipelines use https."""
    assert remote_name(url) == "git.centre.example/quality/staff"


def test_a_repository_keeps_its_older_names(tmp_path: Path) -> None:
    """A folder gets its first commit, and later a remote: what was stored before is still its own."""
    state = new_repository(tmp_path) / "state"
    first = repository_of(state)
    assert first == (state.as_posix(),)
    second = repository_of(state) if commit(tmp_path) else ()
    assert second[1:] == first
    run_git(tmp_path, "remote", "add", "origin", "https://git.centre.example/quality/staff")
    assert repository_of(state) == ("git.centre.example/quality/staff:state", *second)


def test_a_folder_outside_git_is_known_by_its_path(tmp_path: Path) -> None:
    """There is nothing else to know it by."""
    assert repository_of(tmp_path / "state") == ((tmp_path / "state").resolve().as_posix(),)
