"""A user of the product, for tests that look at it from outside: a folder, a command line, a OneFile to speak to."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.faults import Fault
from onefile_sandbox.serve import serving
from onefile_sandbox.switches import Switches
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World
from reconciler.cli.main import main, run
from reconciler.model.structs import replace
from reconciler.problems import ExitCode
from tests.forks import Fork
from tests.schemas import fitting

REPOSITORY = Path(__file__).parents[2]
TOKEN = "ct-4711-Brombeere-und-Schlehe"  # recognisable wherever it should not be
OURS = ("ONEFILE_", "RECONCILER_", "GITHUB_", "GITLAB_", "NO_COLOR", "CI_")

KATE, JAMES, PRIYA, MENTOR, LEE = 132757, 122762, 118204, 139015, 127733
STAFF: Mapping[str, Mapping[str, object]] = {
    "kate": {"id": KATE, "role": "assessor"},
    "james": {"id": JAMES, "role": "assessor"},
    "priya": {"id": PRIYA, "role": "iqa"},
    "mentor": {"id": MENTOR, "role": "employer"},
    "lee": {"id": LEE, "role": "observer"},
}
SETTINGS: Mapping[str, object] = {
    "organisation": 5740,
    "calls_per_minute": 10000,
    "longest_read_lag_seconds": 0,
    "limits": {"reassign": {"share": 1}},
}
LEARNER: Mapping[str, object] = {
    "id": 200004,
    "default_assessor": "james",
    "default_employer": "mentor",
    "learning_aims": [{"standard": 41242, "assessor": "kate", "iqa": "priya"}],
    "units": [{"unit": "BA_301", "assessor": "kate", "iqa": "priya"}],
    "additional": ["lee"],
}
WRITES = 6  # that the learner above asks of a new sandbox: the default employer is already who it should be


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return fitting(json.loads(self.out))

    def is_decent(self) -> bool:
        return "Traceback" not in self.out + self.err


class Home:
    """A user's folder with its declared state, and commands run in it, in this process or as one of their own."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    def declare(
        self,
        *learners: Mapping[str, object],
        settings: Mapping[str, object] = SETTINGS,
        staff: Mapping[str, object] = STAFF,
        **cohort: object,
    ) -> Home:
        """Declare these learners as the one cohort `c1` (the usual learner where none is given). JSON is YAML too."""
        files = {
            "settings": {"version": 1, **settings},
            "staff": {"version": 1, "staff": staff},
            "cohorts/c1": {"version": 1, "cohort": "c1", **cohort, "learners": learners or [LEARNER]},
        }
        for name, value in files.items():
            file = self.path / "state" / f"{name}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
        return self

    def declare_demonstration(self) -> Home:
        shutil.copytree(REPOSITORY / "state", self.path / "state")
        return self

    def run(self, *arguments: str) -> Ended:
        """The command in this process; what it says is taken from pytest's capture."""
        self._capsys.readouterr()
        code = run(arguments)
        said = self._capsys.readouterr()
        return Ended(int(code), said.out, said.err)

    def start(
        self, *arguments: str, env: Mapping[str, str | None] | None = None, before: str = "", **more: Any
    ) -> subprocess.Popen[str]:
        """The command as a process of its own, which runs `before` first; None in `env` takes a variable away."""
        given = {**_surroundings(), **{"PYTHONPATH": str(REPOSITORY)}, **(env or {})}
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-c", f"{before}\nfrom reconciler.cli.main import main; main()", *arguments],
            cwd=self.path,
            env={name: value for name, value in given.items() if value is not None},
            **(options | more),
        )

    @contextmanager
    def fork(self, *arguments: str, env: Mapping[str, str] | None = None, **streams: str) -> Iterator[Fork]:
        """The command as a fork of a process that has loaded it, in place of a start: see tests/test_forks.py."""
        variables = {**_surroundings(), **(env or {})}
        with new_folder() as output:
            fork = Fork(main, arguments, folder=self.path, variables=variables, output=output, **streams)
            try:
                yield fork
            finally:
                fork.kill()
                fork.wait(60)

    def process(self, *arguments: str, env: Mapping[str, str | None] | None = None, **more: Any) -> Ended:
        """The command as a process of its own that is started."""
        process = self.start(*arguments, env=env, **more)
        out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out or "", err or "")

    def forked(self, *arguments: str, env: Mapping[str, str] | None = None, **streams: str) -> Ended:
        """The command as a process of its own that is forked."""
        with self.fork(*arguments, env=env, **streams) as fork:
            code, _ = fork.ended(60)
            return Ended(code, *fork.printed)

    def terminal(self, *arguments: str, typed: str = "", **env: str) -> Ended:
        """What a command writes to a terminal, with something typed there beforehand."""
        leader, follower = pty.openpty()
        os.write(leader, typed.encode())
        place = os.ttyname(follower)
        ended = self.forked(*arguments, env={"PAGER": "cat", **env}, stdin=place, stdout=place)
        os.close(follower)
        shown = b""
        while piece := _read(leader):
            shown += piece
        os.close(leader)
        return Ended(ended.code, shown.decode(), ended.err)

    def git(self, *arguments: str) -> str:
        """A git command in the user's folder, as somebody invented."""
        settings = ("user.name=invented", "user.email=invented@example.org", "maintenance.auto=false")
        command = ["git", *(word for setting in settings for word in ("-c", setting)), *arguments]
        done = subprocess.run(command, cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Everything declared as it is now, committed; the commit's hash."""
        if not (self.path / ".git").exists():
            self.git("init", "-q", "--template=")
        self.git("add", "state")
        self.git("commit", "-q", "--allow-empty", "-m", "as declared")
        return self.git("rev-parse", "HEAD")

    def plan(self, *arguments: str) -> dict[str, Any]:
        """The plan's JSON, which is there to be had whatever the exit code."""
        plan: dict[str, Any] = self.run("plan", "--format", "json", *arguments).json
        return plan

    def converges(self) -> None:
        """Apply does everything, and the plan after it is empty."""
        applied = self.run("apply", "--auto-approve")
        assert applied.code == ExitCode.DONE, applied.out + applied.err
        again = self.run("plan", "--detailed-exitcode")
        assert again.code == ExitCode.DONE, again.out + again.err


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # nobody writes any more
        return b""


@contextmanager
def new_folder() -> Iterator[Path]:
    """An empty folder for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


@dataclass(frozen=True)
class Served:
    """A sandbox behind a real socket."""

    url: str
    service: SandboxApi

    @property
    def world(self) -> World:
        return self.service.world

    @property
    def calls(self) -> list[dict[str, Any]]:
        return list(self.service.calls)

    @property
    def effects(self) -> int:
        return sum(bool(call["effect"]) for call in self.calls)

    def edit(self, request: Mapping[str, object]) -> None:
        """Somebody, or something, works in OneFile's web pages."""
        at = datetime(2026, 11, 28, 9, tzinfo=UTC)
        self.world.commit(lambda: edit(self.world, request, at, self.service.switches), at, "edit")


@contextmanager
def served(
    world: World | None = None, *settings: str, faults: tuple[Fault, ...] = (), token: str = TOKEN
) -> Iterator[Served]:
    """A sandbox in a thread. Its limit of calls is off unless a setting says otherwise: these tests wait for nobody."""
    switches = Switches.parse(settings)
    if not any(setting.startswith("rate_limit") for setting in settings):
        switches = replace(switches, rate_limit=0)
    app = create_app(world or World.create(seed=1, learners=24), switches, customer_token=token)
    for fault in faults:
        app.state.api.faults.arm(fault)
    with serving(app) as url:
        yield Served(url, app.state.api)


def point_at(monkeypatch: pytest.MonkeyPatch, url: str, token: str = TOKEN) -> None:
    monkeypatch.setenv("ONEFILE_BASE_URL", url)
    monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", token)


def slots(world: World) -> dict[str, int | None]:
    """Every slot of the world by its address in plans, aims and units of learners that hold them twice left out."""
    found: dict[str, int | None] = {}
    for user in world.users.values():
        if user["Role"] == 1:
            found[f"learner[{user['ID']}].default_assessor"] = user["DefaultAssessorID"]
            found[f"learner[{user['ID']}].default_employer"] = user["DefaultEmployerID"]
            found |= _work(user["ID"], "learning_aim", "StandardID", world.aims_of.get(user["ID"], []))
            found |= _work(user["ID"], "unit", "UnitID", world.units_of.get(user["ID"], []))
    for learner, people in world.additional.items():
        found |= {f"learner[{learner}].additional[{person}]": person for person in people}
    return found


def _work(learner: int, thing: str, key: str, rows: Any) -> Iterator[tuple[str, int | None]]:
    keys = [row[key] for row in rows]
    for row in rows:
        if keys.count(row[key]) == 1:
            yield f"learner[{learner}].{thing}[{row[key]}].assessor", row["AssessorID"]
            yield f"learner[{learner}].{thing}[{row[key]}].iqa", row["IVID"]
