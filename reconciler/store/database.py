"""The way to the database: opening SQLite or PostgreSQL, transactions, the hour, and errors put into words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from reconciler.clock import Clock, SystemClock
from reconciler.problems import Problem, StoreError
from reconciler.store.failures import problem_of
from reconciler.store.schema import STEPS, Step, migrate, newest, version_of

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_WRITES = "reconciler_writes"
_ADVISORY_LOCK = text(
    "SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock(hashtextextended(:lock, 0))"
)


class Database:
    """One SQLite file or PostgreSQL database. Every failure inside `reading` or `writing` is a StoreError."""

    def __init__(self, engine: Engine, place: str, secrets: tuple[str, ...], clock: Clock, patience: float) -> None:
        self.engine = engine
        self.place = place
        self.is_postgresql = engine.dialect.name == "postgresql"
        self._writer = engine.execution_options(**{_WRITES: True})
        self._secrets = secrets
        self._clock = clock
        self._patience = patience

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._failures_in_words(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, lock: str = "") -> Iterator[Connection]:
        """One transaction, committed at the end. Those that name the same `lock` run one after another, in whatever
        process or machine; SQLite has but one writer anyway."""
        with self._failures_in_words(), self._writer.begin() as connection:
            if lock and self.is_postgresql:
                connection.execute(_ADVISORY_LOCK, {"patience": f"{self._patience * 1000:.0f}ms", "lock": lock})
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The hour by which leases and calls are judged: PostgreSQL's own, because its clients' clocks differ.
        A clock that is not the system's, such as tests and the embedded sandbox bring, is believed instead."""
        if self.is_postgresql and isinstance(self._clock, SystemClock):
            told: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            return told.astimezone(UTC)
        return self._clock.now()

    def upsert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An insert that can say what to do on a conflict; the two databases spell it alike."""
        if self.is_postgresql:
            from sqlalchemy.dialects import postgresql  # a quarter of SQLAlchemy's import, and most stores are files

            return postgresql.insert(table)
        return sqlite.insert(table)

    def prepare(self, steps: Sequence[Step] = STEPS) -> bool:
        """Bring the schema up to date; True where there was none. Looking first spares every later opening the wait
        for the writer's turn."""
        with self.reading() as connection:
            if version_of(connection) == newest(steps):
                return False
        with self.writing("migration") as connection:
            return migrate(connection, self.now(connection), self.place, steps)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OverflowError) as error:
            raise StoreError(problem_of(error, self.place, self._secrets)) from error


class Part:
    """One concern of the store; Store is all of them over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def open_database(url: str, clock: Clock, patience: float) -> Database:
    """`url` is a path, sqlite:///path or postgresql://…; `patience` is how many seconds to wait for other writers."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _sqlite(Path(url), clock, patience)
    if scheme == "sqlite" and rest.startswith("/"):
        return _sqlite(Path(rest[1:]), clock, patience)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(url, clock, patience)
    raise _unusable("neither a path, nor sqlite:///path, nor postgresql://user@host/database")


def _unusable(what: str) -> StoreError:
    # The address is not repeated: it may hold a password.
    fix = "Correct --store or RECONCILER_STORE; without both, the store is .reconciler/store.db."
    return StoreError(Problem(what=f"the store's address is {what}", fix=fix, where="store"))


# ------------------------------------------------------------------ SQLite


def _sqlite(path: Path, clock: Clock, patience: float) -> Database:
    if path.name in ("", ":memory:"):
        raise _unusable("no file: a store kept in memory would be forgotten with the run")
    try:
        _private(path)
    except OSError as error:
        what = f"the store's file cannot be made ({error.strerror})"
        fix = "Check that the folder can be written to, or choose another with --store."
        raise StoreError(Problem(what=what, fix=fix, where=str(path))) from error
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=lambda: _connect(path, patience),
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    return Database(engine, str(path), (), clock, patience)


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


def _begin(connection: Connection) -> None:
    """Writers queue up at the start: a reader that turned writer later could fail where waiting would have done."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# ------------------------------------------------------------------ PostgreSQL


def _postgresql(address: str, clock: Clock, patience: float) -> Database:
    url = _postgresql_url(address)
    options: dict[str, object] = {"prepare_threshold": None}  # prepared statements break behind a transaction pooler
    if "connect_timeout" not in url.query:
        options["connect_timeout"] = 10
    try:
        engine = create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
    except ImportError as error:
        what, fix = "PostgreSQL's driver is not installed", "pip install 'onefile-reconciler[postgres]'"
        raise StoreError(Problem(what=what, fix=fix, where="store")) from error
    secrets = tuple(str(value) for value in (url.password, url.query.get("password")) if value)
    place = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    return Database(engine, place, secrets, clock, patience)


def _postgresql_url(address: str) -> URL:
    if address.count("@") > 1:
        # It would be split in the wrong place, and a piece of the password shown as the host.
        raise _unusable("ambiguous: it has more than one @; write an @ inside a user or password as %40")
    try:
        return make_url(address).set(drivername="postgresql+psycopg")
    except (SQLAlchemyError, ValueError) as error:
        raise _unusable("not a PostgreSQL URL; write /, : and ? inside a password as %2F, %3A and %3F") from error
