"""The one merge request of the nightly job: kept up to date, left alone if it is right, never over somebody's work."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from reconciler.gitlab.__main__ import run
from reconciler.problems import ExitCode
from tests.e2e.user import Ended
from tests.gitlab.standin import ADA, OURS, PROJECT, TOKEN, Project, gitlab
from tests.store.http_remote import HttpRemote, http_remote

BRANCH, FILE = "onefile-sync", "state/staff.yaml"


@dataclass
class Night:
    """A project with a repository over HTTP, a clone of it, and the command of the nightly job."""

    project: Project
    remote: HttpRemote
    folder: Path
    url: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def git(self, *arguments: str, place: str = "remote.git") -> str:
        command = ["git", "-C", str(self.folder / place), *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    def commit(self, name: str, content: str, branch: str = "main") -> str:
        """Push a commit by hand, as a person does."""
        if self.head(branch):
            self.git("fetch", "--quiet", str(self.folder / "remote.git"), branch, place="ada")
            self.git("checkout", "--quiet", "--force", "FETCH_HEAD", place="ada")
        (self.folder / "ada" / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "ada" / name).write_text(content, "utf-8")
        self.git("add", "--all", place="ada")
        self.git("-c", "user.name=ada", "-c", "user.email=ada@people.invalid", "commit", "-qm", name, place="ada")
        self.git("push", "--quiet", str(self.folder / "remote.git"), f"HEAD:refs/heads/{branch}", place="ada")
        return self.git("rev-parse", "HEAD", place="ada")

    def sync(self, content: str | None = "two\n", **more: str) -> Ended:
        """Run the command in a checkout of main whose file has this content; None: as main has it."""
        self.git("fetch", "--quiet", str(self.folder / "remote.git"), "main", place="ada")
        self.git("checkout", "--quiet", "--force", "FETCH_HEAD", place="ada")
        if content is not None:
            (self.folder / "ada" / FILE).write_text(content, "utf-8")
        return self.run_sync(**more)

    def run_sync(self, **more: str) -> Ended:
        """Run the command in the clone as it is."""
        (self.folder / "synced.md").write_text("Why.\n", "utf-8")
        here = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main", "RECONCILER_GITLAB_TOKEN": TOKEN}
        here |= {"CI_COMMIT_SHA": self.git("rev-parse", "HEAD", place="ada"), "CI_PROJECT_ID": str(PROJECT)}
        here |= {"CI_API_V4_URL": self.url, "CI_PROJECT_URL": self.remote.url.removesuffix(".git")} | more
        self.capsys.readouterr()
        with self.monkeypatch.context() as environment:
            environment.chdir(self.folder / "ada")
            for name, value in here.items():
                environment.setenv(name, value)
            code = run(["sync", "--file", "../synced.md"])
        printed = self.capsys.readouterr()
        self.git("checkout", "--quiet", "--force", "HEAD", place="ada")
        assert TOKEN not in printed.out + printed.err
        ended = Ended(code, printed.out, printed.err)
        assert ended.is_decent()
        return ended

    def syncs(self, content: str | None = "two\n") -> str:
        ended = self.sync(content)
        assert ended.code == ExitCode.DONE, ended.err
        return ended.out

    def head(self, branch: str = BRANCH) -> str:
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def shown(self) -> str:
        return self.git("show", f"{BRANCH}:{FILE}")

    @property
    def states(self) -> list[str]:
        return [row["state"] for row in self.project.proposals]


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Iterator[Night]:
    for name in ("remote.git", "ada"):
        (tmp_path / name).mkdir()
    project = Project("a" * 40)
    with http_remote(tmp_path, TOKEN) as remote, gitlab(project) as url:
        night = Night(project, remote, tmp_path, url, monkeypatch, capsys)
        night.git("init", "--quiet", "--bare", "--initial-branch=main")
        night.git("init", "--quiet", place="ada")
        night.commit(FILE, "one\n")
        yield night


def test_a_night_with_changes_opens_one_merge_request(night: Night) -> None:
    """From main as it is, with one commit, by the token's account; one with no changes opens none."""
    assert "nothing to propose" in night.syncs(None)
    assert night.syncs() == "Proposed in https://gitlab.invalid/centre/-/merge_requests/8\n"
    (made,) = night.project.proposals
    assert (made["source_branch"], made["target_branch"], made["author"]["id"]) == (BRANCH, "main", OURS)
    assert (made["title"], made["remove_source_branch"]) == ("Bring the cohorts up to date", True)
    assert made["description"].splitlines()[1:] == ["Why."]
    assert (night.shown(), night.git("rev-parse", f"{BRANCH}^")) == ("two", night.head("main"))
    assert night.git("diff", "--name-only", "main", BRANCH) == FILE


