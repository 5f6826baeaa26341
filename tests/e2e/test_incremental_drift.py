"""Drift runs that read a part of the learners: who changed, if OneFile shows it, and everybody within a week."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.serve import serving
from onefile_sandbox.switches import Switches
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World
from reconciler import commands
from reconciler.commands.drift import Drifting
from reconciler.problems import ExitCode
from reconciler.report.drift.json import render_json
from reconciler.report.drift.text import render_text
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from tests.e2e.user import JAMES, KATE, SETTINGS, STAFF, TOKEN, Home
from tests.schemas import fitting

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
POOR = ("rate_limit=0", "paged_user_fields=same", "aim_search_without_user=refused")
AIM = 41240


class Days:
    """A clock on which days pass at once."""

    def __init__(self) -> None:
        self._offset = START - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic() + self._offset.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self._offset += timedelta(seconds=max(0.0, seconds))

    def pass_to(self, moment: datetime) -> None:
        self._offset += moment - self.now()


class Centre:
    """A centre behind a real socket, its files as it is, and a store; each command at the time of the clock."""

    def __init__(self, home: Home, api: SandboxApi, url: str, clock: Days) -> None:
        self.home, self.api, self.clock = home, api, clock
        self._environment = Environment(
            variables={"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}, clock=clock
        )
        world = api.world
        self.learners: list[dict[str, Any]] = []
        for user in world.users.values():
            if user["Role"] == 1 and user["OrganisationID"] == 5740 and not user["DateArchived"]:
                user["DefaultAssessorID"] = KATE
                aims_held = world.aims_of[user["ID"]]
                aim = aims_held[0]
                if [held["StandardID"] for held in aims_held].count(aim["StandardID"]) > 1:
                    continue  # an assignment to this aim would be ambiguous
                aim["AssessorID"] = KATE
                aims = [{"standard": aim["StandardID"], "assessor": "kate"}]
                self.learners.append({"id": user["ID"], "default_assessor": "kate", "learning_aims": aims})

    def declare(self) -> None:
        self.home.declare(*self.learners, settings=SETTINGS, staff=STAFF)

    def apply(self) -> None:
        self.declare()
        done = commands.apply.apply(Options(), self._environment, None, approve=lambda _: True)
        assert done.exit_code is ExitCode.DONE, done

    def drift(self, **options: Any) -> Drifting:
        return commands.drift.drift(Options(**options), self._environment)

    def learn(self) -> None:
        """Apply everything, then one change of each kind, from whose canaries is learnt what moves LastModified."""
        self.apply()
        self.learners[0]["default_assessor"] = "james"
        self.apply()
        self.learners[1]["learning_aims"][0]["assessor"] = "james"
        self.apply()

    def edit(self, place: int, kind: str) -> None:
        """Somebody changes one slot of a learner in the web pages."""
        learner = self.learners[place]
        request: dict[str, object] = {"user": learner["id"], "set": {"DefaultAssessorID": JAMES}}
        if kind == "aim":
            aim = learner["learning_aims"][0]["standard"]
            request = {"user": learner["id"], "standard": aim, "set": {"AssessorID": JAMES}}
        now, world = self.clock.now(), self.api.world
        world.commit(lambda: edit(world, request, now, self.api.switches), now, "edit")


@contextmanager
def centre(home: Home, *switches: str) -> Iterator[Centre]:
    clock = Days()
    app = create_app(
        World.create(seed=2, learners=16), Switches.parse([*POOR, *switches]), clock=clock, customer_token=TOKEN
    )
    with serving(app) as url:
        yield Centre(home, app.state.api, url, clock)


def longest_unseen(here: Centre, edits: int, wait: int, **options: Any) -> tuple[timedelta, list[int]]:
    """Edit a learner at noon on each of the first days; return how long the longest stayed unseen, and the calls a day.

    Each edit must be seen by the end, `wait` days after the last of them.
    """
    edited: dict[int, datetime] = {}
    longest, calls = timedelta(), []
    for day in range(1, edits + wait + 1):
        here.clock.pass_to(START + timedelta(days=day))
        before = len(here.api.calls)
        report = here.drift(**options).report
        calls.append(len(here.api.calls) - before)
        for drifted in report.drift:
            if at := edited.pop(drifted.change.learner, None):
                longest = max(longest, here.clock.now() - at)
        if day <= edits:
            here.clock.pass_to(START + timedelta(days=day, hours=6))
            here.edit(2 + day, "aim" if day % 2 else "default")
            edited[here.learners[2 + day]["id"]] = here.clock.now()
    assert not edited
    return longest, calls


def test_what_moves_last_modified_is_seen_by_the_next_run(home: Home) -> None:
    """If every edit moves it, a drift run each day misses nothing, for a part of the calls of a full one."""
    with centre(home, "last_modified=bumped") as here:
        here.learn()
        full = len(here.api.calls)
        here.drift()
        full = len(here.api.calls) - full
        longest, calls = longest_unseen(here, 4, 1)
        assert longest <= timedelta(days=1)
        assert sum(calls) < 0.55 * full * len(calls)


def test_what_only_the_web_pages_do_is_seen_within_a_week(home: Home) -> None:
    """Our own writes may move LastModified and people's edits not: the rotation finds those."""
    with centre(home, "last_modified=api") as here:
        here.learn()
        here.drift()
        longest, _ = longest_unseen(here, 2, 7)
        assert timedelta(days=1) < longest <= timedelta(days=7)


