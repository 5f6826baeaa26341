"""The queue of a fleet on DBOS: the only module that knows the engine, whose version pyproject.toml pins.

DBOS keeps jobs in PostgreSQL, in a schema of its own. Each is one workflow, which any worker takes and runs; those of
one customer token are a partition of the queue. A worker holds an advisory lock of PostgreSQL as long as it lives: jobs
of workers without one are queued again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from secrets import randbelow
from typing import TYPE_CHECKING, Any

from reconciler.model.fleet import CentreResult, QueueRules
from reconciler.model.fleet_queue import Job, JobState, QueuedJob
from reconciler.model.structs import Decoder, encode
from reconciler.problems import Problem, ReconcilerError, StoreError

if TYPE_CHECKING:
    import psycopg
    from dbos import DBOSClient, EnqueueOptions, WorkflowStatus

_SCHEMA = "reconciler_fleet"
_QUEUE, _WORKFLOW = "fleet-{}", "centre"
_VERSION = "{}-1"  # of a job's form: workers take the jobs of their own only
_LOCKS = 1_179_403_092  # the class of the workers' advisory locks
_MOST_DEATHS = 5  # of workers, before a job is given up
_LOOKS = 3  # in a row without a lock, before a worker is taken for dead
_STATES = {
    "ENQUEUED": JobState.WAITING,
    "DELAYED": JobState.DUE_LATER,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.ENDED,
    "CANCELLED": JobState.CANCELLED,
}
_OPEN = ["ENQUEUED", "DELAYED", "PENDING"]


class JobQueue:
    """The jobs of one fleet, from any machine that reaches the database."""

    def __init__(self, fleet: str, client: DBOSClient) -> None:
        self._fleet, self._client = fleet, client

    def add(self, jobs: Iterable[tuple[Job, datetime | None]], now: datetime) -> None:
        """Queue each job, to begin at its time at the earliest; a job that is there already stays as it is."""
        for job, due in jobs:
            wait = max(0.0, (due - now).total_seconds()) if due else 0.0
            options: EnqueueOptions = {
                "queue_name": _QUEUE.format(self._fleet),
                "workflow_name": _WORKFLOW,
                "workflow_id": self._key(job),
                "queue_partition_key": job.token_variable or "-",
                "app_version": _VERSION.format(self._fleet),
            }
            if wait:
                options["delay_seconds"] = wait
            self._client.enqueue(options, encode(job).decode())

    def _key(self, job: Job) -> str:
        return f"{self._fleet}/{job.key}"

    def jobs(self, queue: str | None = None, since: datetime | None = None) -> list[QueuedJob]:
        """Return the jobs that were queued for this night or moment, or all since a time, the oldest first."""
        found = self._client.list_workflows(
            workflow_id_prefix=f"{self._fleet}/{queue}/" if queue else None,
            start_time=since.isoformat() if since else None,
            name=_WORKFLOW,
            application_name=self._fleet,
        )
        return [_queued(status) for status in found]

    def open_jobs(self) -> list[QueuedJob]:
        """Return the jobs that wait or run."""
        found = self._client.list_workflows(status=_OPEN, name=_WORKFLOW, application_name=self._fleet)
        return [_queued(status) for status in found]

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Cancel jobs that wait or run; the workers of those that run stop them."""
        self._client.cancel_workflows([self._key(job) for job in jobs])

    def resume(self, jobs: Sequence[Job]) -> None:
        """Queue cancelled or lost jobs again."""
        self._client.resume_workflows([self._key(job) for job in jobs], queue_name=_QUEUE.format(self._fleet))


