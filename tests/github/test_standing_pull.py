"""The one pull request of a nightly command: kept up to date, left alone if it is right, never over somebody's work."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse

from reconciler.github.api import GitHub
from reconciler.github.proposal import Kept, Proposal
from reconciler.github.standing_pull import close, keep
from reconciler.problems import ReconcilerError
from tests.github.conftest import EVERYTHING, TOKEN, Hub
from tests.github.forge import BOT, PullRequest, git

BRANCH = "onefile-sync"
FILE = "state/cohorts/a.yaml"


@pytest.fixture
def repository(hub: Hub) -> Hub:
    """A repository with one file."""
    tree = git(hub.forge.git_folder, "hash-object", "-w", "-t", "tree", "/dev/null").strip()
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@people.invalid")
    first = git(hub.forge.git_folder, *identity, "commit-tree", tree, "-m", "first").strip()
    git(hub.forge.git_folder, "update-ref", "refs/heads/main", first)
    hub.forge.commit_files("main", "second", {FILE: b"one\n", "other.md": b"x\n"}, [])
    return hub


def proposed(hub: Hub, content: bytes = b"two\n") -> Kept:
    here = hub.here(commit=hub.forge.commit("main"))
    with GitHub(here) as github:
        return keep(github, here, Proposal(BRANCH, "Bring the files up to date", "Why.", {FILE: content}))


def closed(hub: Hub) -> str:
    here = hub.here(commit=hub.forge.commit("main"))
    with GitHub(here) as github:
        return close(github, here, BRANCH, "Nothing is left.")


def first(hub: Hub) -> PullRequest:
    return next(iter(hub.forge.pulls.values()))


def shown(hub: Hub, ref: str = BRANCH) -> str:
    return git(hub.forge.git_folder, "show", f"{ref}:{FILE}")


def test_a_night_with_changes_opens_one_pull_request(repository: Hub) -> None:
    """From main as it is, with one commit, by the workflow's account; no second branch is left."""
    assert proposed(repository).outcome == "opened"
    (pull,) = repository.forge.pulls.values()
    assert (pull.author, pull.branch, pull.title) == (BOT, BRANCH, "Bring the files up to date")
    assert pull.body.splitlines()[1:] == ["Why."]
    assert shown(repository) == "two\n"
    assert not repository.forge.has(f"heads/{BRANCH}-next")


def test_the_same_changes_leave_it_as_it_is(repository: Hub) -> None:
    """Also once main has moved elsewhere, so that nobody has to review them again."""
    proposed(repository)
    before = repository.forge.commit(BRANCH)
    repository.forge.commit_files("main", "third", {"other.md": b"y\n"}, [])
    assert proposed(repository).outcome == "unchanged"
    assert (repository.forge.commit(BRANCH), len(repository.forge.pulls)) == (before, 1)


def test_other_changes_replace_the_earlier_ones(repository: Hub) -> None:
    """The branch is one commit on main as it is now."""
    proposed(repository)
    repository.forge.commit_files("main", "third", {"other.md": b"y\n"}, [])
    assert proposed(repository, b"three\n").outcome == "updated"
    (pull,) = repository.forge.pulls.values()
    assert shown(repository) == "three\n"
    assert git(repository.forge.git_folder, "rev-parse", f"{BRANCH}^") == git(
        repository.forge.git_folder, "rev-parse", "main"
    )
    assert pull.head == repository.forge.commit(BRANCH)
    assert proposed(repository, b"three\n").outcome == "unchanged"


def test_it_is_closed_when_nothing_is_left_and_opened_again_by_the_same_changes(repository: Hub) -> None:
    """What was closed by the workflow itself was declined by nobody."""
    proposed(repository)
    assert closed(repository).endswith(f"/pull/{first(repository).number}")
    assert first(repository).state == "CLOSED"
    assert [comment.body for comment in first(repository).comments] == ["Nothing is left."]
    assert not repository.forge.has(f"heads/{BRANCH}")
    assert closed(repository) == ""
    assert proposed(repository).outcome == "opened"


@pytest.mark.parametrize("step", ["comment", "close", "branch"])
@pytest.mark.parametrize("following", ["nothing", "changes"])
def test_a_close_that_ended_early_is_finished_by_the_next_run(repository: Hub, step: str, following: str) -> None:
    """An open pull request has its branch at any time, and a branch that is left is known as our own."""
    proposed(repository)
    number, lock = first(repository).number, repository.forge.git_folder / "refs" / "heads" / f"{BRANCH}.lock"
    path = "/repos/centre/assignments"
    requests = {"comment": f"POST {path}/issues/{number}/comments", "close": f"PATCH {path}/pulls/{number}"}
    if step == "branch":
        lock.touch()
    else:
        repository.app.state.spoilt[requests[step]] = JSONResponse({"message": "no"}, 422)
    with pytest.raises(ReconcilerError):
        closed(repository)
    lock.unlink(missing_ok=True)
    repository.app.state.spoilt.clear()
    assert first(repository).state == ("CLOSED" if step == "branch" else "OPEN")
    assert repository.forge.has(f"heads/{BRANCH}")
    if following == "nothing":
        closed(repository)
    else:
        assert proposed(repository).outcome == ("opened" if step == "branch" else "unchanged")
        assert shown(repository) == "two\n"
    is_open = [pull.state for pull in repository.forge.pulls.values()][-1] == "OPEN"
    assert is_open == repository.forge.has(f"heads/{BRANCH}") == (following == "changes")


