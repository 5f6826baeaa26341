"""A OneFile, a user's folder and a store, and runs of the real command among them that end in every way there is.

The sandbox is a process of its own, as OneFile is somebody else's machine: it survives whatever happens to ours, and
its world file keeps every effect in order. One sandbox serves many cases: each begins with the world put back.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from onefile_sandbox.world import World
from reconciler.clock import SystemClock
from reconciler.commands.apply import apply
from reconciler.commands.apply_run import ApplyResult
from reconciler.commands.done import StepChoice, done
from reconciler.model import slots
from reconciler.model.operations import State, step_id
from reconciler.model.slots import Place, Slot, SlotKind
from reconciler.problems import ExitCode
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.store import JournalRow, Store
from tests.crash import driver, evidence
from tests.crash.driver import Death, Fate, changes
from tests.crash.evidence import NOT_ACTED_ON, Holders, Touch
from tests.forks import Fork

REPOSITORY = Path(__file__).parents[2]
ORGANISATION, SEED, LEARNERS = 5740, 1, 40
TOKEN = "sandbox"
KATE, JAMES, PRIYA, JAMES_AS_IQA, LEE = 132757, 122762, 118204, 136481, 127733

MEMORY = Path("/dev/shm")  # noqa: S108  a fresh folder is made in it, where there is one

SETTINGS: Mapping[str, object] = {
    "organisation": ORGANISATION,
    "calls_per_minute": 10000,
    "longest_read_lag_seconds": 1,
    "limits": {"reassign": {"share": 1, "count": 10000}},
    "policies": dict.fromkeys(("iqa_independent", "coverage", "caseload", "trainee_assessor"), "off"),
    "drift": {"default_employer": "report", "learning_aim_iqa": "report", "unit_iqa": "report"},
}
REPORTED = (SlotKind.DEFAULT_EMPLOYER, SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA)
"""Drift in these is only told; in the others it is corrected."""


# ------------------------------------------------------------------ what is declared


@dataclass(frozen=True)
class Declaration:
    """Every slot of some learners moved to somebody else: 72 operations on 84 slots, of all seven kinds."""

    world: World = field(default_factory=lambda: World.create(SEED, LEARNERS))
    learners: int = 12

    @cached_property
    def initial(self) -> Holders:
        return evidence.holders(self.world)

    @cached_property
    def wanted(self) -> dict[Place, int]:
        found: dict[Place, int] = {}
        for learner in self._suitable():
            for slot in self._slots(learner):
                found[learner, slot] = self._other(learner, slot)
        return found

    def _suitable(self) -> list[Any]:
        active = [
            user["ID"]
            for user in self.world.users.values()
            if (user["Role"], user["OrganisationID"], user["DateArchived"]) == (1, ORGANISATION, None)
        ]
        return [learner for learner in sorted(active) if len(self._slots(learner)) == 7][: self.learners]

    def _slots(self, learner: Any) -> list[Slot]:
        """One slot of each kind, where the learner has them."""
        found = {Slot(SlotKind.ADDITIONAL, LEE).kind: Slot(SlotKind.ADDITIONAL, LEE)}
        for user, slot in self.initial:
            if user == learner and slot.kind is not SlotKind.ADDITIONAL:
                found.setdefault(slot.kind, slot)
        if len(self._employers(learner)) < 2:
            found.pop(SlotKind.DEFAULT_EMPLOYER, None)
        return [found[kind] for kind in SlotKind if kind in found]

    def _employers(self, learner: Any) -> list[int]:
        """Who may be this learner's default employer, nobody included."""
        users = self.world.users
        placement = users[learner]["PlacementID"]
        fitting = [user["ID"] for user in users.values() if user["Role"] == 40 and user["PlacementID"] == placement]
        return [one for one in fitting if one != users[learner]["DefaultEmployerID"]] + [0]

    def _other(self, learner: Any, slot: Slot) -> int:
        held = self.initial.get((learner, slot))
        match slot.kind:
            case SlotKind.ADDITIONAL:
                return LEE
            case SlotKind.DEFAULT_EMPLOYER:
                return self._employers(learner)[0]
            case SlotKind.LEARNING_AIM_IQA | SlotKind.UNIT_IQA:
                return PRIYA if held != PRIYA else JAMES_AS_IQA
            case _:
                return KATE if held != KATE else JAMES

    def write(self, folder: Path, settings: Mapping[str, object] = SETTINGS) -> Path:
        """The declaration as a state folder. JSON is YAML too."""
        people = {self.world.users[one]["ID"]: self.world.users[one]["Role"] for one in self.wanted.values()}
        roles = {5: "assessor", 10: "iqa", 40: "employer", 45: "observer"}
        files: dict[str, dict[str, object]] = {
            "settings": dict(settings),
            "staff": {"staff": {f"s{one}": {"id": one, "role": roles[role]} for one, role in people.items()}},
            "cohorts/c1": {"cohort": "c1", "learners": [*self._learners()]},
        }
        for name, value in files.items():
            file = folder / "state" / f"{name}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({"version": 1, **value}), encoding="utf-8")
        return folder / "state"

    def _learners(self) -> Iterator[dict[str, object]]:
        entries: dict[int, dict[str, Any]] = {}
        for (learner, slot), staff in self.wanted.items():
            mine = entries.setdefault(learner, {"id": learner})
            match slot.kind:
                case SlotKind.ADDITIONAL:
                    mine["additional"] = [f"s{staff}"]
                case SlotKind.DEFAULT_ASSESSOR | SlotKind.DEFAULT_EMPLOYER:
                    mine[slot.kind.value] = f"s{staff}"
                case SlotKind.LEARNING_AIM_ASSESSOR | SlotKind.LEARNING_AIM_IQA:
                    aim = mine.setdefault("learning_aims", [])
                    _entry(aim, "standard", slot)[_role(slot)] = f"s{staff}"
                case SlotKind.UNIT_ASSESSOR | SlotKind.UNIT_IQA:
                    unit = mine.setdefault("units", [])
                    _entry(unit, "unit", slot)[_role(slot)] = f"s{staff}"
        yield from entries.values()


