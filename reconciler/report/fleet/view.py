"""The content of a fleet's reports: one row for each centre, worst first, and what is wrong with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.model.fleet import CentreResult, FleetRun
from reconciler.model.fleet_queue import JobState
from reconciler.model.fleet_status import CentreState, FleetStatus
from reconciler.model.structs import Struct
from reconciler.problems import ExitCode, Problem
from reconciler.report.common.words import age_words, duration_words, moment_words
from reconciler.text import number_of, spaced

RUN_HEADINGS = ("centre", "organisation", "target", "owner", "result", "took", "what")
STATUS_HEADINGS = (
    "centre",
    "organisation",
    "target",
    "owner",
    "last run",
    "result",
    "last reading",
    "open",
    "queue",
    "now",
)
ENDINGS: Mapping[int, str] = {
    ExitCode.DONE: "done",
    ExitCode.ERROR: "with an error",
    ExitCode.CHANGES: "with changes",
    ExitCode.INVALID: "invalid",
    ExitCode.STALE: "stale",
    ExitCode.BLOCKED: "blocked",
    ExitCode.LOCKED: "locked",
    ExitCode.INCOMPLETE: "incomplete",
}
JOB_STATES: Mapping[JobState, str] = {
    JobState.WAITING: "waiting",
    JobState.DUE_LATER: "waiting",
    JobState.RUNNING: "running",
    JobState.ENDED: "ended",
    JobState.CANCELLED: "cancelled",
    JobState.LOST: "given up",
}

_QUIET = frozenset({"no_op", "seconds", "unwatched", "unseen", "unmanaged", "ignored"})
"""Counts that only programs need."""
_COUNTED: Mapping[str, str] = {"create": "to fill", "update": "to reassign"}
"""Words for counts whose names are not for people."""


class FleetTable(Struct, frozen=True):
    """A fleet's table, with a line that counts the endings, and each problem with its centre."""

    title: str
    summary: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    problems: Sequence[tuple[str, Problem]]


def run_table(run: FleetRun) -> FleetTable:
    """Return the table of a command over all centres."""
    return FleetTable(
        f"Fleet {run.fleet}: {run.command}",
        _summary(run),
        RUN_HEADINGS,
        [_run_row(result) for result in run.results],
        [(result.centre, problem) for result in run.results for problem in result.problems],
    )


def _summary(run: FleetRun) -> str:
    endings = Counter(ending_words(result.exit_code) for result in run.results)
    counted = ", ".join(f"{count} {ending}" for ending, count in endings.items())
    words = f"{number_of(len(run.results), 'centre')}: {counted}" if run.results else "No centre to run"
    return f"{words}. Left out: {len(run.left_out)}." if run.left_out else f"{words}."


def _run_row(result: CentreResult) -> Sequence[str]:
    return (
        result.centre,
        str(result.organisation),
        result.target,
        result.owner,
        _ending_with_code(result.exit_code),
        duration_words(round(result.seconds)),
        ", ".join(_counted(name, count) for name, count in result.counts.items() if count and name not in _QUIET),
    )


def _counted(name: str, count: int) -> str:
    return f"{count} {_COUNTED.get(name, spaced(name))}"


def status_table(status: FleetStatus) -> FleetTable:
    """Return the table of what stores and queue show, without the columns in which nothing is."""
    rows = [_status_row(centre, status.now) for centre in status.centres]
    filled = [place for place in range(len(STATUS_HEADINGS)) if any(row[place] for row in rows)]
    problems = [(centre.centre, problem) for centre in status.centres for problem in _status_problems(centre)]
    return FleetTable(
        f"Fleet {status.fleet}: status",
        _status_summary(status),
        [STATUS_HEADINGS[place] for place in filled],
        [[row[place] for place in filled] for row in rows],
        problems,
    )


def _status_summary(status: FleetStatus) -> str:
    endings = Counter(_newest_ending(centre) for centre in status.centres)
    jobs = Counter(centre.job.state for centre in status.centres if centre.job and centre.job.state.is_open)
    counted = [f"{count} {ending}" for ending, count in endings.most_common()]
    counted += [f"{count} {JOB_STATES[state]}" for state, count in jobs.items()]
    return f"{number_of(len(status.centres), 'centre')}: {', '.join(counted)}."


def _newest_ending(state: CentreState) -> str:
    if state.problems:
        return "unknown"
    if state.newest_code is None:
        return "not ended" if state.started else "never run"
    return ending_words(state.newest_code)


def _status_problems(state: CentreState) -> Sequence[Problem]:
    result = state.newest_result
    return (*state.problems, *(result.problems if result and not result.is_fine else ()))


def _status_row(state: CentreState, now: datetime) -> Sequence[str]:
    result, job = state.newest_result, state.job
    if result and job:
        last = f"{job.job.command[0]}, {moment_words(result.ended)}"
    else:
        last = f"{state.command}, {moment_words(state.started)}" if state.started else "never"
    return (
        state.centre,
        str(state.organisation),
        state.target,
        state.owner,
        last,
        _result(state),
        f"{age_words(state.reading_age)} ago" if state.reading_age is not None else "never",
        f"{state.drift} drift, {number_of(state.steps, 'step')}",
        _queue_words(state, now),
        f"run by {state.holder}" if state.holder else "",
    )


def _queue_words(state: CentreState, now: datetime) -> str:
    """Return the state of the newest job in the queue and when the next one begins."""
    job, words = state.job, []
    if job and job.state.is_open:
        command, again = " ".join(job.job.command), f", attempt {job.job.attempt}" if job.job.attempt > 1 else ""
        worker = f" by {job.worker}" if job.worker else ""
        since = f" from {moment_words(job.due)}" if job.due else f" for {age_words(now - job.since)}"
        words.append(f"{command} {JOB_STATES[job.state]}{worker}{since}{again}")
    elif job and job.state is not JobState.ENDED:
        words.append(f"{' '.join(job.job.command)} {JOB_STATES[job.state]}, {moment_words(job.since)}")
    if state.due:
        words.append(f"next {moment_words(state.due)}")
    return "; ".join(words)


def _result(state: CentreState) -> str:
    code = state.newest_code
    return _newest_ending(state) if state.problems or code is None else _ending_with_code(code)


def _ending_with_code(code: int) -> str:
    return f"{ending_words(code)} ({code})"


def ending_words(code: int) -> str:
    """Return an exit code in words."""
    return ENDINGS.get(code, "ended by a signal")