@pytest.mark.parametrize("deleted", [True, False])
def test_what_somebody_closed_is_not_opened_again(repository: Hub, deleted: bool) -> None:
    """Not with the same changes; with others it is."""
    proposed(repository)
    first(repository).closed = True
    if deleted:
        git(repository.forge.git_folder, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert proposed(repository).outcome == "declined"
    assert proposed(repository, b"three\n").outcome == "opened"
    assert shown(repository) == "three\n"


def test_after_a_merge_the_next_changes_are_another_pull_request(repository: Hub) -> None:
    """The merged branch is used again."""
    proposed(repository)
    repository.forge.merge(first(repository))
    assert proposed(repository, b"three\n").outcome == "opened"
    assert [pull.state for pull in repository.forge.pulls.values()] == ["MERGED", "OPEN"]


@pytest.mark.parametrize("work", ["changes", "nothing"])
def test_somebodys_commit_on_the_branch_is_never_lost(repository: Hub, work: str) -> None:
    """Neither changed nor closed: that is an error, with what to do."""
    proposed(repository)
    theirs = repository.forge.commit_files(BRANCH, "by hand", {FILE: b"better\n"}, [])
    repository.forge.push(first(repository))
    with pytest.raises(ReconcilerError, match="somebody has pushed"):
        _ = proposed(repository, b"three\n") if work == "changes" else closed(repository)
    assert repository.forge.commit(BRANCH) == theirs
    assert first(repository).state == "OPEN"


@pytest.mark.parametrize("work", ["changes", "nothing"])
def test_a_commit_pushed_after_the_branch_was_read_is_never_lost(repository: Hub, work: str) -> None:
    """Git refuses to move or remove the branch then; the error is the same as if it had been pushed before."""
    proposed(repository)
    theirs: list[str] = []

    def push() -> None:
        theirs.append(repository.forge.commit_files(BRANCH, "by hand", {FILE: b"better\n"}, []))

    repository.app.state.after[f"GET /repos/centre/assignments/git/ref/heads/{BRANCH}"] = push
    with pytest.raises(ReconcilerError, match="somebody has pushed"):
        _ = proposed(repository, b"three\n") if work == "changes" else closed(repository)
    assert [repository.forge.commit(BRANCH)] == theirs


def test_a_branch_of_that_name_that_is_not_ours_is_left(repository: Hub) -> None:
    """Also if somebody opened a pull request from it, or a fork did, with our own mark copied into it."""
    proposed(repository)
    mark = first(repository).body
    closed(repository)
    git(repository.forge.git_folder, "update-ref", f"refs/heads/{BRANCH}", "main")
    repository.forge.commit_files(BRANCH, "by hand", {FILE: b"better\n"}, [])
    for owner in ("centre/assignments", "dan/assignments"):
        pull = repository.forge.open_pull("dan", BRANCH, owner=owner)
        pull.body = mark
        with pytest.raises(ReconcilerError, match="somebody has pushed"):
            proposed(repository)


def test_a_run_that_ended_before_the_branch_moved_is_finished_by_the_next(repository: Hub) -> None:
    """The description names both commits, so the next run knows the branch as its own."""
    proposed(repository)
    lock = repository.forge.git_folder / "refs" / "heads" / f"{BRANCH}.lock"
    lock.touch()
    with pytest.raises(ReconcilerError):
        proposed(repository, b"three\n")
    assert shown(repository) == "two\n"
    lock.unlink()
    assert proposed(repository, b"three\n").outcome == "updated"
    assert shown(repository) == "three\n"


def test_a_refused_pull_request_leaves_no_branch(repository: Hub) -> None:
    """The next run can try again."""
    repository.forge.lets_workflows_open_pulls = False
    with pytest.raises(ReconcilerError, match="does not let workflows open pull requests"):
        proposed(repository)
    assert not repository.forge.has(f"heads/{BRANCH}")
    repository.forge.lets_workflows_open_pulls = True
    assert proposed(repository).outcome == "opened"


def test_the_permission_that_is_missing_is_named(repository: Hub) -> None:
    """Nothing is left behind."""
    repository.forge.tokens[TOKEN] = (BOT, EVERYTHING | {"contents": "read"})
    with pytest.raises(ReconcilerError, match="contents: write"):
        proposed(repository)
    assert repository.forge.pulls == {}
