"""What the steps call: the plan's comment and the proof of its approval, against the stand-in."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

import reconciler.cli.main as reconciler
from reconciler.github.__main__ import _lost_record, run
from reconciler.github.markers import SavedPlan, plan_mark
from reconciler.problems import ExitCode
from tests.e2e.user import SETTINGS, Ended, Home
from tests.github.conftest import TOKEN, Hub
from tests.github.forge import BOT, REPOSITORY, PullRequest, Text, git
from tests.store.branches import new_remote
from tests.store.http_remote import TOKEN as STORE_TOKEN
from tests.store.http_remote import http_remote

WHO = {name: ("-c", f"user.name={name}", "-c", f"user.email={name}@people.invalid") for name in ("ada", "ben")}


@dataclass
class Desk:
    """A repository with one open pull request, a saved plan and its report, and the commands of a workflow run."""

    hub: Hub
    home: Home
    pull: PullRequest
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def plan(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.home.path / "plan.json").read_text("utf-8"))
        return document

    @property
    def ours(self) -> Text:
        (comment,) = (one for one in self.pull.comments if one.author == BOT)
        return comment

    def report(self, more: str = "the plan") -> None:
        pairs = " ".join(f"{name}={self.plan[name]}" for name in ("target", "organisation", "fingerprint"))
        (self.home.path / "plan.md").write_text(f"<!-- onefile-reconciler plan {pairs} -->\n{more}\n", "utf-8")

    def in_pull(self, *arguments: str, owner: str = REPOSITORY, head: str = "") -> Ended:
        event = {"number": 1, "head": {"sha": head or self.pull.head, "repo": {"full_name": owner}}}
        (self.home.path / "event.json").write_text(json.dumps({"pull_request": event}), "utf-8")
        return self._run(arguments, {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "event.json"})

    def on_main(self, *arguments: str, commit: str = "") -> Ended:
        pushed = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}
        return self._run(arguments, pushed | {"GITHUB_SHA": commit or self.hub.forge.commit("main")})

    def _run(self, arguments: tuple[str, ...], event: Mapping[str, str]) -> Ended:
        here = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_SHA": "0" * 40, "GITHUB_RUN_ID": "7"}
        files = {
            "GITHUB_OUTPUT": str(self.home.path / "output"),
            "GITHUB_STEP_SUMMARY": str(self.home.path / "summary"),
        }
        address = {"GITHUB_API_URL": self.hub.url, "GITHUB_GRAPHQL_URL": f"{self.hub.url}/graphql"}
        for name, value in {**here, **files, **address, **event}.items():
            self.monkeypatch.setenv(name, value)
        self.capsys.readouterr()
        code = run(arguments)
        said = self.capsys.readouterr()
        ended = Ended(code, said.out, said.err)
        assert ended.is_decent()
        assert TOKEN not in said.out + said.err
        return ended

    def outputs(self) -> dict[str, str]:
        lines = (self.home.path / "output").read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


COMMENT = ("comment", "--plan", "plan.json", "--file", "plan.md")
APPROVAL = ("approval", "--plan", "plan.json")


def commit(hub: Hub, folder: Path, who: str, branch: str, **files: str) -> None:
    """Commit files on a branch of the forge, begun at main."""
    if not (folder / ".git").exists():
        git(folder.parent, "clone", "--quiet", str(hub.forge.git_folder), str(folder))
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    git(folder, "checkout", "--quiet", "-B", branch)
    git(folder, "add", ".")
    git(folder, *WHO[who], "commit", "--quiet", "-m", "x")
    git(folder, "push", "--quiet", "--force", "origin", f"HEAD:{branch}")


@pytest.fixture(scope="module")
def saved_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: what these tests ask for is what becomes of it."""
    folder = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for name in ("ONEFILE_BASE_URL", "RECONCILER_STORE"):
            here.delenv(name, raising=False)
        Home(folder, None).declare()  # type: ignore[arg-type]
        assert reconciler.run(["plan", "--out", "plan.json", "--quiet"]) == ExitCode.DONE
    return folder / "plan.json"


