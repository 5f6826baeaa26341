"""A pull request from changed files: made whole or not at all, and never over somebody's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.github.api import GitHub
from reconciler.github.pull_request import Changed, changed, propose
from reconciler.problems import ReconcilerError
from tests.github.conftest import Hub
from tests.github.forge import BOT, git

AUTHOR = ("-c", "user.name=ada", "-c", "user.email=ada@people.invalid")


@pytest.fixture
def tree(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a repository with three files, one of them not in the state folder."""
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(hub.forge.git_folder), str(tree))
    (tree / "state" / "cohorts").mkdir(parents=True)
    for name in ("state/cohorts/a.yaml", "state/cohorts/b.yaml", "c.yaml"):
        (tree / name).write_text("one\n", "utf-8")
    git(tree, "add", ".")
    git(tree, *AUTHOR, "commit", "--quiet", "-m", "x")
    git(tree, "push", "--quiet", "origin", "HEAD:main")
    monkeypatch.chdir(tree)
    return tree


def change(tree: Path) -> Changed:
    cohorts = tree / "state" / "cohorts"
    (cohorts / "a.yaml").write_bytes(b"two \xc3\xa9\r\n")
    (cohorts / "b.yaml").unlink()
    (cohorts / "new one.yaml").write_text("new\n", "utf-8")
    (tree / "state" / ".gitattributes").write_text("* -diff\n", "utf-8")
    (tree / "c.yaml").write_text("not ours\n", "utf-8")
    return changed("state")


def ask(hub: Hub, files: Changed) -> str:
    here = hub.here(commit=hub.forge.commit("main"))
    with GitHub(here) as github:
        return propose(github, here, "adopt", "Accept what OneFile holds", "Because.", files)


def test_what_changed_in_the_folder_becomes_a_pull_request(hub: Hub, tree: Path) -> None:
    """Byte for byte, with what is new and what is gone, and nothing that is no declared state."""
    ask(hub, change(tree))
    (pull,) = hub.forge.pulls.values()
    assert (pull.author, pull.title, pull.body) == (BOT, "Accept what OneFile holds", "Because.")
    names = {row["filename"] for row in hub.forge.files("main", "adopt")}
    assert names == {f"state/cohorts/{name}.yaml" for name in ("a", "b", "new one")}
    assert git(hub.forge.git_folder, "show", "adopt:state/cohorts/a.yaml").encode() in (
        b"two \xc3\xa9\r\n",
        b"two \xc3\xa9\n",
    )


def test_a_branch_that_is_there_is_left_as_it_is(hub: Hub, tree: Path) -> None:
    """Somebody may have worked on it."""
    files = change(tree)
    ask(hub, files)
    before = hub.forge.commit("adopt")
    with pytest.raises(ReconcilerError, match="already exists"):
        ask(hub, files)
    assert (hub.forge.commit("adopt"), len(hub.forge.pulls)) == (before, 1)


def test_a_refusal_leaves_no_branch_behind(hub: Hub, tree: Path) -> None:
    """Where workflows may not open pull requests, that is said, and the next run can try again."""
    hub.forge.lets_workflows_open_pulls = False
    files = change(tree)
    with pytest.raises(ReconcilerError, match="does not let workflows open pull requests"):
        ask(hub, files)
    assert not hub.forge.has("heads/adopt")
    hub.forge.lets_workflows_open_pulls = True
    ask(hub, files)


def test_files_that_did_not_change_are_no_proposal(tree: Path) -> None:
    """Nothing changed in the folder, whatever changed beside it."""
    (tree / "c.yaml").write_text("not ours\n", "utf-8")
    assert changed("state") == {}


def test_outside_a_repository_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an empty answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ReconcilerError, match="git cannot show"):
        changed("state")
