"""The lock of runs that write: acquired, renewed while the run lasts, taken over from a dead process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path

from reconciler.model.slots import Site
from reconciler.problems import Locked, ReconcilerError, StoreError
from reconciler.runtime.environment import Environment, host
from reconciler.store import Lease, Store
from reconciler.store.lock import taken

LEASE_SECONDS = 90.0


@asynccontextmanager
async def locked(
    store: Store, site: Site, environment: Environment, *, command: str, run: int | None = None
) -> AsyncIterator[Callable[[], None]]:
    """Hold the lock of a site for `run`, renewed while the block lasts. Raises Locked if another run holds it.

    Yields a function to call before each write: it raises Locked once the lock is lost.
    """
    lease = _acquire(store, site, environment, command, run)
    lost: list[ReconcilerError] = []

    def renew() -> None:
        try:
            store.renew(lease)
        except ReconcilerError as error:  # a lock in a store that cannot be reached is lost too
            lost.append(error)

    async def beat() -> None:
        while not lost:
            await asyncio.sleep(LEASE_SECONDS / 3)  # real time, also with the sandbox's virtual clock
            renew()

    def still_ours() -> None:
        if not lost:
            renew()  # asked of the store each time: a suspended process may have lost the lock meanwhile
        if lost:
            raise lost[0]

    heart = asyncio.create_task(beat())
    try:
        yield still_ours
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
        with suppress(StoreError):  # the lease expires by itself, and the run must still be reported
            store.release(lease)


def refuse_if_held(store: Store, site: Site) -> None:
    """Check the lock before calls are spent. Raises Locked if another run holds it, unless its process is gone.

    Does not acquire the lock; `locked` does.
    """
    other = store.holder(site)
    if other and process_of(other.host) is not Process.GONE:
        raise Locked(taken(other))


def _acquire(store: Store, site: Site, environment: Environment, command: str, run: int | None) -> Lease:
    def acquire() -> Lease:
        return store.acquire(
            site,
            holder=environment.who(),
            host=f"{_machine()}{os.getpid()})",
            command=command,
            run=run,
            lease_seconds=LEASE_SECONDS,
        )

    try:
        return acquire()
    except Locked:
        other = store.holder(site)
        if other is None or process_of(other.host) is not Process.GONE:
            raise
        why = "its process on this machine has ended"
        store.break_lock(site, by=environment.who(), reason=why, token=other.token)
        return acquire()


def _machine() -> str:
    """Return the scope of process numbers: this host, and on Linux this container, which may have the host's name."""
    try:
        space = f", {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        space = ""
    return f"{host()}{space} (process "


class Process(Enum):
    """State of the process that holds a lease, as this machine sees it."""

    GONE = "gone"
    ALIVE = "alive"
    NOT_SEEN = "not seen"  # on another machine, or not visible here: its lease must expire


def process_of(place: str) -> Process:
    """Return the state of the process that is named in a lease."""
    if os.name != "posix" or not place.startswith(_machine()):
        return Process.NOT_SEEN
    try:
        os.kill(int(place.removeprefix(_machine()).rstrip(")")), 0)
    except ProcessLookupError:
        return Process.GONE
    except PermissionError:  # another account's
        return Process.ALIVE
    except (ValueError, OSError, OverflowError):
        return Process.NOT_SEEN
    return Process.ALIVE
