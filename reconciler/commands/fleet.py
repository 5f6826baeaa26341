"""`fleet`: the same command for many centres, one process each, and one report over all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from reconciler.fleet.checkout import fetch
from reconciler.fleet.engine import job_queue
from reconciler.fleet.fleet_file import FleetFile, budgets, check_folders, chosen, read_fleet, target_name
from reconciler.fleet.nights import next_due
from reconciler.fleet.stored_results import changed_since, failed_last, last_result, last_results, store_result
from reconciler.fleet.worker import Workers, with_own_names
from reconciler.model.fleet import Centre, CentreResult, Fleet, FleetRun, rank, worst_first
from reconciler.model.fleet_queue import KEPT, QueuedJob, newest_by_centre
from reconciler.model.fleet_status import CentreState, FleetStatus
from reconciler.model.slots import OrganisationId, Site
from reconciler.model.structs import Struct, replace
from reconciler.problems import Invalid, NoStore, Problem, ReconcilerError, refuse
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import store_of
from reconciler.store import Store
from reconciler.store.address import GIT_SCHEME

LARGEST_MATRIX = 256
"""Jobs of one matrix on GitHub."""


class FleetOptions(Struct, frozen=True):
    """The fleet file, and the centres to run: those named, those that failed, or those whose files changed."""

    file: Path = Path("fleet.yaml")
    only: tuple[str, ...] = ()
    failed: bool = False
    changed: bool = False
    jobs: int | None = None
    longest_minutes: int = 120


def run(options: FleetOptions, environment: Environment, command: Sequence[str]) -> FleetRun:
    """Run a command for each chosen centre, worst first in the result.

    At most one process runs for an organisation at a time. Raises Invalid, before anything is started, with every
    problem of the fleet file, its variables, repositories, folders and stores.
    """
    fleet, running = _checked(options, environment, command[0])
    workers = Workers(fleet, environment.clock, environment.variables, budgets(fleet, environment.variables))
    results = _results(running, workers, environment, command, options)
    mark_stores(running, environment)
    left_out = tuple(centre.name for centre in fleet.centres if centre not in running.centres)
    return FleetRun(fleet.name, " ".join(command), worst_first(results), left_out)


def _checked(options: FleetOptions, environment: Environment, command: str) -> tuple[Fleet, Fleet]:
    """Return the whole fleet and what runs of it, once all that it leads to is checked. Raises Invalid as `ready`."""

    def last(centre: str) -> CentreResult | None:
        return last_result(file.fleet, centre, command)

    file = read_fleet(options.file, environment.variables)
    running = chosen(file.fleet, options.only, "--only")
    running = failed_last(running, last) if options.failed else running
    ready(file, running, environment, options.jobs)
    return file.fleet, changed_since(running, last) if options.changed else running


def ready(
    file: FleetFile, running: Fleet, environment: Environment, jobs: int | None, *further: Problem, queue: bool = False
) -> None:
    """Fetch repositories, and raise Invalid with every problem: of the file, of what the centres need, and `further`.

    With `queue`, the variables of the queue must be set too.
    """
    unfetched = _fetched(running, jobs)
    missing = {problem.source for problem in unfetched}
    there = replace(running, centres=tuple(centre for centre in running.centres if centre.source not in missing))
    unset = file.unset_of(running, "token", "store", *(("database", "budget") if queue else ()))
    problems = [
        *file.problems,
        *unset,
        *further,
        *unfetched,
        *check_folders(there),
        *_foreign_stores(there, environment),
    ]
    refuse(problem for problem in problems if problem.severity == "error")


def _fetched(fleet: Fleet, jobs: int | None) -> list[Problem]:
    """Fetch the repositories of these centres, some at a time; return those that cannot be fetched."""
    remote = [centre for centre in fleet.centres if centre.repository]
    with ThreadPoolExecutor(max_workers=jobs or fleet.jobs) as pool:
        return [problem for problem in pool.map(lambda centre: fetch(fleet, centre), remote) if problem]


def _results(
    fleet: Fleet, workers: Workers, environment: Environment, command: Sequence[str], options: FleetOptions
) -> list[CentreResult]:
    """Run the centres, some at a time; those of one organisation one after the other."""
    groups: dict[tuple[str, int], list[Centre]] = defaultdict(list)
    for centre in fleet.centres:
        groups[target_name(centre), centre.organisation].append(centre)
    results: list[CentreResult] = []

    def work(centres: Sequence[Centre]) -> None:
        for centre in centres:
            result = workers.run(centre, command, options.longest_minutes * 60)
            results.append(stored(fleet, command[0], result))
            if environment.status:
                ended = f"{result.centre}: exit {result.exit_code}"
                environment.status(f"{ended} ({len(results)} of {len(fleet.centres)})")

    with ThreadPoolExecutor(max_workers=options.jobs or fleet.jobs) as pool:
        _await([pool.submit(work, centres) for centres in groups.values()], workers)
    return results


def _await(left: Sequence[Future[None]], workers: Workers) -> None:
    """Wait for all; Ctrl-C stops the workers, each of which settles what it wrote, and starts no more."""
    waiting = set(left)
    while waiting:
        try:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt:
            workers.stop()
        else:
            for future in done:
                future.result()


def stored(fleet: Fleet, command: str, result: CentreResult) -> CentreResult:
    """Store a result in a file beside the others; if that fails, the result says so."""
    try:
        store_result(fleet, command, result)
    except ReconcilerError as error:
        return replace(result, problems=(*result.problems, *error.problems))
    return result


# ------------------------------------------------------------------ stores


def _stores(fleet: Fleet, environment: Environment) -> Iterator[tuple[Centre, Store]]:
    """Yield each existing store once, open; one that cannot be opened is its own centre's result, later."""
    shared = {centre.store: centre for centre in reversed(fleet.centres) if centre.store and _is_shared(centre.store)}
    for centre in fleet.centres:
        if shared.get(centre.store, centre) is centre:
            with suppress(ReconcilerError), _store_of(centre, environment) as store:
                yield centre, store


