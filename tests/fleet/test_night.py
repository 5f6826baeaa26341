"""A small fleet over a few nights in which its processes are killed: nothing twice, nothing lost, no limit exceeded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks.night import Night, Week, busiest_minute, descendants, is_centre
from benchmarks.night_world import Group, sizes
from onefile_sandbox.faults import Fault
from tests.fleet.centres import Centres
from tests.postgres import Cluster

T = TypeVar("T")


@pytest.mark.long
def test_a_fleet_whose_processes_are_killed_ends_each_night_as_declared(tmp_path: Path) -> None:
    """Twelve centres under four tokens for two nights; workers die too, and PostgreSQL restarts."""
    night = Night(tmp_path, centres=12, customers=4, largest=60, calls_per_minute=2000, jobs=4, kill_seconds=3)
    with ExitStack() as stack:
        week = Week(night, stack)
        days = [week.live() for _ in range(2)]
    assert [day.faults for day in days] == [[], []]
    assert days[1].writes == days[1].moves + days[1].drifts > 0
    assert all(day.centres_killed + day.workers_killed for day in days)
    with ExitStack() as stack:  # another process goes on with the third day
        assert Week(night, stack).next_day() == 3


@pytest.mark.long
def test_a_command_that_waits_goes_on_after_a_crash_of_the_database(
    centres: Centres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jobs are still in the queue, and a worker runs them: the report must come, as for a worker's own look."""
    command = [sys.executable, "-m", "reconciler", "fleet"]
    with Cluster.running(centres.home.path / "postgres") as cluster:
        cluster.create("fleet")
        monkeypatch.setenv("FLEET_DATABASE", cluster.url("fleet"))
        centres.add("north", store="FLEET_DATABASE")
        centres.queue = {"database": "FLEET_DATABASE"}
        centres.write()
        with subprocess.Popen(
            [*command, "plan", "--queue", "--wait"], cwd=centres.home.path, stdout=subprocess.PIPE, text=True
        ) as waiting:
            for _ in range(100):
                if centres.rows("status")[1]["north"]["job"]:
                    break
                time.sleep(0.2)
            with cluster.stopped():
                time.sleep(5)
            subprocess.run([*command, "work", "--until-empty"], cwd=centres.home.path, check=True)
            said = waiting.communicate(timeout=60)[0]
    assert (waiting.returncode, "1 centre" in said) == (0, True)


@pytest.mark.long
def test_a_centre_that_fails_while_the_database_is_away_runs_again(
    centres: Centres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is in the same database, so its retry cannot be queued at once either."""
    with Cluster.running(centres.home.path / "postgres") as cluster:
        cluster.create("fleet")
        monkeypatch.setenv("FLEET_DATABASE", cluster.url("fleet"))
        centres.add("north", store="FLEET_DATABASE")
        centres.servers["TOKEN_NORTH"].service.faults.arm(Fault("latency", seconds=1, times=3))
        centres.queue = {"database": "FLEET_DATABASE", "retry_seconds": [1]}
        centres.run("apply", "--auto-approve", "--queue")
        command = [sys.executable, "-m", "reconciler", "fleet", "work", "--until-empty"]
        with subprocess.Popen(command, cwd=centres.home.path) as worker:
            try:
                running = _eventually(lambda: [child for child in descendants([worker.pid]) if is_centre(child)])
                with cluster.stopped():
                    assert _eventually(lambda: not is_centre(running[0]))
                    time.sleep(3)
                assert worker.wait(60) == 0
            finally:
                worker.kill()
        job = centres.rows("status")[1]["north"]["job"]
    assert (job["attempt"], job["state"], job["result"]["exit_code"]) == (2, "ended", 0)


@pytest.mark.long
def test_the_processes_of_a_worker_that_dies_end_too(centres: Centres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker runs the same centres: two processes of each would share its calls, and one finds a lock."""
    with Cluster.running(centres.home.path / "postgres") as cluster:
        cluster.create("fleet")
        monkeypatch.setenv("FLEET_DATABASE", cluster.url("fleet"))
        centres.add("north", store="FLEET_DATABASE")
        centres.servers["TOKEN_NORTH"].service.faults.arm(Fault("latency", seconds=20, times=100))
        centres.queue = {"database": "FLEET_DATABASE"}
        centres.run("plan", "--queue")
        command = [sys.executable, "-m", "reconciler", "fleet", "work"]
        with subprocess.Popen(command, cwd=centres.home.path) as worker:
            running = _eventually(lambda: [child for child in descendants([worker.pid]) if is_centre(child)])
            worker.kill()
        ended = _eventually(lambda: not is_centre(running[0]))
        if not ended:
            os.kill(running[0], signal.SIGKILL)
    assert ended


def _eventually(value: Callable[[], T]) -> T:
    """Return the value once it is true, or as it is after ten seconds."""
    for _ in range(50):
        if found := value():
            return found
        time.sleep(0.2)
    return value()


def test_a_group_is_the_same_each_time_and_no_id_comes_twice(tmp_path: Path) -> None:
    """Many small centres and one large; each learner, aim and member of staff belongs to one organisation."""
    assert (min(sizes(200, 10_000)), max(sizes(200, 10_000))) == (10, 10_000)
    groups = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        groups.append(Group(tmp_path / name, centres=9, customers=3, largest=40))
    users = [user["ID"] for world in groups[0].worlds for user in world.centre.users]
    aims = [aim["ID"] for world in groups[0].worlds for aim in world.centre.aims]
    assert (len(users), len(aims)) == (len(set(users)), len(set(aims)))
    assert [centre.declared for centre in groups[0].centres] == [centre.declared for centre in groups[1].centres]
    assert not any(centre.lost() for centre in groups[0].centres)


def test_the_busiest_minute_counts_calls_that_were_answered() -> None:
    """In any window, whose end is open; a refusal spends nothing."""
    moments = [(0, 204), (30, 200), (59, 429), (59.999, 200), (60, 200)]
    calls = [{"at": f"2026-11-30T09:{at // 60:02.0f}:{at % 60:06.3f}Z", "status": status} for at, status in moments]
    assert busiest_minute(calls) == 3
