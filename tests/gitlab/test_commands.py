"""What the jobs call: the merge request's note, the proof of its approval, and the setup, against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from reconciler.github.markers import plan_mark
from reconciler.gitlab import api
from reconciler.gitlab.__main__ import run
from reconciler.problems import ExitCode
from tests.e2e.conftest import home
from tests.e2e.user import SETTINGS, Ended, Home
from tests.github.test_commands import saved_plan
from tests.gitlab.standin import ADA, BEN, CLEO, OURS, PROJECT, TOKEN, Project, gitlab

__all__ = ["home", "saved_plan"]

HEAD, NEWER, MERGE = "a" * 40, "b" * 40, "c" * 40
NOTE = ("note", "--plan", "plan.json", "--file", "plan.md")
APPROVAL = ("approval", "--plan", "plan.json")


@dataclass
class Desk:
    """A project with one merge request, a saved plan and its report, and the commands of a job."""

    project: Project
    home: Home
    url: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def report(self, more: str = "the plan", **other: object) -> None:
        plan = json.loads((self.home.path / "plan.json").read_text("utf-8")) | other
        pairs = " ".join(f"{name}={plan[name]}" for name in ("target", "organisation", "fingerprint"))
        (self.home.path / "plan.md").write_text(f"<!-- onefile-reconciler plan {pairs} -->\n{more}\n", "utf-8")

    def in_merge_request(self, *arguments: str, **more: str) -> Ended:
        here = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "7"}
        here |= {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(PROJECT), "CI_COMMIT_SHA": self.project.head}
        return self._run(arguments, here | more)

    def on_main(self, *arguments: str, **more: str) -> Ended:
        here = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": MERGE}
        return self._run(arguments, here | more)

    def _run(self, arguments: tuple[str, ...], here: dict[str, str]) -> Ended:
        given = {"RECONCILER_GITLAB_TOKEN": TOKEN, "CI_API_V4_URL": self.url, "CI_PROJECT_ID": str(PROJECT)}
        self.capsys.readouterr()
        with self.monkeypatch.context() as environment:
            for name, value in (given | here).items():
                environment.setenv(name, value)
            code = run(arguments)
        said = self.capsys.readouterr()
        assert TOKEN not in said.out + said.err
        ended = Ended(code, said.out, said.err)
        assert ended.is_decent()
        return ended

    def merged(self) -> None:
        self.project.commit = MERGE


@pytest.fixture
def desk(home: Home, saved_plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Iterator[Desk]:
    project = Project(HEAD)
    (home.path / "plan.json").write_bytes(saved_plan.read_bytes())
    for name in ("RECONCILER_STORE", "ONEFILE_CUSTOMER_TOKEN", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"):
        monkeypatch.delenv(name, raising=False)
    with gitlab(project) as url:
        desk = Desk(project, home, url, monkeypatch, capsys)
        desk.report()
        yield desk


# ------------------------------------------------------------------ the note


def test_the_plan_is_one_note_that_is_edited_in_place(desk: Desk) -> None:
    """After each push, and not at all if nothing in it differs."""
    assert desk.in_merge_request(*NOTE, CI_JOB_URL="https://gitlab.invalid/jobs/1").code == ExitCode.DONE
    (note,) = desk.project.ours
    mark = plan_mark(note["body"])
    assert mark is not None and mark.head == HEAD
    assert "**Next step:** Have another person read this plan and approve it." in note["body"]
    assert "[The run](https://gitlab.invalid/jobs/1)" in note["body"]
    before = dict(note)
    desk.in_merge_request(*NOTE, CI_JOB_URL="https://gitlab.invalid/jobs/1")
    assert desk.project.ours == [before]
    desk.project.push(ADA, NEWER)
    desk.report("another plan")
    desk.in_merge_request(*NOTE)
    (note,) = desk.project.ours
    mark = plan_mark(note["body"])
    assert mark is not None and mark.head == NEWER
    assert (note["id"], "another plan" in note["body"]) == (before["id"], True)


@pytest.mark.parametrize(("earlier", "later"), [(0, 250), (250, 0), (99, 1), (100, 100)])
def test_our_note_is_found_among_hundreds(desk: Desk, earlier: int, later: int) -> None:
    """On whichever page it is, and never one of somebody else's, whatever it begins with."""
    for _ in range(earlier):
        desk.project.note(BEN, "talk")
    desk.in_merge_request(*NOTE)
    copy = desk.project.note(BEN, desk.project.ours[0]["body"])["body"]
    for _ in range(later):
        desk.project.note(BEN, "talk")
    desk.report("newer")
    desk.in_merge_request(*NOTE)
    (note,) = desk.project.ours
    assert "newer" in note["body"]
    assert [one["body"] for one in desk.project.notes if one["author"]["id"] == BEN].count(copy) == 1


