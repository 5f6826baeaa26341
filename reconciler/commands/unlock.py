"""unlock: a person takes the lock from a run that is gone, and says why."""

from __future__ import annotations

from reconciler.model.slots import Site
from reconciler.problems import Locked, Problem
from reconciler.runtime.context import Context, target_of
from reconciler.runtime.lock import Process, process_of
from reconciler.store import Lease, Store


def unlock(context: Context, *, reason: str) -> Lease | None:
    """Take the lock of the settings' target and organisation from whoever has it, and note who did so and why.
    Raises Locked where the process that has it is seen to be alive."""
    settings = context.declared().settings
    target = target_of(context, settings).name
    with Store.open(context.store_url(), clock=context.clock, make=False) as store:
        lease = store.holder(Site(target, settings.organisation))
        if lease is None:
            return None
        if process_of(lease.host) is Process.ALIVE:
            raise Locked(_alive(lease))
        return store.break_lock(Site(target, settings.organisation), by=context.who(), reason=reason, token=lease.token)


def _alive(lease: Lease) -> Problem:
    run = f"run {lease.run}" if lease.run is not None else "its run"
    return Problem(
        f"{run} of {lease.holder} still works on this machine: `{lease.command}` on {lease.host}",
        "Wait for it, or end that process first (Ctrl-C, or kill with its number): a run whose process has ended on "
        "this machine needs no unlock.",
        where=f"organisation {lease.organisation} on {lease.target}",
    )
