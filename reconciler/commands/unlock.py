"""`unlock`: releases a lock that a dead run left."""

from __future__ import annotations

from reconciler.model.slots import Site
from reconciler.problems import Locked, Problem
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.lock import Process, process_of
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import store_of
from reconciler.runtime.target import target_of
from reconciler.store import Lease


def unlock(options: Options, environment: Environment, *, reason: str) -> Lease | None:
    """Release the lock of the settings' target and organisation, and store who did it and why.

    Returns the lease that was released. Raises Locked if its process is alive on this machine.
    """
    settings = read_state(options, environment).settings
    site = Site(target_of(options, environment, settings).name, settings.organisation)
    with store_of(options, environment, make=False) as store:
        lease = store.holder(site)
        if lease is None:
            return None
        if process_of(lease.host) is Process.ALIVE:
            raise Locked(_alive(lease))
        return store.break_lock(site, by=environment.who(), reason=reason, token=lease.token)


def _alive(lease: Lease) -> Problem:
    run = f"run {lease.run}" if lease.run is not None else "its run"
    return Problem(
        f"{run} of {lease.holder} is still running on this machine: `{lease.command}` on {lease.host}",
        "Wait for it, or end that process first (Ctrl-C, or kill with its number). A run whose process has ended on "
        "this machine needs no unlock.",
        where=f"organisation {lease.organisation} on {lease.target}",
    )
