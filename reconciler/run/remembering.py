"""The store that a command goes by: which it is, that it was only just made, and that nothing is recorded in it."""

from __future__ import annotations

from pathlib import Path

from reconciler.operations import Stand
from reconciler.run.context import Context
from reconciler.store import Store


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
    target: str,
    organisation: int,
    *,
    fingerprint: str = "",
    who: str = "",
    stand: Stand | None = None,
) -> int:
    """A new run's number: asked for by this user at the commit that is checked out, unless others are named."""
    stand = stand or context.stand()
    return store.begin_run(
        command=command,
        target=target,
        organisation=organisation,
        fingerprint=fingerprint,
        who=who or context.who(),
        commit=stand.commit,
        uncommitted=stand.uncommitted,
    )


def place_of(store: Store) -> str:
    """Where the store is, as people type it; never a password."""
    here, place = Path.cwd(), Path(store.place)
    return str(place.relative_to(here)) if place.is_relative_to(here) else store.place


def nothing_recorded(store: Store, target: str, organisation: int) -> str:
    """That this store has no record to tell drift by, and which store it is; nothing where it has one."""
    if store.has_record(target, organisation):
        return ""
    return f"nothing is recorded in {place_of(store)} for {target}, organisation {organisation}"