def _is_shared(store: str) -> bool:
    """Return whether an address means the same store for every centre: a branch is of each one's repository."""
    return not store.startswith(GIT_SCHEME)


def _store_of(centre: Centre, environment: Environment) -> Store:
    options = Options(state=centre.state, store=centre.store or None)
    variables = {name: value for name, value in environment.variables.items() if name != "RECONCILER_STORE"}
    return store_of(options, replace(environment, variables=variables), make=False)


def _foreign_stores(fleet: Fleet, environment: Environment) -> Iterator[Problem]:
    for centre, store in _stores(fleet, environment):
        other = store.fleet()
        if other not in ("", fleet.name):
            what = f"{centre.name}: the store {store.place} is of another fleet: {other}"
            yield Problem(what, "Give this centre a store of this fleet.", centre.store_source)


def mark_stores(fleet: Fleet, environment: Environment) -> None:
    """Write the fleet's name into the stores that have none yet."""
    for _, store in _stores(fleet, environment):
        with suppress(ReconcilerError):  # the report comes first; the next command marks it
            if not store.fleet():
                store.set_fleet(fleet.name)


def status(options: FleetOptions, environment: Environment) -> FleetStatus:
    """Return what results, stores and queue show of each centre, without a call to OneFile. Raises Invalid as `run`."""
    fleet = listed(options, environment, "store", "database")
    now = environment.clock.now()
    jobs, due = _recent_jobs(fleet, now), next_due(fleet, now)
    newest, ended = newest_by_centre(jobs), newest_by_centre([job for job in jobs if job.result])

    def state(centre: Centre) -> CentreState:
        name = centre.name
        command, result = _newest_result(fleet, centre, ended.get(name))
        return replace(
            _state(centre, fleet, environment),
            job=newest.get(name),
            due=due.get(name),
            result=result,
            result_command=command,
        )

    return FleetStatus(fleet.name, tuple(sorted(map(state, fleet.centres), key=_urgency)), now)


def _recent_jobs(fleet: Fleet, now: datetime) -> Sequence[QueuedJob]:
    if not fleet.queue:
        return ()
    with suppress(NoStore), job_queue(fleet.name, fleet.queue, make=False) as queue:
        return queue.jobs(since=now - KEPT)
    return ()  # nothing was ever queued


def _newest_result(fleet: Fleet, centre: Centre, ended: QueuedJob | None) -> tuple[str, CentreResult | None]:
    """Return the command that ended last for a centre, in the queue or on this machine, with its result."""
    results = list(last_results(fleet, centre))
    if ended and ended.result:
        results.append((ended.job.command[0], ended.result))
    return max(results, key=lambda entry: entry[1].ended, default=("", None))


def listed(options: FleetOptions, environment: Environment, *keys: str) -> Fleet:
    """Return the chosen centres of the fleet file alone. Raises Invalid with every problem.

    `keys` name the variables that must be set.
    """
    file = read_fleet(options.file, environment.variables)
    fleet = chosen(file.fleet, options.only, "--only")
    problems = (*file.problems, *file.unset_of(fleet, *keys))
    refuse(problem for problem in problems if problem.severity == "error")
    return fleet


def _state(centre: Centre, fleet: Fleet, environment: Environment) -> CentreState:
    state = CentreState(centre.name, centre.organisation, centre.target, centre.owner, environment.clock.now())
    site = Site(target_name(centre), OrganisationId(centre.organisation))
    try:
        with _store_of(centre, environment) as store:
            newest = next(iter(store.runs(target=site.target, organisation=site.organisation, limit=1)), None)
            lease = store.holder(site)
            return replace(
                state,
                now=store.now(),
                command=newest.command if newest else "",
                exit_code=newest.exit_code if newest else None,
                started=newest.started if newest else None,
                read_at=store.last_reading(site),
                drift=len(store.issues(site, "drift")),
                steps=len(store.issues(site, "step")),
                holder=lease.holder if lease else "",
            )
    except NoStore:
        return state
    except ReconcilerError as error:
        return replace(state, problems=tuple(_named(problem, centre, fleet) for problem in error.problems))


def _named(problem: Problem, centre: Centre, fleet: Fleet) -> Problem:
    return problem._replace(fix=with_own_names(problem.fix, centre, fleet.queue))


def _urgency(state: CentreState) -> tuple[bool, bool, bool, int, str]:
    code = state.newest_code or 0
    return not state.problems, not state.is_given_up, not state.needs_attention, rank(code), state.centre


def matrix(options: FleetOptions, environment: Environment) -> Fleet:
    """Return the centres of a matrix. Raises Invalid for more than a matrix may have."""
    fleet = listed(options, environment)
    if len(fleet.centres) > LARGEST_MATRIX:
        what = f"{len(fleet.centres)} centres are more than one matrix may have ({LARGEST_MATRIX})"
        raise Invalid(Problem(what, "Split the fleet file, or name centres with --only.", where=str(options.file)))
    return fleet
