"""Measures the calls of one change and of a day of drift, and how many of the allowed calls are made.

Run from the checkout: `python -m benchmarks.calls` prints the tables, `--write` also commits them to calls.md. One
change is planned and applied by the commands, over HTTP on this machine. The days, the pace and the lists are
simulated, with the product's own reader and client, as in benchmarks/reading.py.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.reading import LIMIT, PAGE_CAP, SERVERS, active, declare, pace, read, table
from onefile_sandbox.app import create_app
from onefile_sandbox.serve import serving
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler import commands
from reconciler.model.declared import Declared, DeclaredLearner, Wanted
from reconciler.model.slots import Slot, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.onefile.capabilities import Capabilities
from reconciler.plan.rotation import WEEK, to_read
from reconciler.problems import ExitCode, Source
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
TOKEN = "invented"  # noqa: S105  the sandbox's
CHANGED = 100  # one learner in so many changes in OneFile each day
SIZES = (800, 10_000)
PACES = ((0.05, 300), (0.3, 300), (1.0, 300), (3.0, 300), (0.2, 3000))
RESULT = Path(__file__).with_suffix(".md")
LEARNER = 200004
KATE, JAMES, PRIYA, JAMES_AS_IQA, LEE = 132757, 122762, 118204, 136481, 127733


# ------------------------------------------------------------------ one change


def one_change() -> Iterator[tuple[str, str, str, str]]:
    """Yield the calls of one slot by kind: with a canary, proven within the hour, and then without a saved plan."""
    for kind in ("default_assessor", "learning_aim_assessor", "learning_aim_iqa", "unit_iqa", "additional"):
        with tempfile.TemporaryDirectory() as folder:
            spent = _spent(Path(folder), kind)
            yield kind.replace("_", " "), *map(str, spent)


def _spent(folder: Path, kind: str) -> list[int]:
    app = create_app(World.create(learners=60), Switches.parse(["rate_limit=0"]), customer_token=TOKEN)
    options, saved = Options(state=folder / "state", store=str(folder / "store.db")), folder / "plan.json"
    with serving(app) as url:
        environment = Environment(variables={"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN})
        _write(folder / "state", kind, turn=0)
        _apply(options, environment, None)
        counts = []
        scoped = replace(options, learners=(str(LEARNER),))
        for turn in (1, 2, 3):
            _write(folder / "state", kind, turn)
            before = len(app.state.api.calls)
            planned = commands.plan.plan(scoped, environment)
            if turn < 3:
                saved.write_text(json.dumps(planned.document), "utf-8")
            _apply(options if turn < 3 else scoped, environment, saved if turn < 3 else None)
            counts.append(len(app.state.api.calls) - before)
    return counts


def _apply(options: Options, environment: Environment, saved: Path | None) -> None:
    done = commands.apply.apply(options, environment, saved, approve=lambda _: True)
    if done.exit_code is not ExitCode.DONE:
        raise AssertionError(done.problems())


def _write(state: Path, kind: str, turn: int) -> None:
    """Declare every layer of one learner, with another person in one slot each turn."""
    staff = {
        "kate": (KATE, "assessor"),
        "james": (JAMES, "assessor"),
        "priya": (PRIYA, "iqa"),
        "morgan": (JAMES_AS_IQA, "iqa"),
        "lee": (LEE, "observer"),
    }
    assessor, iqa = ("kate", "james")[turn % 2], ("priya", "morgan")[turn % 2]
    learner: dict[str, Any] = {
        "id": LEARNER,
        "default_assessor": assessor if kind == "default_assessor" else "kate",
        "learning_aims": [
            {
                "standard": 41240,
                "assessor": assessor if kind == "learning_aim_assessor" else "kate",
                "iqa": iqa if kind == "learning_aim_iqa" else "priya",
            }
        ],
        "units": [{"unit": "KS_COMM1", "iqa": iqa if kind == "unit_iqa" else "priya"}],
        "additional": ["james", "kate", "lee"][:turn] if kind == "additional" else [],
    }
    limits = {"reassign": {"share": 1}}
    files: Mapping[str, Mapping[str, object]] = {
        "settings": {"organisation": 5740, "limits": limits, "policies": {"iqa_independent": "warn"}},
        "staff": {"staff": {handle: {"id": user, "role": role} for handle, (user, role) in staff.items()}},
        "cohorts/c1": {"cohort": "c1", "learners": [learner]},
    }
    for name, value in files.items():
        file = state / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"version": 1, **value}), "utf-8")  # JSON is YAML too


# ------------------------------------------------------------------ a day of drift


def days(learners: int) -> tuple[str, ...]:
    """Return the calls of a full reading on the poor server, and the most of a day in the week after it."""
    world = World.create(learners=learners)
    switches = replace(Switches.parse(SERVERS["poor"]), page_cap=PAGE_CAP, rate_limit=LIMIT)
    numbers, facts = active(world), Capabilities()
    declared = _with_units(world, declare(world, numbers, employers=True))
    full = read(world, switches, declared, facts).calls
    users = [learner.id for learner in declared.learners if learner.id is not None]
    read_at, most = dict.fromkeys(users, START), 0
    for day in (1, WEEK):
        now = START + timedelta(days=day)
        for passed in range(1, day):  # the days between cost as much as these
            moment = START + timedelta(days=passed)
            read_at |= dict.fromkeys(to_read(users, read_at, moment, WEEK), moment)
        changed = set(users[day::CHANGED])
        chosen = to_read(users, read_at, now, WEEK) | changed
        part = replace(declared, learners=tuple(one for one in declared.learners if one.id in chosen), left_out=1)
        searches = 1 + -(-len(changed) // PAGE_CAP)  # who changed, and the end of that list
        most = max(most, searches + read(world, switches, part, Capabilities(dict(facts.known))).calls)
    return f"{learners:,}", f"{len(users):,}", f"{full:,}", f"{most:,}", f"{most / full:.0%}"


def _with_units(world: World, declared: Declared) -> Declared:
    """Declare a unit for every learner who has one."""
    return replace(declared, learners=tuple(_with_unit(world, learner) for learner in declared.learners))


def _with_unit(world: World, learner: DeclaredLearner) -> DeclaredLearner:
    units = world.units_of.get(learner.id or 0, [])
    if not units:
        return learner
    iqa = units[0]["IVID"]
    want = Wanted(UserId(iqa) if iqa else None, None, Source("state/cohorts/centre.yaml"))
    return replace(learner, slots={**learner.slots, Slot(SlotKind.UNIT_IQA, units[0]["UnitID"]): want})


# ------------------------------------------------------------------ lists side by side


def side_by_side() -> tuple[str, ...]:
    """Return the seconds of a reading of four learners with five lists, at 3 s a call, and one call after another."""
    world = World.create(learners=60)
    switches = replace(Switches.parse(SERVERS["poor"]), page_cap=PAGE_CAP, rate_limit=LIMIT)
    declared, facts = declare(world, active(world)[:4], employers=True), Capabilities()
    read(world, switches, declared, facts)
    again = read(world, switches, declared, Capabilities(dict(facts.known)), latency=3.0)
    return str(again.calls), f"{again.minutes * 60:.0f} s", f"{again.calls * 3} s"


def report() -> str:
    paces = []
    for latency, limit in PACES:
        share, throttled = pace(latency, World.create(learners=5 * limit), limit)
        paces.append((f"{latency * 1000:,.0f} ms", f"{limit:,}", f"{share:.1%}", str(throttled)))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = (
        f"{datetime.now(UTC):%d %B %Y}, Python {platform.python_version()}, {platform.system()} on "
        f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory."
    )
    return TEXT.format(
        machine=machine,
        one=table(
            ("slot", "with its canary", "kind proven within the hour", "without a saved plan"), list(one_change())
        ),
        days=table(("learners", "declared", "a full reading", "a day", "share"), [days(size) for size in SIZES]),
        paces=table(("latency", "calls a minute", "share made", "answers of 429"), paces),
        lists=table(("calls", "side by side", "one after another"), [side_by_side()]),
        changed=CHANGED,
    )


TEXT = """# Calls of one change and of a day