def test_a_plan_that_could_not_be_made_takes_the_notes_place(desk: Desk) -> None:
    """With what is wrong, where, and the fix; then the next plan takes its place again."""
    desk.in_merge_request(*NOTE)
    row = {"file": "state/staff.yaml", "line": 3, "where": "", "what": "is odd", "fix": "Mend it.", "severity": "error"}
    (desk.home.path / "problems.json").write_text(json.dumps({"problems": [row]}), "utf-8")
    assert desk.in_merge_request("note", "--failed", "--problems", "problems.json").code == ExitCode.DONE
    (note,) = desk.project.ours
    assert "No plan could be made" in note["body"] and "is odd" in note["body"] and "Mend it." in note["body"]
    desk.in_merge_request(*NOTE)
    (note,) = desk.project.ours
    assert plan_mark(note["body"]) is not None


def test_an_older_pipeline_leaves_the_newer_plan(desk: Desk) -> None:
    """The merge request has moved on; a fork's gets nothing, and without a token nothing is tried."""
    assert desk.in_merge_request(*NOTE, CI_COMMIT_SHA=NEWER).code == ExitCode.DONE
    assert desk.in_merge_request(*NOTE, CI_MERGE_REQUEST_SOURCE_PROJECT_ID="1").code == ExitCode.INVALID
    assert "no note is posted" in desk.in_merge_request(*NOTE, RECONCILER_GITLAB_TOKEN="").out
    assert desk.project.notes == []


def test_a_report_of_another_plan_is_refused(desk: Desk) -> None:
    """Nothing of it is posted."""
    desk.report(fingerprint=f"sha256:{'0' * 64}")
    assert desk.in_merge_request(*NOTE).code == ExitCode.INVALID
    assert desk.project.asked == []


# ------------------------------------------------------------------ the approval


def test_what_another_person_approved_after_it_was_posted_is_approved(desk: Desk) -> None:
    """Their account goes to standard output alone, as the evidence of the run."""
    desk.in_merge_request(*NOTE)
    desk.project.approve(BEN)
    desk.merged()
    ended = desk.on_main(*APPROVAL)
    assert (ended.code, ended.out) == (ExitCode.DONE, "ben\n")


def _before_the_plan(desk: Desk) -> None:
    desk.project.approve(BEN)
    desk.in_merge_request(*NOTE)


def _then_another_plan(desk: Desk) -> None:
    _approved(desk)
    desk.report("another text")
    desk.in_merge_request(*NOTE)


def _approved(desk: Desk, who: int = BEN) -> None:
    desk.in_merge_request(*NOTE)
    desk.project.approve(who)


def _by_who_pushed(desk: Desk) -> None:
    desk.project.push(BEN, NEWER)
    _approved(desk)


def _then_a_push(desk: Desk) -> None:
    _approved(desk)
    desk.project.push(ADA, NEWER)


def _of_another_plan(desk: Desk) -> None:
    _approved(desk)
    desk.project.ours[0]["body"] = desk.project.ours[0]["body"].replace("fingerprint=sha256:", "fingerprint=sha256:0")


def _another_fingerprint(desk: Desk) -> None:
    _approved(desk)
    note = desk.project.ours[0]
    mark = plan_mark(note["body"])
    assert mark is not None
    note["body"] = note["body"].replace(mark.fingerprint, f"sha256:{'0' * 64}")


def _without_an_event(desk: Desk) -> None:
    desk.in_merge_request(*NOTE)
    desk.project.approved_by.append(BEN)


def _with(**changes: object) -> Callable[[Desk], None]:
    def act(desk: Desk) -> None:
        _approved(desk)
        for name, value in changes.items():
            setattr(desk.project, name, value)

    return act


def _pushed_by_a_machine(desk: Desk) -> None:
    desk.project.push(OURS, HEAD)
    _approved(desk)


