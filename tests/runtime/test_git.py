"""Where a state folder stands, as git tells it in one answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.model.plan import NO_GIT, GitState
from reconciler.runtime import git

WHO = ("-c", "user.name=Nora", "-c", "user.email=nora@centre.example")
CHANGES: dict[str, tuple[str, str, bool]] = {
    "nothing else": ("", "", False),
    "a file that is read": ("state/settings.yaml", "version: 1", True),
    "a new cohort": ("state/cohorts/b.yaml", "", True),
    "a cohort that git ignores": ("state/cohorts/# private.yaml", "", True),
    "what nobody reads": ("state/cohorts/notes.txt", "", False),
    "a file outside": ("README.md", "", False),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one cohort and no commit."""
    (tmp_path / "state/cohorts").mkdir(parents=True)
    for name in ("settings.yaml", "staff.yaml", "cohorts/a.yaml"):
        (tmp_path / "state" / name).write_text("", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("*private*\n", encoding="utf-8")
    git.git(tmp_path, "init", "--quiet")
    return tmp_path


def commit(folder: Path) -> str:
    git.git(folder, "add", "--all")
    git.git(folder, *WHO, "commit", "--quiet", "--message", "Declare")
    return git.git(folder, "rev-parse", "HEAD").decode().strip()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_commit_stands_for_the_files_that_are_read(folder: Path, change: tuple[str, str, bool]) -> None:
    """Whatever is changed, added or ignored beside them."""
    made = commit(folder)
    name, text, differs = change
    if name:
        (folder / name).write_text(text, encoding="utf-8")
    assert git.git_state(folder / "state") == GitState(made, differs)


def test_a_commit_without_a_branch_is_one(folder: Path) -> None:
    """As a pipeline checks it out."""
    made = commit(folder)
    git.git(folder, "checkout", "--quiet", "--detach")
    assert git.git_state(folder / "state") == GitState(made, False)


@pytest.mark.parametrize("outside", [False, True], ids=["before", "outside"])
def test_before_a_first_commit_and_outside_git_nothing_is_claimed(folder: Path, outside: bool) -> None:
    """No commit, and not that its files are clean."""
    if outside:
        (folder / ".git").rename(folder / "git")
    assert git.git_state(folder / "state") == NO_GIT


def test_git_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a repository's configuration could make it start would be told as well."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nenv\n")
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("ONEFILE_CUSTOMER_TOKEN", "RECONCILER_STORE", "GITHUB_TOKEN", "GH_TOKEN", "CI_JOB_TOKEN"):
        monkeypatch.setenv(name, "s3cret-word")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "told")
    said = git.git(tmp_path, "status").decode()
    assert "GIT_AUTHOR_NAME=told" in said and "s3cret-word" not in said
