"""Nouns of a fleet's status: the state of each centre in its store and in the queue."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.model.fleet import FINE, CentreResult
from reconciler.model.fleet_queue import JobState, QueuedJob
from reconciler.model.history import READ_DAILY
from reconciler.model.structs import Struct
from reconciler.problems import ExitCode, Problem


class CentreState(Struct, frozen=True):
    """The state of a centre in its store: its newest run, its newest complete reading, and open issues.

    `holder` runs a command now. `job` is the newest in the queue, and `due` the time of the next one. `result` is that
    of the fleet's command that ended last, `result_command`. `problems` say why the store cannot be read.
    """

    centre: str
    organisation: int
    target: str
    owner: str
    now: datetime
    command: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    read_at: datetime | None = None
    drift: int = 0
    steps: int = 0
    holder: str = ""
    problems: tuple[Problem, ...] = ()
    job: QueuedJob | None = None
    due: datetime | None = None
    result: CentreResult | None = None
    result_command: str = ""

    @property
    def newest_result(self) -> CentreResult | None:
        """The result of the fleet's command that ended last, if it is newer than the store's newest run."""
        is_newest = self.result is not None and (self.started is None or self.result.ended >= self.started)
        return self.result if is_newest else None

    @property
    def newest_code(self) -> int | None:
        """The exit code of the newest command or run that has ended."""
        return self.newest_result.exit_code if self.newest_result else self.exit_code

    @property
    def reading_age(self) -> timedelta | None:
        """The age of the newest complete reading."""
        return self.now - self.read_at if self.read_at else None

    @property
    def is_read_late(self) -> bool:
        """True if the newest complete reading is not a daily one any longer."""
        return self.reading_age is not None and self.reading_age >= READ_DAILY

    @property
    def is_given_up(self) -> bool:
        """True if the newest job was given up, because its workers died too often."""
        return self.job is not None and self.job.state is JobState.LOST

    @property
    def needs_attention(self) -> bool:
        """True if its store cannot be read, its newest run did not end well and is not tried again, or was given up."""
        failed = self.newest_code is not None and self.newest_code not in FINE
        is_retried = self.job is not None and self.job.state.is_open and self.job.job.attempt > 1
        return bool(self.problems) or (failed and not is_retried) or self.is_given_up


class FleetStatus(Struct, frozen=True):
    """The state of each centre at a moment, those that need somebody first."""

    fleet: str
    centres: tuple[CentreState, ...]
    now: datetime

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.ERROR if any(centre.problems for centre in self.centres) else ExitCode.DONE
