"""Log of a worker: one line for each event, with its time and level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import IntEnum

from reconciler.clock import Clock
from reconciler.model.fleet import CentreResult
from reconciler.model.fleet_queue import Job
from reconciler.model.operations import time_json
from reconciler.problems import Problem


class Level(IntEnum):
    """Levels, the least important first: DEBUG is what is usual, INFO is about the worker itself."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class WorkerLog:
    """The lines of a worker, from one level on: WARNING if `quiet`, DEBUG if `verbose`, else INFO.

    `write` prints one line.
    """

    def __init__(self, clock: Clock, write: Callable[[str], None], *, quiet: bool, verbose: bool) -> None:
        self._clock, self._write = clock, write
        self._least = Level.WARNING if quiet else Level.DEBUG if verbose else Level.INFO

    def note(self, level: Level, words: str, problems: Sequence[Problem] = ()) -> None:
        """Log an event, with the problem that comes first and the number of others."""
        if level >= self._least:
            first = [_in_one_line(problem) for problem in problems[:1]]
            more = [f"{len(problems) - 1} more in the report."] if len(problems) > 1 else []
            start = f"{time_json(self._clock.now())} {level.name} {words}{':' if first else ''}"
            self._write(" ".join(" ".join([start, *first, *more]).split()))

    def ended(self, job: Job, result: CentreResult, due: datetime | None) -> None:
        """Log the end of a job: usual, to be tried again when it is due, or in need of somebody."""
        words = f"{described(job)}, exit {result.exit_code}"
        if result.is_fine:
            self.note(Level.DEBUG, words)
        elif due:
            self.note(Level.WARNING, f"{words}, again at {time_json(due)}", result.problems)
        else:
            self.note(Level.ERROR, words, result.problems)


def described(job: Job) -> str:
    """Return a job in words: its centre and command."""
    again = f", attempt {job.attempt}" if job.attempt > 1 else ""
    return f"{job.centre}: {' '.join(job.command)}{again}"


def _in_one_line(problem: Problem) -> str:
    return f"{problem.place()}{': ' if problem.place() else ''}{problem.what}. Fix: {problem.fix}"
