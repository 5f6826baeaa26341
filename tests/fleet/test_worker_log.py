"""Log of a worker: one line an event, with time, level, place and fix, and what is usual only if somebody wants it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefile_sandbox.clock import VirtualClock
from reconciler.fleet.worker_log import Level, WorkerLog
from reconciler.model.fleet import CentreResult
from reconciler.model.fleet_queue import Job
from reconciler.problems import ExitCode, Problem, Source

NOW = datetime(2026, 11, 30, 1, 5, tzinfo=UTC)
JOB = Job("2026-11-30-drift-0100", "north", ("drift", "--correct"), "TOKEN_NORTH", attempt=2)


def _log(*, quiet: bool = False, verbose: bool = False) -> tuple[WorkerLog, list[str]]:
    lines: list[str] = []
    return WorkerLog(VirtualClock(NOW), lines.append, quiet=quiet, verbose=verbose), lines


def _result(code: ExitCode, *problems: Problem) -> CentreResult:
    return CentreResult("north", 5740, "live", "", code, NOW, problems=problems)


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({"quiet": True}, ["WARNING", "ERROR"]),
        ({}, ["INFO", "WARNING", "ERROR"]),
        ({"verbose": True}, ["DEBUG", "INFO", "WARNING", "ERROR"]),
    ],
)
def test_what_is_usual_is_logged_only_if_it_is_wanted(options: dict[str, bool], levels: list[str]) -> None:
    """Errors always."""
    log, lines = _log(**options)
    for level in Level:
        log.note(level, "words")
    assert [line.split()[1] for line in lines] == levels


def test_a_job_that_failed_is_logged_with_its_place_and_fix() -> None:
    """As a warning if it is tried again, else as an error; the usual end is not logged."""
    log, lines = _log()
    problem = Problem("this is no date", "Write a day.", Source("state/cohorts/c1.yaml", 7))
    log.ended(JOB, _result(ExitCode.DONE), None)
    log.ended(JOB, _result(ExitCode.LOCKED, problem), NOW)
    log.ended(JOB, _result(ExitCode.INVALID, problem, problem), None)
    words = "state/cohorts/c1.yaml:7: this is no date. Fix: Write a day."
    now, job = "2026-11-30T01:05:00Z", "north: drift --correct, attempt 2"
    assert lines == [
        f"{now} WARNING {job}, exit 6, again at {now}: {words}",
        f"{now} ERROR {job}, exit 3: {words} 1 more in the report.",
    ]


@given(st.text(), st.lists(st.builds(Problem, st.text(), st.text(), st.none(), st.text())))
def test_each_event_is_one_line_with_time_and_level(words: str, problems: list[Problem]) -> None:
    """Whatever is in its words."""
    log, lines = _log()
    log.note(Level.ERROR, words, problems)
    (line,) = lines
    assert re.match(r"2026-11-30T01:05:00Z ERROR", line)
    assert len(line.splitlines()) == 1
