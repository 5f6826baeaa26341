"""The content of a fleet's reports: one row for each centre, worst first, and what is wrong with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reconciler.model.fleet import CentreResult, CentreState, FleetRun, FleetStatus
from reconciler.model.structs import Struct
from reconciler.problems import ExitCode, Problem
from reconciler.report.common.words import age_words, duration_words, moment_words
from reconciler.text import number_of, spaced

RUN_HEADINGS = ("centre", "organisation", "target", "owner", "result", "took", "what")
STATUS_HEADINGS = ("centre", "organisation", "target", "owner", "last run", "result", "last reading", "open", "now")
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
    """Return the table of what the stores show."""
    return FleetTable(
        f"Fleet {status.fleet}: status",
        f"{number_of(len(status.centres), 'centre')}.",
        STATUS_HEADINGS,
        [_status_row(centre) for centre in status.centres],
        [(centre.centre, problem) for centre in status.centres for problem in centre.problems],
    )


def _status_row(state: CentreState) -> Sequence[str]:
    return (
        state.centre,
        str(state.organisation),
        state.target,
        state.owner,
        f"{state.command}, {moment_words(state.started)}" if state.started else "never",
        _result(state),
        f"{age_words(state.reading_age)} ago" if state.reading_age is not None else "never",
        f"{state.drift} drift, {number_of(state.steps, 'step')}",
        f"run by {state.holder}" if state.holder else "",
    )


def _result(state: CentreState) -> str:
    if state.problems:
        return "unknown"
    if state.exit_code is None:
        return "not ended" if state.started else ""
    return _ending_with_code(state.exit_code)


def _ending_with_code(code: int) -> str:
    return f"{ending_words(code)} ({code})"


def ending_words(code: int) -> str:
    """Return an exit code in words."""
    return ENDINGS.get(code, "ended by a signal")
