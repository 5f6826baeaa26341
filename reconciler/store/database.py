"""Database connections and transactions for SQLite and PostgreSQL; server time; error mapping."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from reconciler.clock import Clock, SystemClock
from reconciler.model.history import Lease
from reconciler.model.slots import Site
from reconciler.problems import NoStore, Problem, StoreError
from reconciler.store.address import (
    SETTING,
    no_url,
    path_of,
    postgresql_url,
    secrets_of,
    unusable,
    without_password,
)
from reconciler.store.codec import BentRow
from reconciler.store.connection import Connection
from reconciler.store.errors import bent_row, problem_of
from reconciler.store.migrations import STEPS, Step, migrate, newest, version_of

_ADVISORY_LOCK = "SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock(hashtextextended(:lock, 0))"


class Database:
    """One SQLite file or PostgreSQL database. Every failure inside `reading` or `writing` is a StoreError.

    Each transaction has a connection of its own, in any thread. `connect` creates one, and `lives` tests whether a
    pooled one can be used again.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        place: str,
        clock: Clock,
        patience: float,
        *,
        failures: type[Exception] = sqlite3.Error,
        lives: Callable[[Any], bool] | None = None,
        secrets: tuple[str, ...] = (),
        file: Path | None = None,
    ) -> None:
        self.place = place
        self.is_postgresql = lives is not None
        self._connect, self._lives = connect, lives
        self._failures = (failures, OverflowError)
        self._secrets = secrets
        self._file = file
        self._identity = _identity(file)
        self._clock = clock
        self._patience = patience
        self._idle: deque[Any] = deque()
        self.leases: dict[Site, Lease] = {}  # locks taken through this store and not released
        self.find_repository: Callable[[], tuple[str, ...]] = tuple

    @cached_property
    def repositories(self) -> tuple[str, ...]:
        """The names of the repository and folder whose files are applied through this store, the best one first."""
        return self.find_repository()

    @property
    def repository(self) -> str:
        """The best name of the repository; empty if none is known."""
        return next(iter(self.repositories), "")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, lock: str = "") -> Iterator[Connection]:
        """Open one transaction, committed at the end.

        Transactions that name the same `lock` run one after another, in any process or machine; SQLite has only one
        writer in any case. There a writer waits at the start, because a reader that turns into a writer can fail.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if lock and self.is_postgresql:
                connection.execute(_ADVISORY_LOCK, {"patience": f"{self._patience * 1000:.0f}ms", "lock": lock})
            yield connection

    def now(self, connection: Connection) -> datetime:
        """Return the time that leases and calls are compared with.

        It is PostgreSQL's, because its clients' clocks differ. A clock other than the system's, such as the embedded
        sandbox's, is used instead.
        """
        if self.is_postgresql and isinstance(self._clock, SystemClock):
            server_time: datetime = connection.value("SELECT clock_timestamp()")
            return server_time.astimezone(UTC)
        return self._clock.now()

    def prepare(self, steps: Sequence[Step] = STEPS, *, make: bool = True) -> bool:
        """Bring the schema up to date; True if there was none.

        Reading the version first saves later openings the wait for other writers. Raises NoStore if there is no
        store and `make` is false.
        """
        with self.reading() as connection:
            version = version_of(connection)
        if version == newest(steps):
            return False
        if version == 0 and not make:
            raise none_yet(self.place)
        with self.writing("migration") as connection:
            return migrate(connection, self.now(connection), self.place, steps)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._identity = None

    def check_file(self) -> None:
        """Raise StoreError if the store's file was removed or replaced since it was opened.

        Connections that are open still write to the removed file, so that what was acknowledged until then is kept in
        a copy. Check before each write to OneFile, and at the end.
        """
        if self._file is not None and self._identity not in (None, _identity(self._file)):
            raise StoreError(_replaced(self._file, self._rescue(self._file)))

    def _rescue(self, file: Path) -> Path | None:
        """Copy the removed file through a connection that is still open."""
        copy = file.with_name(f"{file.name}.rescued-{os.getpid()}")
        for driver in tuple(self._idle):
            with suppress(sqlite3.Error, OSError):
                copy.unlink(missing_ok=True)
                _private(copy)
                driver.execute("VACUUM INTO ?", (str(copy),)).close()
                return copy
        return None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        """Commit at the end, roll back after any exception. A connection that failed is not used again."""
        try:
            driver = self._idle_or_new()
            try:
                if not self.is_postgresql:  # its driver begins transactions by itself
                    driver.execute(begin)
                yield Connection(driver, is_postgresql=self.is_postgresql)
                driver.commit()
            except BaseException as error:
                self._roll_back(driver, is_sound=isinstance(error, Exception) and not isinstance(error, self._failures))
                raise
            self._idle.append(driver)
        except self._failures as error:
            raise StoreError(problem_of(error, self.place, self._secrets)) from error
        except BentRow as error:
            raise StoreError(bent_row(error.table, error.key, self.place)) from error

    def _idle_or_new(self) -> Any:
        """Return an idle connection, or a new one."""
        while self._idle:
            with suppress(IndexError):  # another thread took the last one
                driver = self._idle.pop()
                if self._lives is None or self._lives(driver):
                    return driver
                driver.close()
        self.check_file()
        driver = self._connect()
        self._identity = self._identity or _identity(self._file)
        return driver

    def _roll_back(self, driver: Any, *, is_sound: bool) -> None:
        try:
            driver.rollback()
        except self._failures:
            is_sound = False
        if is_sound:
            self._idle.append(driver)
        else:
            driver.close()


class Part:
    """One concern of the store; Store combines them over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def open_database(url: str, clock: Clock, patience: float, *, make: bool = True) -> Database:
    """Open a database by its address: a path, sqlite:///path or postgresql://….

    `patience` is how many seconds to wait for other writers. A missing file is created, or NoStore is raised if
    `make` is false.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _sqlite(path_of(url), clock, patience, make=make)
    if scheme == "sqlite" and rest.startswith("/"):
        return _sqlite(path_of(rest[1:]), clock, patience, make=make)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(f"postgresql://{rest}", clock, patience)
    raise unusable("neither a path, nor sqlite:///path, nor postgresql://user@host/database")


# ------------------------------------------------------------------ SQLite


def none_yet(place: str) -> NoStore:
    fix = f"If there should be one, correct {SETTING}. The first plan, apply or drift creates it."
    return NoStore(Problem("there is no store here yet", fix, where=place))


def _sqlite(path: Path, clock: Clock, patience: float, *, make: bool) -> Database:
    if not make and not path.exists():
        raise none_yet(str(path))
    try:
        _private(path)
    except OSError as error:
        what = f"the store's file cannot be created ({error.strerror})"
        fix = f"Check that the folder can be written to, or choose another with {SETTING}."
        raise StoreError(Problem(what=what, fix=fix, where=str(path))) from error
    return Database(lambda: _connect(path, patience), str(path), clock, patience, file=path)


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def _replaced(file: Path, copy: Path | None) -> Problem:
    what = "the store's file was removed or replaced while this command used it, so nothing more was written"
    fix = f"Put the file back and run again. What it held, with all of this run, is in {copy}."
    lost = "Put the file back from a backup and run again. What it held could not be copied: keep this report."
    return Problem(what, fix if copy else lost, where=str(file))


def _private(path: Path) -> None:
    """Let only the owner read the store. SQLite gives its -wal and -shm files the mode of the file itself."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # Not opened: closing it would drop the locks that this process may hold on it through another Store.
        if path.is_file() and path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(connection, patience)
        for setting in ("synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to WAL mode, in which readers and the writer do not block each other.

    SQLite keeps the mode in the file. Processes that open a new file at once collide, and SQLite does not wait for
    this one change by itself.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


# ------------------------------------------------------------------ PostgreSQL


def _postgresql(address: str, clock: Clock, patience: float) -> Database:
    url = postgresql_url(address)
    try:
        import psycopg  # slow to load, so only if the store needs it
    except ImportError as error:
        what, fix = "PostgreSQL's driver is not installed", "Run: pip install 'onefile-reconciler[postgres]'."
        raise StoreError(Problem(what=what, fix=fix, where="store")) from error
    try:
        options: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error as error:
        raise no_url() from error

    def connect() -> psycopg.Connection[Any]:
        # prepared statements break behind a transaction pooler
        return psycopg.connect(**{"connect_timeout": 10, **options}, prepare_threshold=None)

    def lives(connection: psycopg.Connection[Any]) -> bool:
        try:  # an empty statement, without a transaction: one round trip
            return connection.pgconn.exec_(b"").status == psycopg.pq.ExecStatus.EMPTY_QUERY
        except psycopg.Error:
            return False

    return Database(
        connect,
        without_password(url),
        clock,
        patience,
        failures=psycopg.Error,
        lives=lives,
        secrets=secrets_of(url),
    )
