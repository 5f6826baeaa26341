"""A conversation with one OneFile, the embedded sandbox included, beside the store that remembers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from onefile_sandbox.clock import VirtualClock
from reconciler.clock import Clock
from reconciler.model.declared import Settings
from reconciler.model.plan import GitState
from reconciler.model.slots import Site
from reconciler.model.structs import Struct
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.client import OneFile
from reconciler.onefile.reader import Reader
from reconciler.onefile.targets import Target
from reconciler.onefile.tls import CA_FILE
from reconciler.onefile.token import CustomerToken
from reconciler.problems import Problem, ReconcilerError
from reconciler.ratelimit import MemoryLedger, RateLimiter
from reconciler.runtime.context import Context, target_of
from reconciler.runtime.token import customer_token
from reconciler.store import Store

if TYPE_CHECKING:
    from reconciler.observed.observe import ProgressListener


class Session(Struct, frozen=True):
    target: Target
    store: Store
    client: OneFile
    reader: Reader
    clock: Clock


@asynccontextmanager
async def open_session(context: Context, settings: Settings) -> AsyncIterator[Session]:
    """Open the store and the client of the target. Raises Invalid for a target, token or world that cannot be meant."""
    target = target_of(context, settings)
    with open_store(context) as store:
        if target.embedded:
            async with _embedded(context, settings) as (client, clock):
                reader = Reader(client, clock, keeps_names=context.may_name(settings))
                yield Session(target, store, client, reader, clock)
        else:
            token = customer_token(context)
            limiter = RateLimiter(
                store.ledger(token.account(target.base_url)), settings.calls_per_minute, context.clock
            )
            ca_file = context.environment.get(CA_FILE, "")
            async with OneFile(
                target.base_url, token, rate_limiter=limiter, clock=context.clock, ca_file=ca_file
            ) as client:
                reader = Reader(client, context.clock, keeps_names=context.may_name(settings))
                yield Session(target, store, client, reader, context.clock)


@contextmanager
def learnt_capabilities(session: Session, context: Context) -> Iterator[Capabilities]:
    """What is known of the server's lists; what is learnt meanwhile is kept, also when the reading fails."""
    store, target = session.store, session.target.name
    capabilities = Capabilities.of(store.values(target), context.clock.now())
    try:
        yield capabilities
    finally:
        for name, value in capabilities.changed.items():
            if value is None:
                store.clear_value(target, name)
            else:
                store.set_value(target, name, value)


def progress_listener(context: Context, settings: Settings) -> AbstractContextManager[ProgressListener | None]:
    """Whoever hears what a reading costs, if anybody."""
    return context.progress(settings.calls_per_minute) if context.progress else nullcontext()


@asynccontextmanager
async def _embedded(context: Context, settings: Settings) -> AsyncIterator[tuple[OneFile, Clock]]:
    """The sandbox in this process: its world kept beside the store, its minutes passing only when somebody waits."""
    from onefile_sandbox.app import create_app
    from onefile_sandbox.world import World
    from reconciler.onefile.in_process import dropped_answer, in_process

    clock = VirtualClock(context.clock.now())
    with world_problems(context):
        context.folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        world = World.open(context.world_file())
    app = create_app(world, clock=clock, dropped=dropped_answer)
    limiter = RateLimiter(MemoryLedger(clock), settings.calls_per_minute, clock)
    async with OneFile(
        "http://sandbox.invalid/api/v2.1",
        CustomerToken("sandbox"),
        rate_limiter=limiter,
        clock=clock,
        transport=in_process(app),
    ) as client:
        try:
            yield client, clock
        finally:
            world.close()


@contextmanager
def world_problems(context: Context) -> Iterator[None]:
    """What the sandbox says of a world file it cannot use, as a problem."""
    from onefile_sandbox.eventlog import WorldFileError

    try:
        yield
    except WorldFileError as error:
        fix = "Remove the file to start the sandbox with a new world."
        raise ReconcilerError(Problem(str(error), fix, where=str(context.world_file()))) from error
    except OSError as error:
        what = f"the sandbox's world cannot be kept: {error.strerror or error}"
        fix = "Check the folder's permissions and free space."
        raise ReconcilerError(Problem(what, fix, where=str(context.world_file()))) from error


def open_store(context: Context) -> Store:
    """The store, for a command that depends on what it remembers: one that was made just now is told of, for it may
    be that another was meant."""
    store = Store.open(context.store_url(), clock=context.clock)
    if store.is_new and context.says:
        context.says(f"New, empty record: {place_of(store)}")
    return store


def begin_run(
    store: Store,
    context: Context,
    command: str,
    site: Site,
    *,
    fingerprint: str = "",
    who: str = "",
    stand: GitState | None = None,
) -> int:
    """A new run's number: asked for by this user at the commit that is checked out, unless others are named."""
    stand = stand or context.git_state()
    return store.begin_run(
        command=command,
        target=site.target,
        organisation=site.organisation,
        fingerprint=fingerprint,
        who=who or context.who(),
        commit=stand.commit,
        uncommitted=stand.uncommitted,
    )


def place_of(store: Store) -> str:
    """Where the store is, as people type it; never a password."""
    here, place = Path.cwd(), Path(store.place)
    return str(place.relative_to(here)) if place.is_relative_to(here) else store.place


def nothing_recorded(store: Store, site: Site) -> str:
    """That this store has no record to tell drift by, and which store it is; nothing where it has one."""
    if store.has_record(site):
        return ""
    return f"nothing is recorded in {place_of(store)} for {site.target}, organisation {site.organisation}"
