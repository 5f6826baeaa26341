"""What outlives a run: runs, journal, record, lock, budget, facts and open matters, in SQLite or PostgreSQL."""

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
from reconciler.store.episodes import Observation, OpenIssues
from reconciler.store.journal import Journal
from reconciler.store.lock import Lock
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
    """Each method is one short transaction, committed when it returns; each failure is a StoreError.

    Methods block for milliseconds, or while another process writes, for at most `patience` seconds. `place` is where
    it is, without a password; `is_new`: it was made by this opening.
    """

    def __init__(self, database: Database, *, is_new: bool) -> None:
        super().__init__(database)
        self.is_new = is_new
        self.place = database.place

    @classmethod
    def open(cls, url: str, *, clock: Clock, patience: float = 20.0, make: bool = True) -> Self:
        """`url` is a path or sqlite:///path, made with its folder if missing, or postgresql://user@host/database.
        Raises NoStore where there is none and none is to be made.

        Leases and calls go by PostgreSQL's clock where there is one, and by `clock` otherwise. A clock that is
        not the SystemClock is obeyed on both."""
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
        """The call budget that all processes of one account share; `window` and `answer` in seconds."""
        return Ledger(self._database, account, window=window, answer=answer)