def _entry(entries: list[dict[str, Any]], key: str, slot: Slot) -> dict[str, Any]:
    found = next((entry for entry in entries if entry[key] == slot.key), None)
    if found is None:
        found = {key: slot.key}
        entries.append(found)
    return found


def _role(slot: Slot) -> str:
    return "iqa" if slot.kind in (SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA) else "assessor"


# ------------------------------------------------------------------ OneFile


@dataclass
class Site:
    """A sandbox served by a process of its own, with a declared state for it."""

    url: str
    world_file: Path
    state: Path
    declaration: Declaration
    http: httpx.Client

    def put_back(self) -> int:
        """The world as it was first, with no faults and no calls in mind; how many events it has had so far."""
        for edit in _edits(self.holders(), self.declaration.initial):
            self.edit(edit)
        self.recover()
        self.http.delete("/_sandbox/calls").raise_for_status()
        return len(evidence.world_lines(self.world_file))

    def edit(self, asked: Mapping[str, object]) -> None:
        self.http.post("/_sandbox/edit", json=asked).raise_for_status()

    def arm(self, *faults: Mapping[str, object]) -> None:
        self.http.post("/_sandbox/faults", json=list(faults)).raise_for_status()

    def recover(self) -> None:
        """Whatever was armed and has not fired never will."""
        self.http.delete("/_sandbox/faults").raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/_sandbox/calls").raise_for_status().json()
        return found

    def holders(self) -> Holders:
        held = dict(self.declaration.initial)
        evidence.touches(self.declaration.world, held, evidence.world_lines(self.world_file))
        return held

    def touches(self, since: int) -> list[Touch]:
        """What moved since the world was put back, when it had had so many events."""
        lines = evidence.world_lines(self.world_file)[since:]
        return evidence.touches(self.declaration.world, dict(self.declaration.initial), lines)


def edit_of(place: Place, staff: int | None) -> dict[str, object]:
    """Somebody puts `staff` in that slot in OneFile's web pages; None takes whoever is there away."""
    learner, slot = place
    match slot.kind:
        case SlotKind.ADDITIONAL:
            return {"user": learner, "additional": {"remove": [slot.key]} if staff is None else {"add": [slot.key]}}
        case SlotKind.DEFAULT_ASSESSOR:
            return {"user": learner, "set": {"DefaultAssessorID": staff}}
        case SlotKind.DEFAULT_EMPLOYER:
            return {"user": learner, "set": {"DefaultEmployerID": staff}}
        case SlotKind.LEARNING_AIM_ASSESSOR | SlotKind.LEARNING_AIM_IQA:
            thing = "standard"
        case SlotKind.UNIT_ASSESSOR | SlotKind.UNIT_IQA:
            thing = "unit"
    field = "IVID" if _role(slot) == "iqa" else "AssessorID"
    return {"user": learner, thing: slot.key, "set": {field: staff}}


