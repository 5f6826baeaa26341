"""A fleet's status for tests: centres that ended well and badly, run, wait, and were given up."""

from __future__ import annotations

from datetime import timedelta

from reconciler.model.fleet import CentreResult
from reconciler.model.fleet_queue import Job, JobState, QueuedJob
from reconciler.model.fleet_status import CentreState, FleetStatus
from reconciler.problems import Problem
from tests.factories import NOON

HOUR = timedelta(hours=1)
COMMAND = ("drift", "--correct")
WRONG_TOKEN = Problem("the customer token is not valid", "Put a valid token into TOKEN_NORTH.")


def centre(name: str, code: int = 0, *, read: timedelta = HOUR, job: QueuedJob | None = None) -> CentreState:
    due = NOON + 13 * HOUR if job else None
    result = job.result if job else None
    return CentreState(
        name, 5740, "sandbox", "", NOON, "drift", code, NOON - HOUR, NOON - read,
        drift=1, job=job, due=due, result=result, result_command="drift" if result else "",
    )  # fmt: skip


def job(name: str, state: JobState, *, attempt: int = 1, code: int | None = None) -> QueuedJob:
    failed = None if code is None else CentreResult(name, 5740, "sandbox", "", code, NOON, problems=(WRONG_TOKEN,))
    worker = "worker-1" if state is JobState.RUNNING else ""
    due = NOON + HOUR if state is JobState.DUE_LATER else None
    return QueuedJob(Job("night", name, COMMAND, "TOKEN", attempt), state, NOON - HOUR / 4, worker, due, failed)


def queued() -> FleetStatus:
    """One centre of each state in the queue, the worst first."""
    return FleetStatus(
        "colleges",
        (
            centre("east", job=job("east", JobState.LOST)),
            centre("north", job=job("north", JobState.ENDED, code=1)),
            centre("south", read=72 * HOUR, job=job("south", JobState.RUNNING)),
            centre("valley", job=job("valley", JobState.WAITING)),
            centre("west", job=job("west", JobState.DUE_LATER, attempt=2)),
        ),
        NOON,
    )


def local() -> FleetStatus:
    """Centres without a queue."""
    return FleetStatus("colleges", (centre("east"), centre("north")), NOON)
