"""The way to the database: opening SQLite or PostgreSQL, transactions, the hour, and errors put into words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from reconciler.clock import Clock, SystemClock
from reconciler.problems import NoStore, Problem, StoreError
from reconciler.store.connection import Connection
from reconciler.store.errors import problem_of
from reconciler.store.migrations import STEPS, Step, migrate, newest, version_of

_ADVISORY_LOCK = "SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock(hashtextextended(:lock, 0))"


class Database:
    """One SQLite file or PostgreSQL database. Every failure inside `reading` or `writing` is a StoreError.

    Each transaction has a connection to itself, from any thread; `connect` makes one, and `lives` says whether one that
    was used before can be used again.
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
    ) -> None:
        self.place = place
        self.is_postgresql = lives is not None
        self._connect, self._lives = connect, lives
        self._failures = (failures, OverflowError)
        self._secrets = secrets
        self._clock = clock
        self._patience = patience
        self._idle: deque[Any] = deque()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, lock: str = "") -> Iterator[Connection]:
        """One transaction, committed at the end. Those that name the same `lock` run one after another, in whatever
        process or machine; SQLite has but one writer anyway. There writers queue up at the start: a reader that turned
        writer later could fail where waiting would have done."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if lock and self.is_postgresql:
                connection.execute(_ADVISORY_LOCK, {"patience": f"{self._patience * 1000:.0f}ms", "lock": lock})
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The hour by which leases and calls are judged: PostgreSQL's own, because its clients' clocks differ.
        A clock that is not the system's, such as tests and the embedded sandbox bring, is believed instead."""
        if self.is_postgresql and isinstance(self._clock, SystemClock):
            told: datetime = connection.value("SELECT clock_timestamp()")
            return told.astimezone(UTC)
        return self._clock.now()

    def prepare(self, steps: Sequence[Step] = STEPS, *, make: bool = True) -> bool:
        """Bring the schema up to date; True where there was none. Looking first spares every later opening the wait
        for the writer's turn. Raises NoStore where there is none and none is to be made."""
        with self.reading() as connection:
            version = version_of(connection)
        if version == newest(steps):
            return False
        if version == 0 and not make:
            raise _none_yet(self.place)
        with self.writing("migration") as connection:
            return migrate(connection, self.now(connection), self.place, steps)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        """Committed at the end, undone by whatever ends it before. A connection that failed is not used again."""
        try:
            driver = self._taken()
            try:
                if not self.is_postgresql:  # whose driver begins by itself
                    driver.execute(begin)
                yield Connection(driver, is_postgresql=self.is_postgresql)
                driver.commit()
            except BaseException as error:
                self._undone(driver, is_sound=isinstance(error, Exception) and not isinstance(error, self._failures))
                raise
            self._idle.append(driver)
        except self._failures as error:
            raise StoreError(problem_of(error, self.place, self._secrets)) from error

    def _taken(self) -> Any:
        """A connection that is idle, or a new one."""
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                driver = self._idle.pop()
                if self._lives is None or self._lives(driver):
                    return driver
                driver.close()
        return self._connect()

    def _undone(self, driver: Any, *, is_sound: bool) -> None:
        try:
            driver.rollback()
        except self._failures:
            is_sound = False
        if is_sound:
            self._idle.append(driver)
        else:
            driver.close()


class Part:
    """One concern of the store; Store is all of them over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def open_database(url: str, clock: Clock, patience: float, *, make: bool = True) -> Database:
    """`url` is a path, sqlite:///path or postgresql://…; `patience` is how many seconds to wait for other writers.
    A file is made where there is none, or else NoStore is raised."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _sqlite(Path(url), clock, patience, make=make)
    if scheme == "sqlite" and rest.startswith("/"):
        return _sqlite(Path(rest[1:]), clock, patience, make=make)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(f"postgresql://{rest}", clock, patience)
    raise _unusable("neither a path, nor sqlite:///path, nor postgresql://user@host/database")


def _unusable(what: str) -> StoreError:
    # The address is not repeated: it may hold a password.
    fix = "Correct --store or RECONCILER_STORE; without both, the store is .reconciler/store.db."
    return StoreError(Problem(what=f"the store's address is {what}", fix=fix, where="store"))


# ------------------------------------------------------------------ SQLite


def _none_yet(place: str) -> NoStore:
    fix = "Correct --store or RECONCILER_STORE, if it should be there; the first plan, apply or drift makes one."
    return NoStore(Problem("there is no store here yet", fix, where=place))


def _sqlite(path: Path, clock: Clock, patience: float, *, make: bool) -> Database:
    if path.name in ("", ":memory:"):
        raise _unusable("no file: a store kept in memory would be forgotten with the run")
    if not make and not path.exists():
        raise _none_yet(str(path))
    try:
        _private(path)
    except OSError as error:
        what = f"the store's file cannot be made ({error.strerror})"
        fix = "Check that the folder can be written to, or choose another with --store."
        raise StoreError(Problem(what=what, fix=fix, where=str(path))) from error
    return Database(lambda: _connect(path, patience), str(path), clock, patience)


def _private(path: Path) -> None:
    """Only the owner may read the store. SQLite gives its -wal and -shm files the mode of the file itself."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # Not opened here: closing it would drop the locks that this process may hold on it by another Store.
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
    """Readers and the writer do not stop each other in WAL mode. SQLite remembers it in the file, but the processes
    that open a new one at once collide, and for this change alone it does not wait by itself."""
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
    url = _postgresql_url(address)
    try:
        import psycopg  # only where the store is one: it takes as long to load as the rest of a command
    except ImportError as error:
        what, fix = "PostgreSQL's driver is not installed", "pip install 'onefile-reconciler[postgres]'"
        raise StoreError(Problem(what=what, fix=fix, where="store")) from error
    try:
        options: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error as error:
        raise _no_url() from error

    def connect() -> psycopg.Connection[Any]:
        # prepared statements break behind a transaction pooler
        return psycopg.connect(**{"connect_timeout": 10, **options}, prepare_threshold=None)

    def lives(connection: psycopg.Connection[Any]) -> bool:
        try:  # an empty statement, without a transaction: one way there and back
            return connection.pgconn.exec_(b"").status == psycopg.pq.ExecStatus.EMPTY_QUERY
        except psycopg.Error:
            return False

    secrets = (unquote(url.password or ""), *parse_qs(url.query).get("password", ()))
    return Database(
        connect,
        _place(url),
        clock,
        patience,
        failures=psycopg.Error,
        lives=lives,
        secrets=tuple(filter(None, secrets)),
    )


def _postgresql_url(address: str) -> SplitResult:
    if address.count("@") > 1:
        # It would be split in the wrong place, and a piece of the password shown as the host.
        raise _unusable("ambiguous: it has more than one @; write an @ inside a user or password as %40")
    try:
        url = urlsplit(address)
        _ = url.port  # read only now, and refused where it is no number
    except ValueError as error:
        raise _no_url() from error
    return url


def _no_url() -> StoreError:
    return _unusable("not a PostgreSQL URL; write /, : and ? inside a password as %2F, %3A and %3F")


def _place(url: SplitResult) -> str:
    """The address as it may be shown."""
    user = f"{url.username}{':***' if url.password else ''}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{url.hostname or ''}{port}{url.path}"
