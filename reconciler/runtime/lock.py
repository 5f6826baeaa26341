"""The lock of runs that write: acquired, renewed while the run lasts, taken over from a dead process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path

from reconciler.model.plan import Plan
from reconciler.model.slots import Site
from reconciler.problems import Locked, ReconcilerError, StoreError
from reconciler.runtime.environment import Environment, host
from reconciler.store import Lease, Store
from reconciler.store.lock import taken

LEASE_SECONDS = 90.0


@asynccontextmanager
async def locked(
    store: Store, *sites: Site, environment: Environment, command: str, run: int | None = None
) -> AsyncIterator[Callable[[], None]]:
    """Hold the locks of all *sites* for `run`, renewed while the block lasts. Raises Locked if another run holds one.

    Yields a function to call before each write: it raises Locked once a lock is lost.
    """
    lost: list[ReconcilerError] = []
    leases: list[Lease] = []

    def renew() -> None:
        try:
            for lease in leases:
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

    try:
        for site in sorted(set(sites)):
            leases.append(_acquire(store, site, environment, command, run))
        heart = asyncio.create_task(beat())
        try:
            yield still_ours
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
    finally:
        for lease in leases:
            with suppress(StoreError):  # the lease expires by itself, and the run must still be reported
                store.release(lease)


def sites_of(plan: Plan) -> list[Site]:
    """Return every organisation that a plan touches, its own included: a cohort may name another."""
    return sorted(plan.by_site())


def refuse_if_held(store: Store, site: Site) -> None:
    """Check the lock before calls are spent. Raises Locked if another run holds it, unless its process is gone.

    Does not acquire the lock; `locked` does.
    """
    other = store.holder(site)
    if other and process_of(other.host) is not Process.GONE:
        raise Locked(taken(other))


def is_left(store: Store, site: Site) -> bool:
    """Return whether the process of the lock's holder is gone."""
    holder = store.holder(site)
    return holder is not None and process_of(holder.host) is Process.GONE


def _acquire(store: Store, site: Site, environment: Environment, command: str, run: int | None) -> Lease:
    def acquire() -> Lease:
        return store.acquire(
            site,
            holder=environment.who(),
            host=f"{machine()}{os.getpid()})",
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


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine() -> str:
    """Return the scope of process numbers: one container of one boot of one machine.

    Several machines may have one host name, and process numbers begin again with each boot.
    """
    try:
        place = f", {Path('/proc/self/ns/pid').readlink()}, boot {_BOOT_ID.read_text('ascii')[:13]}"
    except (OSError, ValueError):
        place = ""
    return f"{host()}{place} (process "


class Process(Enum):
    """State of the process that holds a lease, as this machine sees it."""

    GONE = "gone"
    ALIVE = "alive"
    NOT_SEEN = "not seen"  # on another machine, or not visible here: its lease must expire


def process_of(place: str) -> Process:
    """Return the state of the process that is named in a lease."""
    scope = machine()
    if ", boot " not in scope or not place.startswith(scope):
        return Process.NOT_SEEN
    try:
        os.kill(int(place.removeprefix(scope).rstrip(")")), 0)
    except ProcessLookupError:
        return Process.GONE
    except PermissionError:  # another account's
        return Process.ALIVE
    except (ValueError, OSError, OverflowError):
        return Process.NOT_SEEN
    return Process.ALIVE
