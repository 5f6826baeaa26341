"""The lock around whatever writes: taken, renewed while the work lasts, taken over from a process that is gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from reconciler.problems import Locked, ReconcilerError, StoreError
from reconciler.run.context import Context, host
from reconciler.store import Lease, Store

LEASE_SECONDS = 90.0


@asynccontextmanager
async def locked(
    store: Store, target: str, organisation: int, context: Context, *, command: str, run: int | None = None
) -> AsyncIterator[Callable[[], None]]:
    """Hold the lock of a target's organisation for `run`, renewed while the block lasts.

    What it yields raises Locked once the lock is lost: to be called before each write. Raises Locked while another
    run holds it.
    """
    lease = _acquire(store, target, organisation, context, command, run)
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


def _acquire(store: Store, target: str, organisation: int, context: Context, command: str, run: int | None) -> Lease:
    def acquire() -> Lease:
        return store.acquire(
            target,
            organisation,
            holder=context.who(),
            host=f"{_machine()}{os.getpid()})",
            command=command,
            run=run,
            lease_seconds=LEASE_SECONDS,
        )

    try:
        return acquire()
    except Locked:
        other = store.holder(target, organisation)
        if other is None or not _process_is_gone(other.host):
            raise
        why = "its process on this machine has ended"
        store.break_lock(target, organisation, by=context.who(), reason=why, token=other.token)
        return acquire()


def _machine() -> str:
    """Where process numbers mean the same: this host, and on Linux this container, which may bear the host's name."""
    try:
        space = f", {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        space = ""
    return f"{host()}{space} (process "


def _process_is_gone(place: str) -> bool:
    """Whether a lease's host is this machine and its process no longer exists. Elsewhere its lease must lapse."""
    if os.name != "posix" or not place.startswith(_machine()):
        return False
    try:
        os.kill(int(place.removeprefix(_machine()).rstrip(")")), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):
        return False
    return False