def somebody_else(declaration: Declaration, place: Place) -> int | None:
    """Who could be put in a slot by somebody who wants neither whom we found there nor whom we put there."""
    role = 10 if _role(place[1]) == "iqa" else 40 if place[1].kind is SlotKind.DEFAULT_EMPLOYER else 5
    not_these = (declaration.initial.get(place), declaration.wanted.get(place))
    people = (user for user in declaration.world.users.values() if user["OrganisationID"] == ORGANISATION)
    fitting = (user["ID"] for user in people if user["Role"] == role and user["DateArchived"] is None)
    return next((one for one in fitting if one not in not_these), None)


def _edits(held: Holders, wanted: Holders) -> Iterator[dict[str, object]]:
    """Yield what makes the one the other, as few edits as there are: both slots of an aim or a unit are one."""
    together: dict[tuple[object, ...], dict[str, Any]] = {}
    for place in held.keys() | wanted.keys():
        if held.get(place) == wanted.get(place):
            continue
        edit: dict[str, Any] = edit_of(place, wanted.get(place))
        if "set" in edit:
            first = together.setdefault((edit["user"], edit.get("standard"), edit.get("unit")), edit)
            first["set"] |= edit["set"]
        else:
            yield edit
    yield from together.values()


_SERVE = """
import socket
create = socket.create_server
def prompt(*given, **named):
    listener = create(*given, **named)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else many an answer waits 40 ms
    return listener
socket.create_server = prompt
from reconciler.cli.main import main
main()
"""


@contextmanager
def site(folder: Path, *switches: str, learners: int = 12) -> Iterator[Site]:
    """Serve a new world from `folder` for as long as the block lasts."""
    declaration = Declaration(learners=learners)
    state = declaration.write(folder)
    settings = [f"--switch={switch}" for switch in ("rate_limit=0", "repeat_assign=duplicate", *switches)]
    command = [sys.executable, "-c", _SERVE, "sandbox", "--port=0", *settings]
    command += [f"--seed={SEED}", f"--learners={LEARNERS}", f"--world={folder / 'world.jsonl'}"]
    environment = {**_surroundings(), "ONEFILE_CUSTOMER_TOKEN": TOKEN}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().partition("=")[2].strip()
            with httpx.Client(base_url=url.removesuffix("/api/v2.1"), trust_env=False, timeout=30) as http:
                yield Site(url, folder / "world.jsonl", state, declaration, http)
        finally:
            server.kill()