def test_files_that_are_new_or_gone_are_proposed_with_their_names(night: Night) -> None:
    """Also names that git itself writes in quotes."""
    names = ['state/cohorts/a "b".yaml', "state/cohorts/é \\n.yaml"]
    night.commit("state/cohorts/gone.yaml", "x\n")
    shutil.rmtree(night.folder / "ada" / "state" / "cohorts")
    (night.folder / "ada" / "state" / "cohorts").mkdir()
    for name in names:
        (night.folder / "ada" / name).write_text("y\n", "utf-8")
    assert "Proposed in" in night.run_sync().out
    changed = night.git("diff", "--name-status", "-z", "--no-renames", "main", BRANCH).split("\0")
    assert dict(zip(changed[1::2], changed[::2], strict=False)) == dict.fromkeys(names, "A") | {
        "state/cohorts/gone.yaml": "D"
    }


def test_the_same_changes_leave_it_as_it_is(night: Night) -> None:
    """Also once main has moved elsewhere, so that nobody has to approve them again."""
    night.syncs()
    before = night.head()
    night.commit("other.md", "x\n")
    assert "left as it is" in night.syncs()
    assert (night.head(), night.states) == (before, ["opened"])


def test_other_changes_replace_the_earlier_ones(night: Night) -> None:
    """The branch is one commit on main as it is now."""
    night.syncs()
    night.commit("other.md", "x\n")
    assert "Brought up to date" in night.syncs("three\n")
    assert (night.shown(), night.git("rev-parse", f"{BRANCH}^")) == ("three", night.head("main"))
    assert "left as it is" in night.syncs("three\n")
    assert night.states == ["opened"]


def test_it_is_closed_when_nothing_is_left_and_opened_again_by_the_same_changes(night: Night) -> None:
    """What the job itself closed was declined by nobody."""
    night.syncs()
    assert "Closed https://gitlab.invalid/" in night.syncs(None)
    assert (night.states, night.head()) == (["closed"], "")
    assert night.project.proposals[0]["notes"] == ["Nothing is left to change: closed."]
    assert "nothing to propose" in night.syncs(None)
    assert "Proposed in" in night.syncs()
    assert night.states == ["closed", "opened"]


@pytest.mark.parametrize("step", ["note", "close", "branch"])
@pytest.mark.parametrize("following", [None, "two\n"])
def test_a_close_that_ended_early_is_finished_by_the_next_run(night: Night, step: str, following: str | None) -> None:
    """An open merge request has its branch at any time, and a branch that is left is known as our own."""
    night.syncs()
    path = f"/api/v4/projects/{PROJECT}/merge_requests/8"
    requests = {"note": f"POST {path}/notes", "close": f"PUT {path}"}
    if step == "branch":
        night.remote.may_write = False
    else:
        night.project.spoilt[requests[step]] = JSONResponse({"message": "no"}, 422)
    assert night.sync(None).code != ExitCode.DONE
    night.remote.may_write = True
    night.project.spoilt.clear()
    assert night.states == ["closed" if step == "branch" else "opened"]
    assert night.head()
    said = night.syncs(following)
    if following:
        assert ("Proposed in" if step == "branch" else "left as it is") in said
        assert night.shown() == "two"
    assert (night.states[-1] == "opened") == bool(night.head()) == bool(following)


@pytest.mark.parametrize("content", ["two\n", "three\n"])
def test_an_open_request_whose_branch_somebody_removed_gets_it_again(night: Night, content: str) -> None:
    """It is brought up to date: GitLab would not let another be opened beside it."""
    night.syncs()
    night.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    assert "Brought up to date" in night.syncs(content)
    assert (night.shown(), night.states) == (content.strip(), ["opened"])