def test_without_last_modified_everybody_is_read_unless_rotation_is_asked_for(home: Home) -> None:
    """Nothing is skipped by itself; with --rotate, everybody is read within the days."""
    with centre(home, "last_modified=kept") as here:
        here.learn()
        for day in (1, 2):
            here.clock.pass_to(START + timedelta(days=day))
            report = here.drift().report
            assert report.coverage is not None and not report.coverage.is_part
        longest, _ = longest_unseen(here, 2, 3, rotate_days=3)
        assert longest <= timedelta(days=3)


def test_full_reads_everybody(home: Home) -> None:
    """Also where OneFile shows who changed."""
    with centre(home, "last_modified=bumped") as here:
        here.learn()
        here.drift()
        here.clock.pass_to(START + timedelta(days=1))
        coverage = here.drift(full=True).report.coverage
        assert coverage is not None
        assert (coverage.read, coverage.is_part) == (len(here.learners), False)


def test_a_report_says_how_old_the_other_readings_are(home: Home) -> None:
    """A line for people, a time for each learner in JSON; and it promises nothing of those who were not read."""
    with centre(home) as here:
        here.learn()
        here.drift()
        here.clock.pass_to(START + timedelta(days=3))
        drifting = here.drift(rotate_days=7)
        text = " ".join(render_text(drifting.report).split())
        readings = fitting(json.loads(render_json(drifting.report, exit_code=0)))["readings"]
    count = len(here.learners)
    assert (
        f"{readings['read']} of {count} declared learners were read now, the others earlier, the oldest 2026-11-23"
        in text
    )
    assert "may stay unseen for up to 7 days" in text
    assert "Everything applied of those who were read is still in place" in text
    assert len(readings["learners"]) == count
    assert 0 < readings["read"] < count


def test_a_learner_whose_files_changed_is_read_at_once(home: Home) -> None:
    """What is pending or due must not wait for its turn."""
    with centre(home) as here:
        here.learn()
        here.drift()
        here.learners[-1]["default_assessor"] = "james"
        here.declare()
        report = here.drift(rotate_days=28).report
        assert here.learners[-1]["id"] in {change.learner for change in (*report.pending, *report.due)}


@pytest.mark.parametrize("words", [("--full", "--rotate", "7"), ("--rotate", "7", "--cohort", "c1"), ("--rotate", "1")])
def test_options_that_contradict_each_other_are_refused(home: Home, words: tuple[str, ...]) -> None:
    """A rotation is of all files."""
    assert home.declare().run("drift", *words).code == ExitCode.INVALID
    assert not (Path(home.path) / ".reconciler").exists()
