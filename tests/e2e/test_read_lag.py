"""A OneFile whose reads lag behind its writes: runs, history and revert go by what it holds in the end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, SETTINGS, Home, point_at, served

THREE = [{"id": learner, "label": f"L{learner}", "default_assessor": "james"} for learner in (200004, 200007, 200008)]
"""Learners whose default assessor is somebody else."""


def test_what_shows_late_is_done_and_the_wait_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run is enough for all of it."""
    with served(None, "read_lag_seconds=1.5") as server:
        point_at(monkeypatch, server.url)
        home.declare(*THREE, settings={**SETTINGS, "longest_read_lag_seconds": 20})
        applied = home.run("apply", "--auto-approve")
        assert applied.code == ExitCode.DONE
        assert "OneFile still shows the old value of learner 200004 after a write" in applied.err
        assert "OneFile shows it, " in applied.out
        assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE
        assert "3 done" in home.run("history").out


def test_what_shows_only_after_the_bound_is_done_in_the_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called failed at first; later, revert counts it, and the next apply corrects the history."""
    with served(None, "read_lag_seconds=3600") as server:
        point_at(monkeypatch, server.url)
        home.declare(THREE[0])
        assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
        assert home.run("revert", "1").code == ExitCode.INVALID
        server.service.switches = server.service.switches.changed({"read_lag_seconds": 0})
        (row,) = home.run("revert", "1", "--format", "json").json["resource_changes"]
        holders = [row["change"][when]["staff_id"] for when in ("before", "after")]
        assert holders == [JAMES, KATE]
        assert "1 failed" in home.run("history").out
        assert home.run("apply", "--auto-approve").code == ExitCode.DONE
        history = home.run("history", "1").out
        assert "OneFile shows the new value now" in history


def test_revert_right_after_a_run_waits_for_what_the_run_wrote(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although it was read back: OneFile answers the next reading from older data."""
    learner = THREE[0]["id"]
    with served(None) as server:
        point_at(monkeypatch, server.url)
        home.declare(THREE[0], settings={**SETTINGS, "longest_read_lag_seconds": 60})
        assert home.run("apply", "--auto-approve").code == ExitCode.DONE
        calls = len(server.calls)
        server.edit({"user": learner, "set": {"DefaultAssessorID": KATE}})

        def show_after_a_second_look() -> None:
            while sum(call["path"].endswith(f"/User/{learner}") for call in server.calls[calls:]) < 2:
                time.sleep(0.05)
            server.edit({"user": learner, "set": {"DefaultAssessorID": JAMES}})

        with ThreadPoolExecutor(1) as threads:
            shown = threads.submit(show_after_a_second_look)
            plan = home.run("revert", "1", "--format", "json")
            shown.result()
        (row,) = plan.json["resource_changes"]
        assert [row["change"][when]["staff_id"] for when in ("before", "after")] == [JAMES, KATE]
        assert f"OneFile still shows the old value of learner {learner} after a write" in plan.err