@pytest.fixture
def desk(hub: Hub, home: Home, saved_plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    tree = tmp_path / "tree"
    commit(hub, tree, "ada", "main", state__staff="one")
    commit(hub, tree, "ada", "change", state__staff="two")
    pull = hub.forge.open_pull("ada", "change")
    shutil.copy(saved_plan, home.path)
    desk = Desk(hub, home, pull, monkeypatch, capsys)
    desk.report()
    return desk


# ------------------------------------------------------------------ the comment


def test_the_plan_is_posted_once_and_then_edited_in_place(desk: Desk) -> None:
    """With the planned commit in its first line, by which approval checks it."""
    assert desk.in_pull(*COMMENT).code == ExitCode.DONE
    mark = plan_mark(desk.ours.body)
    assert mark is not None
    assert (mark.fingerprint, mark.head) == (desk.plan["fingerprint"], desk.pull.head)
    first = desk.ours.id
    desk.report("the plan, a day later")
    assert desk.in_pull(*COMMENT).code == ExitCode.DONE
    assert (desk.ours.id, "a day later" in desk.ours.body) == (first, True)


def test_a_plan_that_says_the_same_is_not_written_again(desk: Desk) -> None:
    """An approval stays good as long as what it was given to does."""
    desk.in_pull(*COMMENT)
    before = desk.hub.forge.clock
    desk.in_pull(*COMMENT)
    assert desk.hub.forge.clock == before


@pytest.mark.parametrize(
    ("pattern", "text", "stays"),
    [
        (r"made [-\d]+ [:\d]+ UTC", "made 2027-01-04 09:30 UTC", True),
        (r"- \d+ calls? to read, ", "- 77 calls to read, ", True),
        (r"(- \*\*What blocks:\*\*) nothing", r"\1 1 policy finding", False),
        (r"\n### Changes", "\n### Policy warnings (1)\n\n- somebody is archived\n\n### Changes", False),
    ],
    ids=["another time", "other calls", "blocked", "a warning"],
)
def test_the_same_plan_of_one_commit_keeps_its_approval(desk: Desk, pattern: str, text: str, stays: bool) -> None:
    """A run again edits the comment only if more has changed than the time of the plan and its calls."""
    path = desk.home.path / "plan.md"
    desk.home.run("show", "plan.json", "--format", "markdown", "--out", "plan.md")
    desk.in_pull(*COMMENT)
    desk.hub.forge.review(desk.pull, "ben")
    report, count = re.subn(pattern, text, path.read_text("utf-8"))
    assert count == 1
    path.write_text(report, "utf-8")
    assert ("already" in desk.in_pull(*COMMENT).out) is stays
    desk.hub.forge.merge(desk.pull)
    assert (desk.on_main(*APPROVAL).code == ExitCode.DONE) is stays


def test_nobody_elses_comment_is_edited(desk: Desk) -> None:
    """Whatever it begins with."""
    desk.in_pull(*COMMENT)
    theirs = Text(99, "ben", desk.ours.body, desk.hub.forge.now())
    desk.pull.comments = [theirs]
    desk.report("newer")
    desk.in_pull(*COMMENT)
    assert [one.author for one in desk.pull.comments] == ["ben", BOT]
    assert theirs.editor is None


def test_our_comment_is_found_among_hundreds(desk: Desk) -> None:
    """On whichever page it is."""
    desk.pull.comments = [Text(100 + n, "ben", "talk", desk.hub.forge.now()) for n in range(250)]
    desk.in_pull(*COMMENT)
    desk.report("newer")
    desk.in_pull(*COMMENT)
    assert "newer" in desk.ours.body


def test_a_fork_gets_no_comment(desk: Desk) -> None:
    """Should a workflow ask for one all the same, it is refused before anything is asked of GitHub."""
    ended = desk.in_pull(*COMMENT, owner="stranger/assignments")
    assert (ended.code, desk.pull.comments, desk.hub.app.state.asked) == (ExitCode.INVALID, [], [])
    assert "fork" in ended.err


def test_a_run_that_was_overtaken_posts_nothing(desk: Desk) -> None:
    """The newest commit's plan must not be hidden by an older one that came late."""
    ended = desk.in_pull(*COMMENT, head="e" * 40)
    assert (ended.code, desk.pull.comments) == (ExitCode.DONE, [])
    assert "newer commit" in ended.out


def test_a_plan_that_failed_takes_the_old_ones_place(desk: Desk) -> None:
    """So that nobody approves what is no longer there."""
    desk.in_pull(*COMMENT)
    assert desk.in_pull("comment", "--failed").code == ExitCode.DONE
    assert "No plan could be made" in desk.ours.body
    assert plan_mark(desk.ours.body) is None


@pytest.mark.parametrize("spoil", ["another", "long", "none"])
def test_a_report_that_is_not_this_plans_is_not_posted(desk: Desk, spoil: str) -> None:
    """Nor one that GitHub would refuse, nor any other text."""
    path = desk.home.path / "plan.md"
    text = path.read_text("utf-8")
    another = text.replace(desk.plan["fingerprint"], f"sha256:{'0' * 64}")
    spoilt = {"another": another, "long": text + "x" * 65_536}
    path.write_text(spoilt.get(spoil, "# A report\n"), "utf-8")
    assert desk.in_pull(*COMMENT).code != ExitCode.DONE
    assert desk.pull.comments == []


def test_a_plan_that_was_altered_is_not_posted(desk: Desk) -> None:
    """What apply would refuse is not shown for approval."""
    path = desk.home.path / "plan.json"
    path.write_text(path.read_text("utf-8").replace("james", "kate"), "utf-8")
    assert desk.in_pull(*COMMENT).code == ExitCode.INVALID
    assert desk.pull.comments == []


# ------------------------------------------------------------------ the approval


def approved(desk: Desk, who: str = "ben") -> None:
    desk.in_pull(*COMMENT)
    desk.hub.forge.review(desk.pull, who)
    desk.hub.forge.merge(desk.pull)


def test_an_approved_plan_is_passed_on_by_its_fingerprint(desk: Desk) -> None:
    """And who approved it stands in the summary."""
    approved(desk)
    assert desk.on_main(*APPROVAL).code == ExitCode.DONE
    outputs = desk.outputs()
    assert outputs.pop("comment-url") == f"https://github.invalid/{REPOSITORY}/pull/1#issuecomment-{desk.ours.id}"
    assert outputs == {"approved": "yes", "approvers": "ben", "fingerprint": desk.plan["fingerprint"]}
    assert "by ben" in (desk.home.path / "summary").read_text("utf-8")


def test_a_plan_without_an_approval_is_blocked(desk: Desk) -> None:
    """With the reasons on the run's page."""
    desk.in_pull(*COMMENT)
    desk.hub.forge.merge(desk.pull)
    ended = desk.on_main(*APPROVAL)
    assert (ended.code, desk.outputs()["approved"]) == (ExitCode.BLOCKED, "no")
    assert "nobody approved it" in ended.err
    assert "nobody approved it" in (desk.home.path / "summary").read_text("utf-8")


@pytest.mark.parametrize("status", [200, 404])
def test_evidence_with_a_hole_approves_nothing(desk: Desk, status: int) -> None:
    """Whichever of the questions is not answered as it should be, `approved` stays at no."""
    approved(desk)
    desk.hub.app.state.asked.clear()
    assert desk.on_main(*APPROVAL).code == ExitCode.DONE
    for question in list(desk.hub.app.state.asked):
        desk.hub.app.state.spoilt[question] = JSONResponse({}, status)
        assert desk.on_main(*APPROVAL).code != ExitCode.DONE, question
        assert desk.outputs()["approved"] == "no"
        desk.hub.app.state.spoilt.clear()


def test_an_old_run_that_is_started_again_is_blocked(desk: Desk, tmp_path: Path) -> None:
    """Its plan was approved, and may be the same as then; but the branch has left its files behind."""
    approved(desk)
    old = desk.hub.forge.commit("main")
    tree = tmp_path / "newer"
    commit(desk.hub, tree, "ada", "main", state__staff="three")
    ended = desk.on_main(*APPROVAL, commit=old)
    assert ended.code == ExitCode.BLOCKED
    assert "has changed state/ since" in ended.err


def test_a_record_that_would_be_lost_is_a_reason_not_to_apply(desk: Desk) -> None:
    """Outside the sandbox the store must outlive the runner."""
    plan = SavedPlan(Path("plan.json"), "live", "5740", "", 1)
    assert _lost_record(plan, {"RECONCILER_STORE": ""})
    assert not _lost_record(plan, {"RECONCILER_STORE": "postgresql://db"})


def test_a_plan_that_writes_nothing_needs_no_approval(desk: Desk) -> None:
    """A commit that changes nothing in OneFile is green."""
    desk.home.declare().run("apply", "--auto-approve", "--quiet")
    desk.home.run("plan", "--out", "plan.json", "--quiet")
    assert desk.on_main(*APPROVAL).code == ExitCode.DONE
    assert desk.outputs()["approved"] == "nothing"


def test_the_new_plan_is_posted_in_the_pull_request_that_was_merged(desk: Desk) -> None:
    """It replaces the old one, and what shows this very plan already is left, so that an approval of it stays good."""
    desk.in_pull(*COMMENT)
    desk.ours.body = desk.ours.body.replace(desk.plan["fingerprint"], f"sha256:{'0' * 64}")
    desk.hub.forge.merge(desk.pull)
    assert desk.on_main(*COMMENT).code == ExitCode.DONE
    assert desk.plan["fingerprint"] in desk.ours.body
    before = desk.hub.forge.clock
    assert "already" in desk.on_main(*COMMENT).out
    assert desk.hub.forge.clock == before


def test_a_comment_that_somebody_edited_is_written_anew(desk: Desk) -> None:
    """Also where its first line still says the same."""
    desk.in_pull(*COMMENT)
    desk.hub.forge.merge(desk.pull)
    desk.ours.edit("ben", desk.ours.body + "and harmless, too", desk.hub.forge.now())
    desk.on_main(*COMMENT)
    assert desk.ours.editor == BOT
    assert "harmless" not in desk.ours.body


def test_a_commit_without_a_pull_request_is_told_of(desk: Desk) -> None:
    """There is nowhere to post to, and nobody who approved."""
    assert "No pull request" in desk.on_main(*COMMENT).out
    assert desk.on_main(*APPROVAL).code == ExitCode.BLOCKED


# ------------------------------------------------------------------ the setup

KEPT = ("deletion", "non_fast_forward")


def doctor(desk: Desk, *arguments: str, target: str = "practice", store: str = "") -> str:
    desk.home.declare(settings={**SETTINGS, "target": target})
    if not (desk.home.path / ".git").exists():
        git(desk.home.path, "init", "--quiet")
        git(desk.home.path, "remote", "add", "origin", desk.hub.forge.git_folder.as_uri())
    desk.monkeypatch.setenv("RECONCILER_STORE", store)
    ended = desk.on_main("doctor", *arguments)
    assert (ended.code, ended.err) == (ExitCode.DONE, ""), "a hint makes no run red"
    return ended.out


def test_a_job_is_told_which_secrets_it_lacks(desk: Desk) -> None:
    """As errors, which the page of the run repeats; the sandbox needs neither."""
    said = doctor(desk, "--token-is-set", "false")
    assert "::error title=Setup::ONEFILE_CUSTOMER_TOKEN: is not set, and the target is practice%0AFix: Add the" in said
    assert "::error title=Setup::RECONCILER_STORE: is not set" in said
    summary = (desk.home.path / "summary").read_text("utf-8")
    assert "ONEFILE_CUSTOMER_TOKEN: is not set" in summary
    assert "no rule of this branch" not in summary
    assert "::error" not in doctor(desk, "--token-is-set", "false", "--target", "sandbox")
    assert "::error" not in doctor(desk, "--token-is-set", "true", store="git+onefile-record")


def test_a_job_that_writes_is_told_if_it_may_not_push(desk: Desk, tmp_path: Path) -> None:
    """One that only reads is not asked to, and misses nothing as long as nobody has made the branch."""
    new_remote(tmp_path)
    with http_remote(tmp_path) as remote:
        desk.monkeypatch.setenv("RECONCILER_STORE_TOKEN", STORE_TOKEN)
        ready = ("--token-is-set", "true", "--target", "sandbox")
        store = f"git+onefile-record?remote={remote.url}"
        for may_write, arguments in ((True, ("--writes",)), (True, ()), (False, ())):
            remote.may_write = may_write
            assert "::error" not in doctor(desk, *ready, *arguments, store=store)
        said = doctor(desk, *ready, "--writes", store=store)
    (error,) = (line for line in said.splitlines() if line.startswith("::error title=Setup::"))
    assert "does not let this account write to the store's branch" in error
    assert "%0AFix: In a workflow, give the job `contents: write`" in error


def test_rules_of_branches_are_hints(desk: Desk) -> None:
    """For the branch of the record what keeps it, and nothing that refuses runs; for main a review, in either way."""
    rules, ready = desk.hub.forge.rules, ("--token-is-set", "true", "--target", "sandbox")

    def said(store: str = "git+onefile-record") -> str:
        return doctor(desk, *ready, store=store)

    bare = said()
    assert bare.count("::warning title=Setup::") == 2
    assert "onefile-record: no rule of this branch restricts deletions or blocks force pushes" in bare
    assert "main: anyone with write access can push to this branch without a review" in bare
    rules["onefile-record"], desk.hub.forge.protected = KEPT, {"main"}
    assert said() == "Nothing is missing.\n"
    rules["main"], desk.hub.forge.protected = ("pull_request",), set()
    assert said() == "Nothing is missing.\n"
    rules["onefile-record"] = (*KEPT, "pull_request")
    assert "a rule of this branch requires a pull request, so runs may not be able to push" in said()
    assert said(store="") == "Nothing is missing.\n"


def test_rules_that_github_does_not_show_are_no_fault(desk: Desk) -> None:
    """A plan of GitHub's without rulesets, say; and a pull request's run does not ask."""
    for path in ("onefile-record", "main"):
        desk.hub.app.state.spoilt[f"GET /repos/{REPOSITORY}/rules/branches/{path}"] = JSONResponse({}, 403)
    desk.home.declare()
    desk.monkeypatch.setenv("RECONCILER_STORE", "git+onefile-record?remote=" + desk.hub.forge.git_folder.as_uri())
    ended = desk.on_main("doctor", "--token-is-set", "true")
    assert (ended.code, ended.out) == (ExitCode.DONE, "Nothing is missing.\n")
    assert "The rules for branches are not checked" in ended.err
    desk.hub.app.state.asked.clear()
    assert desk.in_pull("doctor", "--token-is-set", "true").out == "Nothing is missing.\n"
    assert desk.hub.app.state.asked == []


def test_files_with_errors_are_left_to_the_command(desk: Desk) -> None:
    """It reports them with their lines."""
    (desk.home.path / "state").mkdir()
    (desk.home.path / "state" / "settings.yaml").write_text("target: [", "utf-8")
    desk.monkeypatch.setenv("RECONCILER_STORE", "")
    desk.hub.forge.protected = {"main"}
    assert desk.on_main("doctor", "--token-is-set", "false").out == "Nothing is missing.\n"


# ------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    "arguments",
    [(), ("comment",), ("comment", "--failed", "--plan", "plan.json", "--file", "plan.md"), ("issue",), ("other",)],
)
def test_what_cannot_be_meant_is_invalid(desk: Desk, arguments: tuple[str, ...]) -> None:
    """As everywhere: exit 3, and nothing is done."""
    assert desk.in_pull(*arguments).code == ExitCode.INVALID
    assert desk.hub.app.state.asked == []
