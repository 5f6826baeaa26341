"""Session: the client of one OneFile, or the embedded sandbox, with the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onefile_sandbox.clock import VirtualClock
from reconciler.clock import Clock
from reconciler.model.declared import Settings
from reconciler.model.plan import GitState, Plan
from reconciler.model.slots import OrganisationId, Site
from reconciler.model.structs import RedactedRepr, Struct
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.client import OneFile
from reconciler.onefile.reader import Reader
from reconciler.onefile.sealed_session import seal, unseal
from reconciler.onefile.targets import Target
from reconciler.onefile.tls import CA_FILE
from reconciler.onefile.token import CustomerToken
from reconciler.problems import Problem, ReconcilerError, StoreError
from reconciler.ratelimit import MemoryLedger, RateLimiter
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import open_store, place_of
from reconciler.runtime.target import target_of
from reconciler.runtime.token import customer_token
from reconciler.store import Store
from reconciler.store.address import DEFAULT, SETTING

if TYPE_CHECKING:
    from reconciler.observed.observe import ProgressListener

BUDGET = "RECONCILER_BUDGET"


class Session(Struct, frozen=True):
    """An open client with its store. `account` is that of the customer token; empty for the embedded sandbox."""

    target: Target
    store: Store
    client: OneFile
    reader: Reader
    clock: Clock
    account: str
    began: tuple[int, datetime]  # the newest event of all runs, and the time, before anything was read


@asynccontextmanager
async def open_session(
    options: Options, environment: Environment, settings: Settings, *, logs_in: bool = False
) -> AsyncIterator[Session]:
    """Open the store and the client of the target. Raises Invalid for a target or token that cannot be used.

    `logs_in`: do not go on with the session of an earlier command.
    """
    target = target_of(options, environment, settings)
    with open_store(options, environment) as store, _budget_store(store, environment) as budget:
        began = store.last_event()
        if target.embedded:
            world_file = store.world_file(options.world_file)
            async with _embedded(world_file, environment, settings) as (client, clock):
                reader = _reader(client, clock, environment, settings)
                yield Session(target, store, client, reader, clock, "", began)
        else:
            token = customer_token(environment)
            account = token.account(target.base_url)
            if environment.status:
                environment.status(f"Connecting to {urlsplit(target.base_url).hostname} ...")
            limiter = RateLimiter(
                budget.ledger(account),
                settings.calls_per_minute,
                environment.clock,
                longest_wait_seconds=settings.longest_wait_seconds,
                notify=environment.note,
            )
            async with OneFile(
                target.base_url,
                token,
                rate_limiter=limiter,
                clock=environment.clock,
                ca_file=environment.variables.get(CA_FILE, ""),
                longest_wait_seconds=settings.longest_wait_seconds,
                notify=environment.note,
                keeper=None if logs_in or not store.keeps_sessions else _StoredSession(store, token, target),
            ) as client:
                reader = _reader(client, environment.clock, environment, settings)
                yield Session(target, store, client, reader, environment.clock, account, began)


class _StoredSession(RedactedRepr, Struct, frozen=True):
    """The session in the store, sealed. Without it there is one more call, so errors of the store do not count."""

    hidden = ("token",)

    store: Store
    token: CustomerToken
    target: Target

    @property
    def _place(self) -> tuple[Site, str]:
        """The place in the store: a session is of an account, for all its organisations."""
        return Site(self.target.name, OrganisationId(0)), self.token.account(self.target.base_url)

    def load(self) -> tuple[str, float] | None:
        with suppress(StoreError):
            sealed, at = self.store.capabilities(*self._place).get("session", ("", self.store.now()))
            token = unseal(sealed, self.token) if sealed else None
            return None if token is None else (token, (self.store.now() - at).total_seconds())
        return None

    def save(self, token: str) -> None:
        with suppress(StoreError):
            self.store.set_capabilities(*self._place, {"session": seal(token, self.token)})


def _budget_store(store: Store, environment: Environment) -> AbstractContextManager[Store]:
    """Return the store in which calls are counted: a fleet's, if the stores of one customer's centres differ."""
    place = environment.variables.get(BUDGET)
    if not place:
        return nullcontext(store)
    try:
        return Store.open(place, clock=environment.clock)
    except StoreError as error:
        raise StoreError([_of_budget(problem) for problem in error.problems]) from error


def _of_budget(problem: Problem) -> Problem:
    return problem._replace(fix=problem.fix.removesuffix(f" {DEFAULT}").replace(SETTING, BUDGET))


def _reader(client: OneFile, clock: Clock, environment: Environment, settings: Settings) -> Reader:
    return Reader(
        client,
        clock,
        keeps_names=environment.may_name(settings),
        longest_read_lag_seconds=settings.longest_read_lag_seconds,
        notify=environment.note,
    )


@contextmanager
def learnt_capabilities(
    session: Session, environment: Environment, organisation: OrganisationId
) -> Iterator[Capabilities]:
    """Yield what is known of the organisation's lists, and store what is learnt, also if the reading fails."""
    store, site = session.store, Site(session.target.name, organisation)
    capabilities = Capabilities.of(store.capabilities(site, session.account), environment.clock.now())
    try:
        yield capabilities
    finally:
        if capabilities.changed:
            store.set_capabilities(site, session.account, capabilities.changed)


