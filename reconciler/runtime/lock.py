"""The lock around whatever writes: taken, renewed while the work lasts, taken over from a process that is gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path

from reconciler.model.slots import Site
from reconciler.problems import Locked, ReconcilerError, StoreError
from reconciler.runtime.context import Context, host
from reconciler.store import Lease, Store
from reconciler.store.lock import taken

LEASE_SECONDS = 90.0


@asynccontextmanager
async def locked(
    store: Store, site: Site, context: Context, *, command: str, run: int | None = None
) -> AsyncIterator[Callable[[], None]]:
    """Hold the lock of a target's organisation for `run`, renewed while the block lasts.

    What it yields raises Locked once the lock is lost: to be called before each write. Raises Locked while another
    run holds it.
    """
    lease = _acquire(store, site, context, command, run)
    lost: list[ReconcilerError] = []

    def renew() -> None:
        try:
            store.renew(lease)
        except ReconcilerError as error:  # a store that cannot be reached holds no lock either
            lost.append(error)

    async def beat() -> None:
        while not lost:
            await asyncio.sleep(LEASE_SECONDS / 3)  # real time, also where the sandbox's minutes are not
            renew()

    def still_ours() -> None:
        if not lost:
            renew()  # asked of the store each time: a process that was suspended may have lost the lock meanwhile
        if lost:
            raise lost[0]

    heart = asyncio.create_task(beat())
    try:
        yield still_ours
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
        with suppress(StoreError):  # it lapses by itself, and what the run did must still be told
            store.release(lease)


def refuse_if_held(store: Store, site: Site) -> None:
    """A look at the lock before calls are spent on what could then not be written. Raises Locked while another run
    holds it, unless that run's process is gone. The lock is not taken: that is for `locked`."""
    other = store.holder(site)
    if other and process_of(other.host) is not Process.GONE:
        raise Locked(taken(other))


def _acquire(store: Store, site: Site, context: Context, command: str, run: int | None) -> Lease:
    def acquire() -> Lease:
        return store.acquire(
            site,
            holder=context.who(),
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
        store.break_lock(site, by=context.who(), reason=why, token=other.token)
        return acquire()


def _machine() -> str:
    """Where process numbers mean the same: this host, and on Linux this container, which may bear the host's name."""
    try:
        space = f", {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        space = ""
    return f"{host()}{space} (process "


class Process(Enum):
    """What can be told from here of the process that took a lease."""

    GONE = "gone"
    ALIVE = "alive"
    NOT_SEEN = "not seen"  # it is another machine's, or this one does not tell: its lease must lapse


def process_of(place: str) -> Process:
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
