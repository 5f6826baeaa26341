"""Database of a store on a branch: a working copy of the cache for this process, and the rule of when to push."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from reconciler.clock import Clock
from reconciler.model.history import Lease
from reconciler.problems import Problem, StoreError
from reconciler.store.connection import Connection
from reconciler.store.database import Database, none_yet
from reconciler.store.errors import problem_of
from reconciler.store.git.address import GitAddress
from reconciler.store.git.branch import Branch, LostRace
from reconciler.store.git.remote import Remote
from reconciler.store.git.rows import make_notes, note_changes, noted_lines
from reconciler.store.lock import check_leases
from reconciler.store.migrations import migrate, newest, version_of

PUSH_SECONDS = 30.0
"""Outcomes are pushed at the latest after so many seconds, while anything is done."""
_RACES = 50
_KEPT = "record.db"
_LONGEST_RUN = 2 * 86_400  # seconds

T = TypeVar("T")


class GitDatabase(Database):
    """The working copy of one process, made from the cache and the branch, and never used again.

    What a claim writes is on the branch before it is in the working copy: `claiming` pushes inside the transaction.
    Everything else is noted, and pushed by the next claim or `flush`. While a run is open or a lock is held, that is
    at the latest `PUSH_SECONDS` later; otherwise at once.
    """

    def __init__(self, address: GitAddress, clock: Clock, patience: float, token: str) -> None:
        self._cache = Path(address.cache)
        self._work = self._cache / f"work-{os.getpid()}-{secrets.token_hex(4)}.db"
        super().__init__(self._connect_noting, address.place, clock, patience)
        self._remote = Remote(address, self._cache, token)
        self.world = self._work.with_suffix(".jsonl")
        self.branch = Branch(self._remote, patience, attached={"sandbox/world.jsonl": self.world})
        self._claims = self._defers = 0
        self._pushed_at = self._proven = time.monotonic()
        self.tokens: set[str] = set()  # of the locks that were taken through this store
        self.runs: list[int] = []  # begun through this store and not ended

    # -------------------------------------------------------------- opening and following

    def open(self, *, make: bool) -> bool:
        """Fetch the branch and make the working copy; True if there is no branch yet. Raises NoStore unless `make`."""
        try:
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_leftovers(self._cache)
            self._start_from_cache()
            with self._plain() as driver:
                moved = self.branch.follow(driver, self._clock.now())
                migrate(Connection(driver, is_postgresql=False), self._clock.now(), self.place)
                make_notes(driver)
            if moved:
                self._keep()
        except OSError as error:
            what = f"the store's cache cannot be used ({error.strerror or error})"
            raise StoreError(Problem(what, "Check the folder and the disk.", where=str(self._cache))) from error
        if not self.branch.tip and not make:
            raise none_yet(self.place)
        return not self.branch.tip

    def follow(self) -> None:
        """Fetch the branch, and bring the working copy up to it.

        Rows that were not pushed are forgotten if a lock of this process was lost: the next run has settled them.
        """
        with self._plain() as driver:
            if self.branch.follow(driver, self._clock.now()):
                held = {token for (token,) in driver.execute("SELECT token FROM leases")}
                if not self.tokens <= held:
                    driver.execute("DELETE FROM git_rows")

    def _start_from_cache(self) -> None:
        """Copy the cache, or leave the working copy to be made from the whole branch."""
        kept = self._cache / _KEPT
        if not (self._remote.has_objects and kept.exists()):
            return
        shutil.copyfile(kept, self._work)
        try:
            with closing(sqlite3.connect(self._work, isolation_level=None)) as driver:
                if version_of(Connection(driver, is_postgresql=False)) <= newest():
                    self.branch.resume(driver)
                    return
        except (sqlite3.Error, StoreError, ValueError):
            pass
        _remove(self._work)

    def _keep(self) -> None:
        """Keep the working copy as the cache for the next opening. Nothing depends on it."""
        made = self._work.with_suffix(".new")
        with suppress(OSError):
            shutil.copyfile(self._work, made)
            made.chmod(0o600)
            made.replace(self._cache / _KEPT)

    def close(self) -> None:
        super().close()
        self._remote.close()
        _remove(self._work)
        self.world.unlink(missing_ok=True)

    # -------------------------------------------------------------- pushing

    @contextmanager
    def writing(self, lock: str = "") -> Iterator[Connection]:
        """Open one transaction; a claim's is on the branch before it is committed here."""
        if any(self._has_expired(lease) for lease in self.leases.values()):
            self.follow()  # to name the run that holds the lock now
        with super().writing(lock) as connection:
            yield connection
            if self._claims:
                self._push(connection)
        if not (self._claims or self._defers) and self._is_due():
            self.flush()

    def claim(self, act: Callable[[], T]) -> T:
        """Carry out one write on top of the newest state of the branch; again if another push came first."""
        for _ in range(_RACES):
            self._claims += 1
            try:
                return act()
            except LostRace:
                pass
            finally:
                self._claims -= 1
            self.follow()
        raise StoreError(_crowded(self.place))

    def flush(self) -> None:
        """Push what is noted, if there is anything."""

        def push() -> None:
            with super(GitDatabase, self).writing() as connection:
                check_leases(self, connection)
                self._push(connection)

        try:
            self.claim(push)
        finally:
            self._pushed_at = time.monotonic()  # a remote that refused is not asked again at once

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Let a write wait for the next push; if none comes, it is not kept."""
        self._defers += 1
        try:
            yield
        finally:
            self._defers -= 1

    def is_proven(self, lease: Lease) -> bool:
        """Return whether a push proved a moment ago that the lock is ours: within the first third of its lease.

        Others may take it when the whole lease is over, so their clocks may be wrong by two thirds of it.
        """
        with self.reading() as connection:
            until = connection.value("SELECT until FROM leases WHERE token = :token", {"token": lease.token})
            now = self.now(connection)
        third = lease.seconds / 3
        return until is not None and until - now.timestamp() >= 2 * third and time.monotonic() < self._proven + third

    def _push(self, connection: Connection) -> None:
        lines = noted_lines(connection.driver)
        run = next((line["id"] for line in lines if line["table"] == "runs"), self.runs[-1] if self.runs else None)
        if self.branch.push(connection.driver, lines, run, self.now(connection)):
            connection.execute("DELETE FROM git_rows")
            self._pushed_at = self._proven = time.monotonic()

    def _is_due(self) -> bool:
        is_run = bool(self.runs or self.leases)
        return not is_run or time.monotonic() - self._pushed_at >= PUSH_SECONDS

    def _has_expired(self, lease: Lease) -> bool:
        with self.reading() as connection:
            until = connection.value("SELECT until FROM leases WHERE token = :token", {"token": lease.token})
            return until is None or until <= self.now(connection).timestamp()

    # -------------------------------------------------------------- connections

    def _connect_noting(self) -> sqlite3.Connection:
        driver = self._connect_plainly()
        try:
            driver.execute("PRAGMA journal_mode = WAL").close()
            note_changes(driver)
        except BaseException:
            driver.close()
            raise
        return driver

    def _connect_plainly(self) -> sqlite3.Connection:
        driver = sqlite3.connect(self._work, timeout=self._patience, isolation_level=None, check_same_thread=False)
        for setting in ("synchronous = OFF", "foreign_keys = ON"):  # the branch is what must survive, not this file
            driver.execute(f"PRAGMA {setting}").close()
        return driver

    @contextmanager
    def _plain(self) -> Iterator[sqlite3.Connection]:
        """Open a connection that notes nothing."""
        try:
            with closing(self._connect_plainly()) as driver:
                yield driver
        except sqlite3.Error as error:
            raise StoreError(problem_of(error, self.place)) from error


def _remove(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        with suppress(OSError):
            file.with_name(name).unlink(missing_ok=True)


def _remove_leftovers(cache: Path) -> None:
    """Remove working copies of processes that were killed."""
    for file in cache.glob("work-*"):
        with suppress(OSError):
            if file.stat().st_mtime < time.time() - _LONGEST_RUN:
                file.unlink()


def _crowded(place: str) -> Problem:
    what = "others push to the store's branch all the time, so that this push never was the next"
    return Problem(what, "Run again when fewer commands run at once.", where=place)