def progress_listener(environment: Environment, settings: Settings) -> AbstractContextManager[ProgressListener | None]:
    """Return the progress listener, or a null context."""
    return environment.progress(settings.calls_per_minute) if environment.progress else nullcontext()


@asynccontextmanager
async def _embedded(file: Path, environment: Environment, settings: Settings) -> AsyncIterator[tuple[OneFile, Clock]]:
    """Open the sandbox in this process, its data beside the store. Its clock moves only while somebody waits."""
    from onefile_sandbox.app import create_app
    from onefile_sandbox.world import World
    from reconciler.onefile.in_process import dropped_answer, in_process

    clock = VirtualClock(environment.clock.now())
    with world_problems(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        world = World.open(file)
    app = create_app(world, clock=clock, dropped=dropped_answer)
    limiter = RateLimiter(MemoryLedger(clock), settings.calls_per_minute, clock)
    async with OneFile(
        "http://sandbox.invalid/api/v2.1",
        CustomerToken("sandbox"),
        rate_limiter=limiter,
        clock=clock,
        transport=in_process(app),
        longest_wait_seconds=settings.longest_wait_seconds,
        notify=environment.note,
    ) as client:
        try:
            yield client, clock
        finally:
            world.close()


@contextmanager
def world_problems(file: Path) -> Iterator[None]:
    """Turn the errors of a sandbox file that cannot be used into problems."""
    from onefile_sandbox.eventlog import WorldFileError

    try:
        yield
    except WorldFileError as error:
        fix = "Remove the file to start with a new sandbox."
        raise ReconcilerError(Problem(str(error), fix, where=str(file))) from error
    except OSError as error:
        what = f"the sandbox's data cannot be saved: {error.strerror or error}"
        fix = "Check the folder's permissions and free space."
        raise ReconcilerError(Problem(what, fix, where=str(file))) from error


def begin_run(
    store: Store,
    options: Options,
    environment: Environment,
    command: str,
    site: Site,
    *,
    fingerprint: str = "",
    who: str = "",
    files: GitState | None = None,
    plan: Plan | None = None,
) -> int:
    """Start a run and return its number. `plan` is the one that it carries out.

    `who` and `files` default to this user and the commit that is checked out.
    """
    files = files or git_state(options.state)
    return store.begin_run(
        command=command,
        target=site.target,
        organisation=site.organisation,
        fingerprint=fingerprint,
        who=who or environment.who(),
        commit=files.commit,
        uncommitted=files.uncommitted,
        made=plan.created_at if plan else None,
        reverts=plan.reverts if plan else None,
        approved_by=environment.approved_by() if plan else "",
    )


def nothing_recorded(store: Store, site: Site, *others: Site) -> str:
    """Return that this store has no record to detect drift with, in words; nothing if it has one of any site."""
    if any(map(store.has_record, (site, *others))):
        return ""
    return f"nothing is recorded in {place_of(store)} for {site.target}, organisation {site.organisation}"