REFUSED: dict[str, tuple[Callable[[Desk], None], str]] = {
    "nobody approved": (lambda desk: desk.in_merge_request(*NOTE) and None, "nobody approved it"),
    "by the author": (lambda desk: _approved(desk, ADA), "they opened the merge request"),
    "by who pushed": (_by_who_pushed, "they pushed commits to it"),
    "by a reader": (lambda desk: _approved(desk, CLEO), "they have no write access"),
    "by our own account": (lambda desk: _approved(desk, OURS), "it is not a person's account"),
    "by a stranger": (_with(access={}), "they have no write access"),
    "before the plan": (_before_the_plan, "older than the plan as posted now"),
    "then another plan": (_then_another_plan, "older than the plan as posted now"),
    "then a push": (_then_a_push, "its note shows commit aaaaaaaaaaaa, but bbbbbbbbbbbb was merged"),
    "no whole mark": (_of_another_plan, "its note shows no whole plan"),
    "another fingerprint": (_another_fingerprint, "but now it is sha256:"),
    "no plan posted": (lambda desk: desk.project.approve(BEN), "no plan was posted in it"),
    "nobody knows when": (_without_an_event, "GitLab does not show when it was given"),
    "opened by a machine": (_with(author=OURS), "two people must approve, and only ben did"),
    "pushed by a machine": (_pushed_by_a_machine, "two people must approve, and only ben did"),
    "other files": (_with(files=["state/staff.yaml", ".gitlab-ci.yml"]), "it changes more than state/"),
    "attributes": (_with(files=["state/.gitattributes"]), "it changes more than state/"),
    "the branch moved on": (_with(changed_since=["state/staff.yaml"]), "main has changed state/ since"),
    "the branch was rewritten": (_with(is_on_branch=False), "main no longer has this commit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_proven_is_not_approved(desk: Desk, case: str) -> None:
    """With the reason; nothing is printed where the approvers would be."""
    act, why = REFUSED[case]
    act(desk)
    desk.merged()
    ended = desk.on_main(*APPROVAL)
    assert (ended.code, ended.out) == (ExitCode.BLOCKED, "")
    assert why in " ".join(ended.err.split())


def test_two_people_approve_what_a_machine_opened(desk: Desk) -> None:
    """Whoever started the machine may be one of them."""
    desk.project.author = OURS
    _approved(desk, ADA)
    desk.project.approve(BEN)
    desk.merged()
    ended = desk.on_main(*APPROVAL)
    assert (ended.code, ended.out) == (ExitCode.DONE, "ada, ben\n")


def test_a_commit_without_a_merge_request_is_not_approved(desk: Desk) -> None:
    """Nobody can have read it."""
    _approved(desk)
    ended = desk.on_main(*APPROVAL)
    assert ended.code == ExitCode.BLOCKED
    assert "no merge request was merged as this commit" in ended.err


@pytest.mark.parametrize("answer", [{}, [], "text"])
def test_an_answer_that_lacks_what_is_needed_approves_nothing(desk: Desk, answer: object) -> None:
    """Whichever of the answers it is."""
    _approved(desk)
    desk.merged()
    desk.project.asked.clear()
    assert desk.on_main(*APPROVAL).code == ExitCode.DONE
    count = len(desk.project.asked)
    assert count >= 8
    for place in range(count):
        desk.project.answers = [JSONResponse(answer)]
        with desk.monkeypatch.context() as later:
            later.setattr(api.GitLab, "_exchange", _after(place, desk.project))
            ended = desk.on_main(*APPROVAL)
        assert ended.code != ExitCode.DONE, place
        assert ended.out == ""


def _after(place: int, project: Project) -> Callable[..., Any]:
    """Hold the stand-in's own answer back until so many true ones were given."""
    exchange, held = api.GitLab._exchange, list(project.answers)
    project.answers.clear()
    made = iter(range(1_000))

    def act(self: api.GitLab, *given: Any) -> Any:
        if next(made) == place:
            project.answers.extend(held)
        return exchange(self, *given)

    return act


def test_a_server_in_trouble_is_asked_again_and_then_it_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read is tried again; a token that is refused is not."""
    waits: list[float] = []
    defaults = api.GitLab.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", waits.append)
    desk.project.answers = [JSONResponse({}, 502), JSONResponse({}, 429, headers={"retry-after": "3"})]
    assert desk.in_merge_request(*NOTE).code == ExitCode.DONE
    assert waits == [1.0, 3.0]
    refused = desk.in_merge_request(*NOTE, RECONCILER_GITLAB_TOKEN="another")
    assert refused.code == ExitCode.ERROR
    assert "GitLab does not accept the token" in refused.err
    assert waits == [1.0, 3.0]


# ------------------------------------------------------------------ the setup


def test_a_job_is_told_what_it_lacks_and_does_not_fail(desk: Desk) -> None:
    """The customer token and the store for a real target, and our own token."""
    desk.home.declare(settings={**SETTINGS, "target": "practice"})
    ended = desk.on_main("doctor", "--writes", RECONCILER_GITLAB_TOKEN="")
    assert ended.code == ExitCode.DONE
    for name in ("ONEFILE_CUSTOMER_TOKEN: is not set", "RECONCILER_STORE: is not set", "RECONCILER_GITLAB_TOKEN"):
        assert name in ended.out
    desk.home.declare()
    assert desk.in_merge_request("doctor").out == "Nothing is missing.\n"


@pytest.mark.parametrize(
    "variables", [{"CI_PROJECT_ID": "x/y"}, {"CI_API_V4_URL": "http://gitlab.invalid"}, {"CI_COMMIT_SHA": "main"}]
)
def test_surroundings_that_are_not_a_pipelines_are_refused(desk: Desk, variables: dict[str, str]) -> None:
    """Before anything is asked, and the token goes nowhere."""
    ended = desk.in_merge_request(*NOTE, **variables)
    assert ended.code == ExitCode.INVALID
    assert next(iter(variables)) in ended.err
    assert desk.project.asked == []


@pytest.mark.parametrize("arguments", [(), ("note",), ("note", "--failed", "--plan", "plan.json", "--file", "plan.md")])
def test_what_cannot_be_meant_is_invalid(desk: Desk, arguments: tuple[str, ...]) -> None:
    """As everywhere: exit 3, and nothing is done."""
    assert desk.in_merge_request(*arguments).code == ExitCode.INVALID
    assert desk.project.asked == []
