"""`fleet` over a queue: jobs that are queued, followed, cancelled and resumed, and workers that run them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Lock

from reconciler.commands.fleet import FleetOptions, listed, mark_stores, ready, stored
from reconciler.fleet.checkout import fetch
from reconciler.fleet.engine import EngineWorker, JobQueue, job_queue
from reconciler.fleet.fleet_file import budgets, check_shared, read_fleet
from reconciler.fleet.nights import begun, jobs_of
from reconciler.fleet.stored_results import failed_last
from reconciler.fleet.worker import Workers
from reconciler.fleet.worker_log import Level, WorkerLog, described
from reconciler.model.fleet import Centre, CentreResult, Fleet, FleetRun, QueueRules, refused_result, worst_first
from reconciler.model.fleet_queue import KEPT, Job, JobState, QueueCount, QueuedJob, newest_by_centre
from reconciler.model.structs import replace
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError, StoreError
from reconciler.runtime.environment import Environment

LOOK_SECONDS = 2.0  # between two looks at the queue
_LOOKS = 4  # in a row at which nobody runs a job that is taken, before it is queued again


def enqueue(options: FleetOptions, environment: Environment, command: Sequence[str]) -> QueueCount:
    """Queue a command for each chosen centre, but for those whose same command waits or runs already."""
    now = environment.clock.now()
    with _opened(options, environment) as (fleet, queue):
        if options.failed:
            newest = newest_by_centre([job for job in queue.jobs(since=now - KEPT) if job.job.command[0] == command[0]])
            fleet = failed_last(fleet, lambda centre: newest[centre].result if centre in newest else None)
        busy = {job.job.centre for job in queue.open_jobs() if job.job.command == tuple(command)}
        name = f"{now:%Y-%m-%dT%H%M%S.%f}-{command[0]}"
        added = [centre for centre in fleet.centres if centre.name not in busy]
        queue.add(((Job(name, centre.name, tuple(command), centre.token_variable), None) for centre in added), now)
    names = tuple(centre.name for centre in added)
    skipped = tuple(centre.name for centre in fleet.centres if centre.name in busy)
    return QueueCount(fleet.name, "queued", name, names, skipped)


def follow(options: FleetOptions, environment: Environment, count: QueueCount, command: Sequence[str]) -> FleetRun:
    """Wait until each queued job has ended, retries included, and return the same as a run on this machine.

    Raises ReconcilerError if nothing begins or ends for as long as one centre may take.
    """
    since, seen = environment.clock.monotonic(), ""
    with _opened(options, environment) as (fleet, queue):
        while True:
            jobs, words = _looked(queue, count)
            if jobs is not None and not any(job.state.is_open for job in jobs):
                break
            if words != seen:
                since, seen = environment.clock.monotonic(), words
                if environment.status:
                    environment.status(words)
            elif environment.clock.monotonic() - since > options.longest_minutes * 60:
                what = f"nothing began or ended for {options.longest_minutes} minutes: {words}"
                fix = "Look whether workers run: `reconciler fleet status`. The jobs stay in the queue."
                raise ReconcilerError(Problem(what, fix, where="queue"))
            Event().wait(LOOK_SECONDS)
    newest = newest_by_centre(jobs)
    results = [_result(fleet, newest[centre.name]) for centre in fleet.centres if centre.name in newest]
    return FleetRun(fleet.name, " ".join(command), worst_first(results), count.skipped)


def _looked(queue: JobQueue, count: QueueCount) -> tuple[Sequence[QueuedJob] | None, str]:
    """Return the jobs that were queued and a line about them; None if the database does not answer now."""
    try:
        jobs = queue.jobs(queue=count.queue)
    except StoreError as error:
        return None, f"{error.problems[0].what}; trying again"
    states = Counter(job.state for job in jobs if job.state.is_open)
    running, left = states[JobState.RUNNING], states.total()
    return jobs, f"{len(count.centres) - left} of {len(count.centres)} ended, {running} running"


def cancel(options: FleetOptions, environment: Environment) -> QueueCount:
    """Cancel what waits or runs for the chosen centres; what runs settles what it wrote and releases its lock."""
    with _opened(options, environment) as (fleet, queue):
        names = {centre.name for centre in fleet.centres}
        jobs = [job.job for job in queue.open_jobs() if job.job.centre in names]
        queue.cancel(jobs)
    return QueueCount(fleet.name, "cancelled", "", tuple(sorted({job.centre for job in jobs})))


def resume(options: FleetOptions, environment: Environment) -> QueueCount:
    """Queue again what was cancelled or given up last for the chosen centres."""
    with _opened(options, environment) as (fleet, queue):
        names = {centre.name for centre in fleet.centres}
        newest = newest_by_centre(queue.jobs(since=environment.clock.now() - KEPT)).values()
        ended = [job.job for job in newest if job.state in (JobState.CANCELLED, JobState.LOST)]
        jobs = [job for job in ended if job.centre in names]
        queue.resume(jobs)
    return QueueCount(fleet.name, "resumed", "", tuple(sorted(job.centre for job in jobs)))


@contextmanager
def _opened(options: FleetOptions, environment: Environment) -> Iterator[tuple[Fleet, JobQueue]]:
    """Open the queue of a fleet, with its chosen centres. Raises Invalid with every problem of the file."""
    fleet = listed(options, environment, "database")
    with job_queue(fleet.name, _rules(fleet, options)) as queue:
        yield fleet, queue


def _rules(fleet: Fleet, options: FleetOptions) -> QueueRules:
    """Return the rules of the queue. Raises Invalid if the file has none."""
    if fleet.queue is None:
        fix = "Add queue: {database: VARIABLE}, with the variable that holds a PostgreSQL address."
        raise Invalid(Problem("the fleet has no queue", fix, where=str(options.file)))
    return fleet.queue


def _result(fleet: Fleet, job: QueuedJob) -> CentreResult:
    if job.result:
        return job.result
    centre = next(centre for centre in fleet.centres if centre.name == job.job.centre)
    return refused_result(centre, job.why_unfinished, ExitCode.ERROR, job.since)


# ------------------------------------------------------------------ the worker


def work(
    options: FleetOptions,
    environment: Environment,
    *,
    until_empty: bool,
    write: Callable[[str], None],
    quiet: bool = False,
    verbose: bool = False,
) -> QueueCount:
    """Run what is queued until Ctrl-C, or until the queue is empty; return what this worker ran.

    `write` prints a line of the log, which has less if `quiet` and more if `verbose`. Raises Invalid, before anything
    is taken, with every problem of the fleet file and of what centres need.
    """
    file = read_fleet(options.file, environment.variables)
    fleet = file.fleet
    rules = _rules(fleet, options)
    ready(file, fleet, environment, options.jobs, *check_shared(file, fleet, environment.variables), queue=True)
    mark_stores(fleet, environment)
    with job_queue(fleet.name, rules) as queue:
        log = WorkerLog(environment.clock, write, quiet=quiet, verbose=verbose)
        worker = _Worker(fleet, rules, queue, options, environment, log)
        worker.work(until_empty=until_empty)
    return QueueCount(fleet.name, "run", "", tuple(worker.ran))


class _CutOff(BaseException):
    """The end of a job that was cancelled, or whose worker stops: it has no result."""


class _Looks:
    """A count for each name of the looks in a row at which it was seen."""

    def __init__(self) -> None:
        self._counts = Counter[str]()

    def seen(self, names: Iterable[str]) -> list[str]:
        """Count this look, and return the names that were seen at enough of them."""
        self._counts = Counter({name: self._counts[name] + 1 for name in names})
        return [name for name, looks in self._counts.items() if looks >= _LOOKS]


class _Worker:
    """The jobs that this process runs, and its looks at the queue between them."""

    def __init__(
        self,
        fleet: Fleet,
        rules: QueueRules,
        queue: JobQueue,
        options: FleetOptions,
        environment: Environment,
        log: WorkerLog,
    ) -> None:
        self._fleet, self._rules, self._queue, self._clock, self._log = fleet, rules, queue, environment.clock, log
        self._longest = options.longest_minutes * 60
        variables = environment.variables
        self._workers = Workers(fleet, environment.clock, variables, budgets(fleet, variables))
        self._centres = {centre.name: centre for centre in fleet.centres}
        self._running: list[Job] = []
        self._turns = {name: Lock() for name in self._centres}
        self._cut_off: set[str] = set()
        self._idle, self._dead = _Looks(), _Looks()
        self._nights: set[str] = set()
        self.ran: list[str] = []

    def work(self, *, until_empty: bool) -> None:
        outage = False
        with self._engine() as engine:
            while True:
                try:
                    open_jobs = self._look(engine)
                except StoreError as error:
                    if not outage:
                        self._log.note(Level.WARNING, "trying again", error.problems)
                    outage = True
                else:
                    if outage:
                        self._log.note(Level.INFO, "the database of the queue answers again")
                    outage = False
                    if until_empty and not open_jobs:
                        return
                Event().wait(LOOK_SECONDS)

    @contextmanager
    def _engine(self) -> Iterator[EngineWorker]:
        engine = EngineWorker(self._fleet.name, self._rules, self._run)
        self._log.note(Level.INFO, f"worker {engine.name} is ready")
        try:
            yield engine
        except KeyboardInterrupt:
            self._log.note(Level.INFO, "stopping: each centre settles what it wrote")
        finally:
            self._workers.stop()
            while self._running:
                Event().wait(0.1)
            engine.stop()
            self._give_back(engine)

    def _give_back(self, engine: EngineWorker) -> None:
        """Queue what was cut off again, and what was taken while this worker stopped.

        Through a new connection, because Ctrl-C may have cut off the use of the other. If that fails too, another
        worker rescues the jobs.
        """
        with suppress(StoreError), job_queue(self._fleet.name, self._rules, make=False) as queue:
            queue.resume([job.job for job in queue.open_jobs() if job.worker == engine.name])

    def _look(self, engine: EngineWorker) -> Collection[QueuedJob]:
        """Queue nights that have begun, rescue jobs of dead workers, and stop what was cancelled; return open jobs."""
        self._queue_nights()
        running = {job.key for job in tuple(self._running)}
        open_jobs = self._queue.open_jobs()
        ours = {job.job.key: job.job for job in open_jobs if job.worker == engine.name}
        self._queue_idle(ours, running)
        lost = running - ours.keys()
        self._cut_off |= lost
        self._workers.stop_jobs(lost)
        self._rescue(engine, open_jobs)
        return open_jobs

    def _queue_idle(self, ours: Mapping[str, Job], running: Collection[str]) -> None:
        """Queue again what is ours in the queue but does not run here: its end could not be recorded."""
        if idle := [ours[key] for key in self._idle.seen(ours.keys() - running)]:
            self._queue.resume(idle)
            for job in idle:
                self._log.note(Level.WARNING, f"{described(job)} runs again: its end was not recorded")

    def _rescue(self, engine: EngineWorker, open_jobs: Collection[QueuedJob]) -> None:
        """Queue the jobs of dead workers again."""
        if dead := self._dead.seen(engine.without_lock(open_jobs)):
            engine.recover(dead)
            self._log.note(Level.WARNING, f"died: {', '.join(dead)}; what they ran is queued again")

    def _queue_nights(self) -> None:
        now = self._clock.now()
        for name, night, day in begun(self._fleet, now):
            if name not in self._nights:
                if not self._queue.jobs(queue=name):
                    self._queue.add(jobs_of(name, night, day, self._fleet), now)
                    self._log.note(Level.INFO, f"queued {name}")
                self._nights.add(name)

    def _run(self, job: Job) -> CentreResult:
        self._running.append(job)
        self._log.note(Level.DEBUG, f"{described(job)} begins")
        try:
            with self._turns.get(job.centre, Lock()):  # a cancelled job may still settle what it wrote
                result = None if job.key in self._cut_off else self._ended(job)
            if result is None or self._is_cut_off(job):
                why = "was cancelled" if job.key in self._cut_off else "goes back to the queue"
                self._log.note(Level.INFO, f"{described(job)} {why}")
                raise _CutOff
            due = self._retry(job) if result.may_pass and job.attempt <= len(self._rules.retries) else None
            self.ran.append(job.centre)
            self._log.ended(job, result, due)
            return result
        finally:
            self._running.remove(job)
            self._cut_off.discard(job.key)

    def _is_cut_off(self, job: Job) -> bool:
        return self._workers.stopped or job.key in self._cut_off

    def _retry(self, job: Job) -> datetime:
        """Queue the next attempt and return when it is due. While the database does not answer, look again."""
        while not self._workers.stopped:
            now = self._clock.now()
            due = now + self._rules.retries[job.attempt - 1]
            try:
                self._queue.add([(replace(job, attempt=job.attempt + 1), due)], now)
            except StoreError:
                Event().wait(LOOK_SECONDS)
            else:
                return due
        raise _CutOff

    def _ended(self, job: Job) -> CentreResult:
        """Run a job to its end. Never raises: what breaks one centre is its own result."""
        centre, now = self._centres.get(job.centre), self._clock.now()
        if centre is None:
            what, fix = "this worker's fleet file has no such centre", "Give all workers the same fleet file."
            nowhere = Centre(job.centre, 0, self._fleet.folder, "")
            return refused_result(nowhere, Problem(what, fix, where=job.centre), ExitCode.INVALID, now)
        try:
            if centre.repository and (unfetched := fetch(self._fleet, centre)):
                return refused_result(centre, unfetched, ExitCode.ERROR, now)
            result = self._workers.run(centre, job.command, self._longest, job.key)
            return result if self._is_cut_off(job) else stored(self._fleet, job.command[0], result)
        except Exception as error:
            what = f"the command could not be run: {type(error).__name__}"
            return refused_result(centre, Problem(what, "Look at the worker's machine."), ExitCode.ERROR, now)
