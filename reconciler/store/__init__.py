"""Persistent store: runs, journal, last-applied record, lock, call ledger, server capabilities, open issues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.clock import Clock
from reconciler.model.history import (
    AppliedCohort,
    Correction,
    Event,
    JournalOperation,
    JournalRow,
    LastApplied,
    Lease,
    OpenIssue,
    RunRow,
    Sighting,
)
from reconciler.model.slots import Site
from reconciler.ratelimit import LONGEST_CALL_SECONDS, WINDOW_SECONDS
from reconciler.store.address import GIT_SCHEME
from reconciler.store.call_ledger import Ledger
from reconciler.store.capabilities import StoredCapabilities
from reconciler.store.database import Database, open_database
from reconciler.store.journal import Journal
from reconciler.store.lock import Lock
from reconciler.store.messages import Messages
from reconciler.store.migrations import newest
from reconciler.store.open_issues import Observation, OpenIssues
from reconciler.store.record import Record

__all__ = [
    "AppliedCohort",
    "Correction",
    "Event",
    "JournalOperation",
    "JournalRow",
    "LastApplied",
    "Lease",
    "Ledger",
    "Observation",
    "OpenIssue",
    "RunRow",
    "Sighting",
    "Store",
]


class Store(Journal, Record, StoredCapabilities, Lock, OpenIssues, Messages):
    """The whole store over one database; each method is one committed transaction, each failure a StoreError.

    A method takes milliseconds, or up to `patience` seconds while another process writes. `place` is the address
    without a password. `is_new`: this opening created the store. `keeps_each_send`: that an operation was sent
    is stored before it is sent; a store on a branch keeps its intent alone. `keeps_sessions`: a sealed session may
    be kept here; not on a branch, which others read and which forgets nothing.
    """

    keeps_each_send = True
    keeps_sessions = True

    def __init__(self, database: Database, *, is_new: bool) -> None:
        super().__init__(database)
        self.is_new = is_new
        self.place = database.place

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Clock,
        patience: float = 20.0,
        make: bool = True,
        token: str = "",
        repository: Callable[[], tuple[str, ...]] = tuple,
    ) -> Store:
        """Open a store, and bring its schema up to date.

        `url` is a path or sqlite:///path, created with its folder if missing, or postgresql://user@host/database, or
        git+branch, to whose remote the `token` gives access. Leases and calls use PostgreSQL's clock if there is one,
        else `clock`. A clock other than SystemClock is used with both. `repository` returns names of the repository
        and folder of the files, the best one first: runs, cohorts and issues are stored under it, and those under any
        of the names are its own. Raises NoStore if there is no store and `make` is false.
        """
        if url.startswith(GIT_SCHEME):
            from reconciler.store.git.store import GitStore  # only for stores on a branch

            store = GitStore.open_branch(url, clock=clock, patience=patience, make=make, token=token)
            store._database.find_repository = repository
            return store
        database = open_database(url, clock, patience, make=make)
        database.find_repository = repository
        try:
            is_new = database.prepare(make=make)
        except BaseException:
            database.close()
            raise
        return cls(database, is_new=is_new)

    def close(self) -> None:
        self._database.close()

    def world_file(self, default: Path) -> Path:
        """Return the file of the embedded sandbox's world; a store on a branch keeps it there."""
        return default

    def checkpoint(self) -> None:
        """Make everything durable that was stored so far. A database does so in each method."""

    def check_writable(self) -> str:
        """Check that the store takes writes, without changing anything; return its kind and place in words."""
        self.set_capabilities(Site("doctor", 0), "", {"writable": None})
        kind = "PostgreSQL" if self._database.is_postgresql else f"SQLite, {self.place}"
        return f"{kind}; schema version {newest()}; can be written to"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ledger(self, account: str, *, window: float = WINDOW_SECONDS, answer: float = LONGEST_CALL_SECONDS) -> Ledger:
        """Return the call ledger that all processes of one account share; `window` and `answer` are in seconds."""
        return Ledger(self._database, account, window=window, answer=answer)
