"""Persistent store: runs, journal, last-applied record, lock, call ledger, server capabilities, open issues."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from reconciler.clock import Clock
from reconciler.model.history import (
    Correction,
    Event,
    JournalOperation,
    JournalRow,
    LastApplied,
    Lease,
    OpenIssue,
    RunRow,
)
from reconciler.ratelimit import LONGEST_CALL_SECONDS, WINDOW_SECONDS
from reconciler.store.call_ledger import Ledger
from reconciler.store.database import Database, open_database
from reconciler.store.journal import Journal
from reconciler.store.lock import Lock
from reconciler.store.open_issues import Observation, OpenIssues
from reconciler.store.record import Record

__all__ = [
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
    "Store",
]


class Store(Journal, Record, Lock, OpenIssues):
    """The whole store over one database; each method is one committed transaction, each failure a StoreError.

    A method takes milliseconds, or up to `patience` seconds while another process writes. `place` is the address
    without a password. `is_new`: this opening created the store.
    """

    def __init__(self, database: Database, *, is_new: bool) -> None:
        super().__init__(database)
        self.is_new = is_new
        self.place = database.place

    @classmethod
    def open(cls, url: str, *, clock: Clock, patience: float = 20.0, make: bool = True) -> Self:
        """Open a store, and bring its schema up to date.

        `url` is a path or sqlite:///path, created with its folder if missing, or postgresql://user@host/database.
        Leases and calls use PostgreSQL's clock if there is one, else `clock`. A clock other than SystemClock is used
        with both. Raises NoStore if there is no store and `make` is false.
        """
        database = open_database(url, clock, patience, make=make)
        try:
            is_new = database.prepare(make=make)
        except BaseException:
            database.close()
            raise
        return cls(database, is_new=is_new)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ledger(self, account: str, *, window: float = WINDOW_SECONDS, answer: float = LONGEST_CALL_SECONDS) -> Ledger:
        """Return the call ledger that all processes of one account share; `window` and `answer` are in seconds."""
        return Ledger(self._database, account, window=window, answer=answer)
