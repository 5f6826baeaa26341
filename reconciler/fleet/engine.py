"""The queue of a fleet on DBOS: the only module that knows the engine, whose version pyproject.toml pins.

A job is one workflow in PostgreSQL, which any worker takes and runs; those of one customer token are a partition of the
queue. A worker holds an advisory lock of PostgreSQL as long as it lives: jobs of workers without one are queued again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import randbelow
from typing import TYPE_CHECKING, Any

from reconciler.model.fleet import CentreResult, QueueRules
from reconciler.model.fleet_queue import Job, JobState, QueuedJob
from reconciler.model.structs import Decoder, encode
from reconciler.problems import NoStore, Problem, ReconcilerError, StoreError

if TYPE_CHECKING:
    import psycopg
    from dbos import DBOSClient, EnqueueOptions, WorkflowStatus

_SCHEMA, _QUEUE, _WORKFLOW = "reconciler_fleet", "fleet-{}", "centre"
_VERSION = "{}-1"  # of a job's form: workers take the jobs of their own only
TAKE_SECONDS = 1.0  # between two times at which a worker takes jobs from the queue
_LOCKS, _MOST_DEATHS = 1_179_403_092, 5  # class of the workers' locks; dead workers before a job is given up
_STATES = {
    "ENQUEUED": JobState.WAITING,
    "DELAYED": JobState.DUE_LATER,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.ENDED,
    "CANCELLED": JobState.CANCELLED,
}


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of the database into ours, without the address, which may have a password."""
    import psycopg
    from dbos import error as dbos_error
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, psycopg.Error, dbos_error.DBOSException) as error:
        cause = getattr(error, "orig", None) or error
        what = f"the database of the queue cannot be used: {' '.join(str(cause).split())[:200]}"
        fix = "Check the variable that queue.database names, and that PostgreSQL runs there."
        kind = NoStore if isinstance(cause, psycopg.errors.UndefinedTable) else StoreError
        raise kind(Problem(what, fix, where="queue")) from None


class JobQueue:
    """The jobs of one fleet, from any machine that reaches the database."""

    def __init__(self, fleet: str, client: DBOSClient) -> None:
        self._fleet, self._client = fleet, client

    @_errors()
    def add(self, jobs: Iterable[tuple[Job, datetime | None]], now: datetime) -> None:
        """Queue each job, to begin at its time at the earliest; a job that is there already stays as it is."""
        for job, due in jobs:
            options: EnqueueOptions = {
                "queue_name": _QUEUE.format(self._fleet),
                "workflow_name": _WORKFLOW,
                "workflow_id": f"{self._fleet}/{job.key}",
                "queue_partition_key": job.token_variable or "-",
                "app_version": _VERSION.format(self._fleet),
            }
            if due and due > now:
                options["delay_seconds"] = (due - now).total_seconds()
            self._client.enqueue(options, encode(job).decode())

    @_errors()
    def jobs(self, queue: str | None = None, since: datetime | None = None) -> list[QueuedJob]:
        """Return the jobs that were queued for this night or moment, or all since a time, the oldest first."""
        prefix = f"{self._fleet}/{queue}/" if queue else f"{self._fleet}/"
        return self._listed(workflow_id_prefix=prefix, start_time=since.isoformat() if since else None)

    @_errors()
    def open_jobs(self) -> list[QueuedJob]:
        """Return the jobs that wait or run."""
        return self._listed(status=[name for name, state in _STATES.items() if state.is_open])

    def _listed(self, **which: Any) -> list[QueuedJob]:
        return list(map(_queued, self._client.list_workflows(name=_WORKFLOW, application_name=self._fleet, **which)))

    @_errors()
    def cancel(self, jobs: Sequence[Job]) -> None:
        """Cancel jobs that wait or run; the workers of those that run stop them."""
        self._client.cancel_workflows([f"{self._fleet}/{job.key}" for job in jobs])

    @_errors()
    def resume(self, jobs: Sequence[Job]) -> None:
        """Queue cancelled or lost jobs again."""
        keys = [f"{self._fleet}/{job.key}" for job in jobs]
        self._client.resume_workflows(keys, queue_name=_QUEUE.format(self._fleet))