@contextmanager
def job_queue(fleet: str, rules: QueueRules) -> Iterator[JobQueue]:
    """Open the queue of a fleet, and make its tables if need be. Raises StoreError if it cannot be reached."""
    try:
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
    except ImportError:
        fix = "Run: pip install 'onefile-reconciler[fleet]'."
        raise ReconcilerError(Problem("a queue needs DBOS, which is not installed", fix)) from None
    with _errors():
        DBOS.migrate(rules.database, schema=_SCHEMA)
        client = DBOSClient(
            system_database_url=rules.database,
            dbos_system_schema=_SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=fleet,
            retry_connection_errors=False,
        )
        try:
            client.register_queue(
                _QUEUE.format(fleet), global_concurrency=rules.jobs, partition_concurrency=rules.jobs_per_token
            )
            yield JobQueue(fleet, client)
        finally:
            client.destroy()


class EngineWorker:
    """A worker, which is this process: it takes jobs and runs each in a thread, until it is stopped."""

    def __init__(self, fleet: str, rules: QueueRules, run: Callable[[Job], CentreResult], at_a_time: int) -> None:
        from dbos import DBOS, DBOSPortableJSONSerializer

        self._rules, self._number, self._missing = rules, randbelow(2**31), dict[str, int]()
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
                "max_executor_threads": at_a_time + 1,
                "sys_db_pool_size": 4,
            }
        )

        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=_MOST_DEATHS)
        def centre(job: str) -> str:
            return encode(run(Decoder(Job).decode(job.encode()))).decode()

        with _errors():
            self._living()
            DBOS.launch()
            DBOS.register_queue(
                _QUEUE.format(fleet),
                global_concurrency=rules.jobs,
                partition_concurrency=rules.jobs_per_token,
                worker_concurrency=at_a_time,
            )

    def _living(self) -> set[str]:
        """Return the numbers of the workers that hold their lock; take this one's again after a lost connection."""
        import psycopg

        for _ in range(2):
            with suppress(psycopg.OperationalError):
                if self._lock is None or self._lock.closed:
                    self._lock = psycopg.connect(self._rules.database, autocommit=True, connect_timeout=10)
                    self._lock.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCKS, self._number))
                query = "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                return {str(number) for (number,) in self._lock.execute(query, (_LOCKS,))}
        raise psycopg.OperationalError("the connection was lost")

    def rescue(self, open_jobs: Iterable[QueuedJob]) -> None:
        """Queue the jobs of dead workers again. Raises StoreError if the database does not answer."""
        from dbos import DBOS

        with _errors():
            living = self._living()
            running = {job.worker for job in open_jobs if job.state is JobState.RUNNING}
            missing = {worker for worker in running if worker.rpartition("-")[2] not in living}
            self._missing = {worker: self._missing.get(worker, 0) + 1 for worker in missing}
            if dead := [worker for worker, looks in self._missing.items() if looks >= _LOOKS]:
                DBOS._recover_pending_workflows(dead)

    def stop(self) -> None:
        """Take no further job, and give those that were cut off back to the queue."""
        from dbos import DBOS

        with suppress(Exception):  # what is left here is rescued by another worker
            DBOS._recover_pending_workflows([self.name])
        DBOS.destroy()
        if self._lock:
            self._lock.close()


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of the database into ours, without the address, which may have a password."""
    import psycopg
    from dbos import error as dbos_error
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, psycopg.Error, dbos_error.DBOSException) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
        fix = "Check the variable that queue.database names, and that PostgreSQL runs there."
        raise StoreError(Problem(f"the database of the queue cannot be used: {reason}", fix, where="queue")) from None


def _queued(status: WorkflowStatus) -> QueuedJob:
    job = Decoder(Job).decode(str((status.input or {"args": ("",)})["args"][0]).encode())
    state = _STATES.get(status.status, JobState.LOST)
    at = status.completed_at or (status.dequeued_at if state is JobState.RUNNING else None) or status.created_at or 0
    result = Decoder(CentreResult).decode(status.output.encode()) if state is JobState.ENDED and status.output else None
    due = status.delay_until_epoch_ms if state is JobState.DUE_LATER else None
    worker = status.executor_id or "" if state is not JobState.WAITING else ""
    return QueuedJob(job, state, _moment(at), worker, _moment(due) if due else None, result)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
