"""Nouns of a fleet's queue: jobs, the state of each, and what commands did with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.model.fleet import CentreResult
from reconciler.model.structs import Struct
from reconciler.problems import Problem

KEPT = timedelta(days=8)
"""The age of the oldest job that reports look at."""


class Job(Struct, frozen=True):
    """One command for one centre. `queue` is what it was queued for: a night, or a moment.

    `token_variable` is the name of the variable; its jobs share a rate limit.
    """

    queue: str
    centre: str
    command: tuple[str, ...]
    token_variable: str
    attempt: int = 1

    @property
    def key(self) -> str:
        """The identifier of the job in the queue: the same job is queued once."""
        return f"{self.queue}/{self.centre}/{self.attempt}"


class JobState(StrEnum):
    """The state of a job. DUE_LATER waits for its time; LOST was given up, because its workers died too often."""

    WAITING = "waiting"
    DUE_LATER = "later"
    RUNNING = "running"
    ENDED = "ended"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_open(self) -> bool:
        """True if the job is still to end."""
        return self in (JobState.WAITING, JobState.DUE_LATER, JobState.RUNNING)


class QueuedJob(Struct, frozen=True):
    """A job with its state, its worker, the time of that state, and its result once it has ended.

    `due` is the time before which it does not begin.
    """

    job: Job
    state: JobState
    since: datetime
    worker: str = ""
    due: datetime | None = None
    result: CentreResult | None = None

    @property
    def why_unfinished(self) -> Problem:
        """The reason why a cancelled or lost job has no result."""
        resume = f"`reconciler fleet resume --only {self.job.centre}`."
        if self.state is JobState.CANCELLED:
            return Problem("the job was cancelled", f"Run {resume}")
        what = "the centre was given up, because its workers died too often"
        return Problem(what, f"Find out why they died, then run {resume}")


class QueueCount(Struct, frozen=True):
    """The centres whose jobs a command queued, cancelled, resumed or ran, and those that it skipped."""

    fleet: str
    action: str
    queue: str
    centres: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def newest_by_centre(jobs: Sequence[QueuedJob]) -> dict[str, QueuedJob]:
    """Return the newest job of each centre: an open one before one that has ended, and later ones first."""
    newest: dict[str, QueuedJob] = {}
    for job in jobs:
        other = newest.get(job.job.centre)
        if other is None or _order(job) > _order(other):
            newest[job.job.centre] = job
    return newest


def _order(job: QueuedJob) -> tuple[bool, datetime, int]:
    return job.state.is_open, job.since, job.job.attempt