def _surroundings() -> dict[str, str]:
    ours = ("ONEFILE_", "RECONCILER_", "GITHUB_", "GITLAB_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


# ------------------------------------------------------------------ one case


class Ahead:
    """The machine's clock, but where a run waits it moves on at once: this OneFile shows every write immediately."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return time.monotonic() + self._seconds

    async def sleep(self, seconds: float) -> None:
        self._seconds += max(seconds, 0)
        await asyncio.sleep(0)


@dataclass
class Case:
    """A new store and a world put back: runs, and at the end the evidence."""

    site: Site
    store_url: str
    began: int  # how many events the world had had by then
    unreadable: frozenset[SlotKind] = frozenset({SlotKind.ADDITIONAL})

    @classmethod
    def begin(cls, site: Site, store_url: str) -> Case:
        return cls(site, store_url, site.put_back())

    @property
    def environment(self) -> dict[str, str]:
        return {"ONEFILE_BASE_URL": self.site.url, "ONEFILE_CUSTOMER_TOKEN": TOKEN, "USER": "crash-test"}

    @property
    def surroundings(self) -> tuple[Options, Environment]:
        options = Options(state=self.site.state, store=self.store_url)
        return options, Environment(variables=self.environment, clock=Ahead())

    def store(self) -> Store:
        return Store.open(self.store_url, clock=SystemClock())

    # -------------------------------------------------------------- runs

    def start(self, fate: Fate, *arguments: str) -> Fork:
        """The real command in a process of its own, with this fate."""
        given = arguments or ("apply", "--auto-approve")
        return Fork(
            driver.run,
            fate,
            [*given, f"--state={self.site.state}", f"--store={self.store_url}"],
            folder=REPOSITORY,
            variables={**_surroundings(), **self.environment},
            output=self.site.state.parent,
        )

    def process(self, fate: Fate, *arguments: str) -> tuple[int, str]:
        """How it ended, and all it said; -9 where it was killed."""
        return self.start(fate, *arguments).ended()

    def killed(self, fate: Fate) -> bool:
        """Run until it is killed; False where it ended before that."""
        code, said = self.process(fate)
        assert code in (-signal.SIGKILL, *ExitCode), said[-2000:]
        return code == -signal.SIGKILL

    def apply(self) -> ApplyResult:
        """The same command in this process, which is quicker, and whose outcomes can be asked."""
        return apply(*self.surroundings, None, approve=lambda _: True)

    def survives(self, death: Death) -> int:
        """One death, then what is allowed after it, then the evidence. Gives how many slots a person had to look at."""
        assert self.killed({"die": death})
        looked_at = self.finish()
        self.is_whole()
        return looked_at

    def finish(self) -> int:
        """What is allowed after a crash, with OneFile well again: one run; where slots stayed unknown that OneFile
        does not show, a person says what is there, and then one run more. Gives how many a person had to look at."""
        self.site.recover()
        finished = self.apply()
        unknown = self.unknown()
        if not unknown:
            assert finished.exit_code == ExitCode.DONE, finished.problems()
            return 0
        assert finished.exit_code == ExitCode.INCOMPLETE, finished.problems()
        held = self.site.holders()
        for learner, slot in unknown:
            there = held.get((learner, slot)) == self.site.declaration.wanted[learner, slot]
            done(
                *self.surroundings,
                StepChoice((step_id(learner, slot),)),
                by="person",
                outcome="present" if there else "absent",
            )
        again = self.apply()
        assert again.exit_code == ExitCode.DONE, again.problems()
        return len(unknown)

    def unknown(self) -> list[Place]:
        with self.store() as store:
            return [
                place for row in store.unknown(slots.Site(self.site.url, ORGANISATION)) for place in sorted(row.places)
            ]

    # -------------------------------------------------------------- evidence

    def journal(self) -> list[JournalRow]:
        with self.store() as store:
            return evidence.journal(store)

    def all_is_as_declared(self, but: Mapping[Place, int | None] | None = None) -> None:
        """The world equals the declaration, and nothing else moved; `but` are slots that others decided on."""
        expected = {**self.site.declaration.initial, **self.site.declaration.wanted, **(but or {})}
        held = self.site.holders()
        wrong = {place: held.get(place) for place in expected if held.get(place) != expected[place]}
        assert not wrong, wrong

    def is_whole(self) -> None:
        """All that must hold once everything is done, where nobody else edited in OneFile."""
        self.all_is_as_declared()
        self.evidence_is_whole()
        self.no_call_was_repeated()
        evidence.nothing_that_took_effect_is_denied(self.site.touches(self.began), self.journal())

    def evidence_is_whole(self) -> None:
        """What must hold at any time after a run that ended: see the functions called."""
        rows, found = self.journal(), self.site.touches(self.began)
        evidence.nothing_is_left_open(rows)
        evidence.nothing_was_written_twice(found)
        evidence.nothing_newer_was_overwritten(found, rows)
        evidence.every_call_is_accounted_for(self.site.calls(), rows)
        for row in rows:
            if row.state is State.UNKNOWN:
                kinds = {slot.kind for slot, _ in row.operation.moves}
                assert kinds <= self.unreadable, row

    def no_call_was_repeated(self) -> None:
        """Where nobody else edits, each write that OneFile acted on changed something: none was sent again."""
        idle = [call for call in self.site.calls() if _acted_on(call) and not call["effect"]]
        assert not idle, idle


def _acted_on(call: Mapping[str, Any]) -> bool:
    """Whether a write came to be carried out; of one whose answer was dropped the log does not say."""
    unclear = (*NOT_ACTED_ON, None)
    return changes(call["method"], call["path"]) and call["fault"] != "error_before" and call["status"] not in unclear


@dataclass(frozen=True)
class Size:
    """How many places there are in one run of the whole plan to die at, and how long it takes."""

    commits: int
    calls: int
    writes: int
    pushes: int
    seconds: float


def measure(case: Case, file: Path) -> Size:
    """A run that nothing happens to."""
    began = time.monotonic()
    code, said = case.process({"count": str(file)})
    assert code == ExitCode.DONE, said
    return Size(**json.loads(file.read_text("utf-8")), seconds=time.monotonic() - began)


def at(part: float, count: int) -> int:
    """That part of the way from the first of `count` to the last."""
    return 1 + round(part * (count - 1))
