"""The content of a fleet's reports: one row for each centre, worst first, and what is wrong with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.model.fleet import CentreResult, FleetRun
from reconciler.model.fleet_queue import JobState
from reconciler.model.fleet_status import CentreState, FleetStatus
from reconciler.model.history import READ_DAILY
from reconciler.model.structs import Struct
from reconciler.problems import ExitCode, Problem
from reconciler.report.common.words import age_words, duration_words, moment_words
from reconciler.text import number_of, spaced

RUN_HEADINGS = ("centre", "organisation", "target", "owner", "result", "took", "what")
TARGET, RUN, RESULT, READING, QUEUE = "target", "last run", "result", "last reading", "queue"
STATUS_HEADINGS = (
    "centre",
    "organisation",
    TARGET,
    "owner",
    RUN,
    RESULT,
    READING,
    "open",
    QUEUE,
    "now",
)
JOB_HEADINGS = ("centre", "command", "state", "worker", "since", "for", "begins", "attempt")
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


_NAMED = 5
"""Centres that a verdict names."""


class FleetTable(Struct, frozen=True):
    """A fleet's table, with a line that counts the endings, and each problem with its centre.

    A status also has a verdict, counters, facts that are not counted in the summary, and the jobs that are to end.
    """

    title: str
    summary: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    problems: Sequence[tuple[str, Problem]]
    verdict: str = ""
    counters: Sequence[tuple[str, str]] = ()
    facts: Sequence[tuple[str, str]] = ()
    job_headings: Sequence[str] = ()
    jobs: Sequence[Sequence[str]] = ()


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
    headings, rows = _filled(STATUS_HEADINGS, [_status_row(centre, status.now) for centre in status.centres])
    job_headings, jobs = _filled(JOB_HEADINGS, _job_rows(status))
    problems = [(centre.centre, problem) for centre in status.centres for problem in _status_problems(centre)]
    endings = Counter(_newest_ending(centre) for centre in status.centres).most_common()
    return FleetTable(
        f"Fleet {status.fleet}: status",
        _status_summary(status, endings),
        headings,
        rows,
        problems,
        _verdict(status),
        [*((ending.capitalize(), str(count)) for ending, count in endings), *_job_counters(status)],
        list(_facts(status)),
        job_headings,
        jobs,
    )


def _filled(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Return a table without the columns in which nothing is."""
    places = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    return [headings[place] for place in places], [[row[place] for place in places] for row in rows]


def _status_summary(status: FleetStatus, endings: Sequence[tuple[str, int]]) -> str:
    counted = [f"{count} {ending}" for ending, count in endings]
    counted += [f"{count} {JOB_STATES[state]}" for state, count in _open_states(status).items()]
    return f"{number_of(len(status.centres), 'centre')}: {', '.join(counted)}."


def _open_states(status: FleetStatus) -> Mapping[JobState, int]:
    return Counter(
        JobState.WAITING if centre.job.state is JobState.DUE_LATER else centre.job.state
        for centre in status.centres
        if centre.job and centre.job.state.is_open
    )


def _verdict(status: FleetStatus) -> str:
    names = [centre.centre for centre in status.centres if centre.needs_attention]
    if not names:
        ran = any(centre.newest_code is not None for centre in status.centres)
        return "No centre needs attention." if ran else "No centre has run yet."
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    need = "needs" if len(names) == 1 else "need"
    of = f"{len(names)} of {number_of(len(status.centres), 'centre')} {need} attention"
    return f"{of}: {', '.join(names[:_NAMED])}{more}."


def _job_counters(status: FleetStatus) -> Iterator[tuple[str, str]]:
    """Yield how many jobs run and wait, and how many ended without a result, if there is a queue."""
    if any(centre.job or centre.due for centre in status.centres):
        states = _open_states(status)
        yield "Running", str(states.get(JobState.RUNNING, 0))
        yield "Waiting", str(states.get(JobState.WAITING, 0))
    for state in (JobState.LOST, JobState.CANCELLED):
        if count := sum(centre.job is not None and centre.job.state is state for centre in status.centres):
            yield JOB_STATES[state].capitalize(), str(count)


def _facts(status: FleetStatus) -> Iterator[tuple[str, str]]:
    """Yield when the next job is due, how old readings are, and what is open."""
    if due := min((centre.due for centre in status.centres if centre.due), default=None):
        yield "Next due", moment_words(due)
    ages = [centre.reading_age for centre in status.centres if centre.reading_age is not None]
    if ages:
        late = sum(centre.is_read_late for centre in status.centres)
        never = len(status.centres) - len(ages)
        parts = (
            f"{age_words(max(ages))} ago",
            late and f"{late} older than {age_words(READ_DAILY)}",
            never and f"{never} never read",
        )
        yield "Oldest reading", ", ".join(part for part in parts if part)
    drift, steps = (sum(getattr(centre, name) for centre in status.centres) for name in ("drift", "steps"))
    yield "Open", f"{drift} drift, {number_of(steps, 'step')}"


def _job_rows(status: FleetStatus) -> Sequence[Sequence[str]]:
    """Return the jobs that are to end: those that run first, then by the time at which they begin."""
    states = [centre for centre in status.centres if centre.job and centre.job.state.is_open]
    jobs = [centre.job for centre in states if centre.job]
    jobs.sort(key=lambda job: (job.state is not JobState.RUNNING, job.due or job.since, job.job.centre))
    return [
        (
            job.job.centre,
            " ".join(job.job.command),
            JOB_STATES[job.state],
            job.worker,
            moment_words(job.since),
            age_words(status.now - job.since),
            moment_words(job.due) if job.due else "",
            str(job.job.attempt) if job.job.attempt > 1 else "",
        )
        for job in jobs
    ]


def _newest_ending(state: CentreState) -> str:
    if state.problems:
        return "unknown"
    if state.newest_code is None:
        return "not ended" if state.started else "never run"
    return ending_words(state.newest_code)


def _status_problems(state: CentreState) -> Sequence[Problem]:
    """Return what needs somebody: nothing for a centre that is tried again by itself."""
    result = state.newest_result if state.needs_attention else None
    given_up = (state.job.why_unfinished,) if state.job and state.is_given_up else ()
    return (*state.problems, *given_up, *(result.problems if result and not result.is_fine else ()))


def _status_row(state: CentreState, now: datetime) -> Sequence[str]:
    result, job = state.newest_result, state.job
    if result:
        last = f"{state.result_command}, {moment_words(result.ended)}"
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
        f"run by {state.holder}" if state.holder and not (job and job.state is JobState.RUNNING) else "",
    )


def _queue_words(state: CentreState, now: datetime) -> str:
    """Return the state of the newest job in the queue and when the next one begins."""
    job, words = state.job, []
    if job and job.state.is_open:
        command, again = " ".join(job.job.command), f", attempt {job.job.attempt}" if job.job.attempt > 1 else ""
        worker = f" by {job.worker}" if job.worker else ""
        since = f" until {moment_words(job.due)}" if job.due else f" for {age_words(now - job.since)}"
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