@contextmanager
def job_queue(fleet: str, rules: QueueRules, *, make: bool = True) -> Iterator[JobQueue]:
    """Open the queue of a fleet, and `make` or update its tables. Raises StoreError; NoStore if there are none."""
    try:
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
    except ImportError:
        fix = "Run: pip install 'onefile-reconciler[fleet]'."
        raise ReconcilerError(Problem("a queue needs DBOS, which is not installed", fix)) from None
    DBOS.logger.setLevel("CRITICAL")  # errors are ours to show
    with _errors():
        client = DBOSClient(
            system_database_url=rules.database,
            dbos_system_schema=_SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=fleet,
            retry_connection_errors=False,
        )
        if make:
            DBOS.migrate(rules.database, schema=_SCHEMA)
            client.register_queue(
                _QUEUE.format(fleet),
                global_concurrency=rules.jobs,
                partition_concurrency=min(rules.jobs, rules.jobs_per_token),
                worker_concurrency=min(rules.jobs, rules.jobs_per_worker),
                polling_interval_sec=TAKE_SECONDS,
            )
    try:
        yield JobQueue(fleet, client)
    finally:
        client.destroy()


class EngineWorker:
    """A worker, which is this process: it takes jobs and runs each in a thread, until it is stopped."""

    def __init__(self, fleet: str, rules: QueueRules, run: Callable[[Job], CentreResult]) -> None:
        from dbos import DBOS, DBOSPortableJSONSerializer

        self._dbos, self._rules, self._number = DBOS, rules, randbelow(2**31)
        self.name = f"{socket.gethostname()}-{self._number}"
        self._lock: psycopg.Connection[Any] | None = None
        DBOS(
            config={
                "name": fleet,
                "system_database_url": rules.database,
                "dbos_system_schema": _SCHEMA,
                "application_version": _VERSION.format(fleet),
                "executor_id": self.name,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "CRITICAL",
                "max_executor_threads": rules.jobs_per_worker + 1,
                "sys_db_pool_size": 4,
                "run_migrations": False,  # opening the queue has done it
            }
        )

        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=_MOST_DEATHS)
        def centre(job: str) -> str:
            return encode(run(Decoder(Job).decode(job.encode()))).decode()

        with _errors():
            self._living()
            DBOS.launch()

    def _living(self) -> set[str]:
        """Return the numbers of the workers that hold their lock; take this one's again after a lost connection."""
        import psycopg

        if self._lock is None or self._lock.closed:
            self._lock = psycopg.connect(self._rules.database, autocommit=True, connect_timeout=10)
            self._lock.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCKS, self._number))
        held = self._lock.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s", (_LOCKS,))
        return {str(number) for (number,) in held}

    @_errors()
    def without_lock(self, open_jobs: Iterable[QueuedJob]) -> set[str]:
        """Return the workers of running jobs that hold no lock: dead, or without a connection for a moment."""
        living, running = self._living(), {job.worker for job in open_jobs if job.state is JobState.RUNNING}
        return {worker for worker in running if worker.rpartition("-")[2] not in living}

    @_errors()
    def recover(self, workers: Sequence[str]) -> None:
        """Queue the jobs of dead workers again."""
        self._dbos._recover_pending_workflows(list(workers))

    def stop(self) -> None:
        """Take no further job."""
        self._dbos.destroy()


def _queued(status: WorkflowStatus) -> QueuedJob:
    job = Decoder(Job).decode(str((status.input or {"args": ("",)})["args"][0]).encode())
    state = _STATES.get(status.status, JobState.LOST)
    at = status.completed_at or (status.dequeued_at if state is JobState.RUNNING else None) or status.created_at or 0
    due = status.delay_until_epoch_ms if state is JobState.DUE_LATER else None
    since, begins = (datetime.fromtimestamp(moment / 1000, UTC) if moment else None for moment in (at, due))
    result = Decoder(CentreResult).decode(status.output.encode()) if state is JobState.ENDED and status.output else None
    worker = status.executor_id or "" if state is not JobState.WAITING else ""
    return QueuedJob(job, state, since or datetime.min.replace(tzinfo=UTC), worker, begins, result)