@pytest.mark.parametrize("deleted", [True, False])
def test_what_somebody_closed_is_not_opened_again(night: Night, deleted: bool) -> None:
    """Not with the same changes; with others it is."""
    night.syncs()
    night.project.proposals[0]["state"] = "closed"
    if deleted:
        night.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    assert "so none is opened" in night.syncs()
    assert "Proposed in" in night.syncs("three\n")
    assert (night.states, night.shown()) == (["closed", "opened"], "three")


def test_after_a_merge_the_next_changes_are_another_merge_request(night: Night) -> None:
    """Also if the merged branch was kept."""
    night.syncs()
    night.git("update-ref", "refs/heads/main", BRANCH)
    night.project.proposals[0]["state"] = "merged"
    assert "Proposed in" in night.syncs("three\n")
    assert night.states == ["merged", "opened"]


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_a_request_that_somebody_ended_needs_no_branch_when_nothing_is_left(night: Night, state: str) -> None:
    """Every later night without changes does without git, so it cannot fail there."""
    night.syncs()
    night.project.proposals[0]["state"] = state
    (night.folder / "remote.git").rename(night.folder / "elsewhere.git")
    assert "nothing to propose" in night.run_sync().out


@pytest.mark.parametrize("content", ["three\n", None])
def test_somebodys_commit_on_the_branch_is_never_lost(night: Night, content: str | None) -> None:
    """Neither changed nor closed: that is an error, with what to do."""
    night.syncs()
    theirs = night.commit(FILE, "better\n", BRANCH)
    ended = night.sync(content)
    assert ended.code != ExitCode.DONE and "somebody has pushed" in ended.err
    assert (night.head(), night.states) == (theirs, ["opened"])


def test_a_push_during_the_run_is_never_lost(night: Night) -> None:
    """The branch is replaced only if it is still as it was read; the next run knows their commit for what it is."""
    night.syncs()
    theirs: list[str] = []
    night.project.meanwhile = lambda: theirs.append(night.commit(FILE, "better\n", BRANCH))
    ended = night.sync("three\n")
    night.project.meanwhile = None
    assert ended.code != ExitCode.DONE and "[rejected]" in ended.err
    assert [night.head()] == theirs
    assert "somebody has pushed" in night.sync("three\n").err


@pytest.mark.parametrize("author", [ADA, OURS])
def test_a_branch_of_that_name_that_is_not_ours_is_left(night: Night, author: int) -> None:
    """Also if somebody opened a merge request from it, or a fork did, with our own mark copied into it."""
    night.syncs()
    mark = night.project.proposals[0]["description"]
    night.syncs(None)
    theirs = night.commit(FILE, "better\n", BRANCH)
    place = {"source_branch": BRANCH, "target_branch": "main", "description": mark}
    night.project.propose(author, **place, source_project_id=PROJECT if author == ADA else 1)
    assert "somebody has pushed" in night.sync().err
    assert night.head() == theirs


def test_a_run_that_ended_before_the_branch_moved_is_finished_by_the_next(night: Night) -> None:
    """The description names both commits, so the next run knows the branch as its own."""
    night.syncs()
    night.remote.may_write = False
    ended = night.sync("three\n")
    assert ended.code != ExitCode.DONE and "with the role Developer and the scope `api`" in ended.err
    assert night.shown() == "two"
    night.remote.may_write = True
    assert "Brought up to date" in night.syncs("three\n")
    assert (night.shown(), night.states) == ("three", ["opened"])


def test_a_refused_merge_request_leaves_no_branch(night: Night) -> None:
    """The next run can try again."""
    night.project.refused = JSONResponse({"message": "403 Forbidden"}, 403)
    ended = night.sync()
    assert ended.code != ExitCode.DONE and "the token may not do this" in ended.err
    assert (night.head(), night.states) == ("", [])
    night.project.refused = None
    assert "Proposed in" in night.syncs()


@pytest.mark.parametrize("url", ["", "https://elsewhere.invalid/a/b", "http://x@127.0.0.1/a", "http://127.0.0.1/a b"])
def test_the_token_goes_to_this_gitlab_only(night: Night, url: str) -> None:
    """Another address, or none, is refused before git is started."""
    ended = night.sync(CI_PROJECT_URL=url)
    assert ended.code == ExitCode.INVALID and "CI_PROJECT_URL" in ended.err
    assert not night.remote.asked
