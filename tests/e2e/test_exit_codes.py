"""Every exit code of the contract, reached the way a user reaches it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from onefile_sandbox.faults import Fault
from reconciler.cli.output import unexpected
from reconciler.clock import SystemClock
from reconciler.model.slots import Site
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.e2e.user import JAMES, LEARNER, REPOSITORY, SETTINGS, STAFF, Home, point_at, served


def test_done_is_0(home: Home) -> None:
    """Valid files, a plan, an apply that did everything and an apply with nothing to do end with 0."""
    home.declare()
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"], ["apply", "--auto-approve"], ["demo"]):
        assert home.run(*command).code == ExitCode.DONE, command


def test_a_refused_token_is_1(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's refusal is told with the variable to look at, and the token itself is not."""
    with served() as server:
        point_at(monkeypatch, server.url, "another-token")
        ended = home.declare().run("plan")
    assert ended.code == ExitCode.ERROR
    assert "ONEFILE_CUSTOMER_TOKEN" in ended.err and "another-token" not in ended.err


def test_changes_pending_is_2_only_when_asked(home: Home) -> None:
    """Without --detailed-exitcode pending changes are no news; with it they are 2, and 0 once applied."""
    home.declare()
    assert home.run("plan").code == ExitCode.DONE
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES
    home.run("apply", "--auto-approve")
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["frobnicate"],
        ["plan", "--format", "xml"],
        ["plan", "--no-such-option"],
        ["plan", "surplus"],
        ["plan", "--at", "soon"],
        ["plan", "--state"],
        ["show"],
        ["apply"],
        ["apply", "nowhere.json"],
        ["plan", "--cohort", "nobody"],
        ["plan", "--learner", "999"],
        ["plan", "--target", "moon"],
        ["sandbox", "--port", "70000"],
        ["sandbox", "--switch", "no_such=1"],
        ["sandbox", "--fault", "{"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_cannot_be_meant_is_3(home: Home, command: list[str]) -> None:
    """Click's own usage errors and ours alike: 3, nothing on standard output, words and no traceback on the other."""
    ended = home.declare().run(*command)
    assert ended.code == ExitCode.INVALID
    assert ended.out == ""
    assert ended.err and ended.is_decent()


def test_files_that_are_wrong_are_3_and_nothing_is_sent(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each problem is told with file and line, and the server hears nothing."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare({**LEARNER, "default_assessor": "nobody"}, {"id": 200004})
        for command in ("validate", "plan", "apply"):
            ended = home.run(command, *(["--auto-approve"] if command == "apply" else []))
            assert ended.code == ExitCode.INVALID
            assert ended.err.count("cohorts/c1.yaml:") >= 2
            assert "Fix:" in ended.err
        assert server.calls == []


def test_a_world_that_moved_since_the_plan_is_4(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slot that somebody else moved is left alone, the others are written."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare({**LEARNER, "default_assessor": "kate"}, {"id": 200005, "default_assessor": "james"})
        server.world.users[200004]["DefaultAssessorID"] = JAMES
        server.world.users[200005]["DefaultAssessorID"] = None
        assert home.run("plan", "--out", "plan.json").code == ExitCode.DONE
        server.world.users[200004]["DefaultAssessorID"] = None
        ended = home.run("apply", "plan.json")
        assert ended.code == ExitCode.STALE
        assert server.world.users[200004]["DefaultAssessorID"] is None
        assert server.world.users[200005]["DefaultAssessorID"] == JAMES
        assert "conflict" in ended.out.lower()


def test_an_approval_of_another_plan_is_4(home: Home) -> None:
    """--expect with a fingerprint that is not what is planned now."""
    ended = home.declare().run("apply", "--expect", "sha256:" + "0" * 64)
    assert ended.code == ExitCode.STALE
    assert "--expect" in ended.err


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=" ".join)
def test_a_limit_is_5_and_nothing_is_written(home: Home, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """The limit that is exceeded is named."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare(settings={**SETTINGS, "limits": {"create": {"count": 1}}})
        ended = home.run(*command)
        assert ended.code == ExitCode.BLOCKED
        assert "limit" in (ended.out + ended.err).lower()
        fixes = [line for line in (ended.out + ended.err).splitlines() if line.strip().startswith("Fix:")]
        assert len(fixes) == len(set(fixes)), "each is printed once"
        assert server.effects == 0


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=" ".join)
def test_a_policy_is_5_and_nothing_is_written(home: Home, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """An IQA who would verify their own assessing is refused before anything is written."""
    staff = {
        **STAFF,
        "kate": {"id": 132757, "role": "assessor", "person": "kate"},
        "priya": {"id": 118204, "role": "iqa", "person": "kate"},
    }
    with served() as server:
        point_at(monkeypatch, server.url)
        ended = home.declare(staff=staff).run(*command)
        assert ended.code == ExitCode.BLOCKED
        assert "iqa_independent" in ended.out + ended.err
        assert server.effects == 0


def test_a_lock_that_somebody_holds_is_6(home: Home) -> None:
    """Another machine's lease lives: 6, and the sentence says who, where and until when."""
    home.declare()
    home.run("plan")
    with Store.open(str(home.path / ".reconciler" / "store.db"), clock=SystemClock()) as store:
        store.acquire(
            Site("sandbox", 5740), holder="Robin", host="elsewhere", command="apply", run=None, lease_seconds=600
        )
        ended = home.run("apply", "--auto-approve")
    assert ended.code == ExitCode.LOCKED
    assert "Robin on elsewhere" in ended.err


@pytest.mark.parametrize("status", [400, 500])
def test_a_write_that_fails_is_7(home: Home, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """A refusal and a fault of the server: the rest goes ahead, and the report says which failed."""
    with served(faults=(Fault("error_before", "POST", "/User/200004", status=status),)) as server:
        point_at(monkeypatch, server.url)
        home.declare(LEARNER, {"id": 200005, "default_assessor": "james"})
        ended = home.run("apply", "--auto-approve")
    assert ended.code == ExitCode.INCOMPLETE
    assert "failed" in ended.out.lower()


def test_a_step_for_a_person_is_7(home: Home) -> None:
    """Somebody we added is no longer declared: OneFile has no unassign, so apply stays incomplete."""
    home.declare().run("apply", "--auto-approve")
    home.declare({key: value for key, value in LEARNER.items() if key != "additional"})
    plan = home.run("plan", "--detailed-exitcode")
    assert plan.code == ExitCode.CHANGES
    assert "the learner's Access Accounts tab" in " ".join(plan.out.split())
    assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE


def test_a_learner_set_aside_is_7(home: Home) -> None:
    """A learner whom OneFile does not have: the others are done, and the run is not complete."""
    home.declare(LEARNER, {"id": 299999, "default_assessor": "james"})
    ended = home.run("apply", "--auto-approve")
    assert ended.code == ExitCode.INCOMPLETE
    assert "299999" in ended.out


def test_a_bug_is_1_and_told_without_a_traceback(home: Home) -> None:
    """What nobody foresaw ends in one line that can be reported, without its message, which may hold people's data."""
    try:
        Home.declare(home, settings={"organisation": {"Adara Ashcombe"}})
    except TypeError as error:
        told = unexpected(error)
    assert told.exit_code == ExitCode.ERROR
    assert "TypeError" in str(told) and "Adara" not in str(told)


@pytest.mark.parametrize("option", ["--version", "--help", "-h"])
def test_version_and_help_are_quick(home: Home, option: str) -> None:
    """Neither needs the network's, the database's or the schemas' packages, which take most of a second to import."""
    program = (
        "import sys, json; from reconciler.cli.main import run; code = run(sys.argv[1:]); "
        "heavy = {'httpx', 'sqlite3', 'jsonschema', 'jsonschema_rs', 'deepdiff', 'starlette', 'uvicorn', 'yaml'}; "
        "print(json.dumps([code, sorted(heavy & sys.modules.keys())]), file=sys.stderr)"
    )
    for arguments in ([option], ["plan", option]) if option != "--version" else ([option],):
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            cwd=home.path,
        )
        assert json.loads(ended.stderr) == [0, []]
        assert ended.stdout


def test_the_client_loads_no_command_line_of_httpx() -> None:
    """It would load `rich` and `pygments`, a quarter of the start of each command that sends calls."""
    program = "import sys, reconciler.onefile.client; print(sorted({'rich', 'pygments'} & sys.modules.keys()))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert ended.stdout == "[]\n"


def test_a_plan_of_a_saved_reading_loads_no_client() -> None:
    """It sends no call, and `httpx` would be a tenth of the time of a small plan."""
    program = "import sys, reconciler.commands.plan; print('httpx' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert ended.stdout == "False\n"
