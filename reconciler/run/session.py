"""A conversation with one OneFile, the embedded sandbox included, beside the store that remembers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from reconciler.clock import Clock, VirtualClock
from reconciler.model import Settings
from reconciler.problems import Problem, ReconcilerError
from reconciler.run.context import Context
from reconciler.run.remembering import open_store
from reconciler.run.targets import target_of
from reconciler.run.token import customer_token
from reconciler.service.budget import Budget, MemoryLedger
from reconciler.service.client import OneFile
from reconciler.service.facts import Facts
from reconciler.service.reader import Reader
from reconciler.service.secret import CustomerToken
from reconciler.service.targets import Target
from reconciler.service.trust import CA_FILE
from reconciler.store import Store
from reconciler.values import Struct

if TYPE_CHECKING:
    from reconciler.observed.reading import Teller


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
            budget = Budget(store.ledger(token.account(target.base_url)), settings.calls_per_minute, context.clock)
            ca_file = context.environment.get(CA_FILE, "")
            async with OneFile(target.base_url, token, budget=budget, clock=context.clock, ca_file=ca_file) as client:
                reader = Reader(client, context.clock, keeps_names=context.may_name(settings))
                yield Session(target, store, client, reader, context.clock)


@contextmanager
def learning(session: Session, context: Context) -> Iterator[Facts]:
    """What is known of the server's lists; what is learnt meanwhile is kept, also when the reading fails."""
    store, target = session.store, session.target.name
    facts = Facts.of(store.learnt(target), context.clock.now())
    try:
        yield facts
    finally:
        for name, value in facts.changed.items():
            if value is None:
                store.forget(target, name)
            else:
                store.learn(target, name, value)


def telling(context: Context, settings: Settings) -> AbstractContextManager[Teller | None]:
    """Whoever hears what a reading costs, if anybody."""
    return context.tell(settings.calls_per_minute) if context.tell else nullcontext()


@asynccontextmanager
async def _embedded(context: Context, settings: Settings) -> AsyncIterator[tuple[OneFile, Clock]]:
    """The sandbox in this process: its world kept beside the store, its minutes passing only when somebody waits."""
    from reconciler.sandbox.app import create_app
    from reconciler.sandbox.world import World
    from reconciler.service.embedded import dropped_answer, in_process

    clock = VirtualClock(context.clock.now())
    with world_problems(context):
        context.folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        world = World.open(context.world_file())
    app = create_app(world, clock=clock, dropped=dropped_answer)
    budget = Budget(MemoryLedger(clock), settings.calls_per_minute, clock)
    async with OneFile(
        "http://sandbox.invalid/api/v2.1",
        CustomerToken("sandbox"),
        budget=budget,
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
    from reconciler.sandbox.eventlog import WorldFileError

    try:
        yield
    except WorldFileError as error:
        fix = "Remove the file to start the sandbox with a new world."
        raise ReconcilerError(Problem(str(error), fix, where=str(context.world_file()))) from error
    except OSError as error:
        what = f"the sandbox's world cannot be kept: {error.strerror or error}"
        fix = "Check the folder's permissions and free space."
        raise ReconcilerError(Problem(what, fix, where=str(context.world_file()))) from error