Made by `python -m benchmarks.calls --write`; do not edit.
{machine}

## One change

Calls of `plan --learner` and `apply` of the saved plan within a minute, for one slot of a learner for whom a default
assessor, a learning aim and a unit are declared, in a session that an earlier command opened. An additional person is
never proven, because OneFile does not show the slot. Without a saved plan, `apply --learner` reads the learner again. A
new default employer takes one call more, for the placement; a command that must log in, one more.

{one}

## A day of drift

On a server that answers poorly: no list shows who holds a slot, so each learner takes a call for each of the three
layers. For every learner a default assessor, a learning aim and a unit are declared, for a half of them a default
employer. A day reads the one learner in {changed} who changed since the day before, and a seventh of the others. The
larger of the first day and the seventh is shown. On a server where assignments do not move `LastModified`,
`drift --rotate 7` costs the same but for those who changed.

{days}

A test measures over days of edits (tests/e2e/test_incremental_drift.py): each edit is found by the next run if every
edit moves `LastModified`, and within seven days if only writes of the API do.

## The pace

The share of the allowed calls that a long reading on the poor server makes once its first minute is over. A call
occupies its place until a minute after its answer, so at 3 s no more than 95.2 % can be made.

{paces}

## Lists side by side

A reading of four learners with the lists of all roles, at 3 s a call, on a server that is known:

{lists}
"""


def main() -> None:
    text = report()
    sys.stdout.write(text)
    if "--write" in sys.argv[1:]:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
