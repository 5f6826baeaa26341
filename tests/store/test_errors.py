"""Whatever becomes of the database, the user is told in words where, what and what to do; never a traceback."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest

from reconciler.model.slots import Site
from reconciler.problems import StoreError
from reconciler.store import Store
from tests.store.parts import HandClock, Processes, aim, begin, journal_for_ever

SECRET = "s3cret-word"


def refused(url: str, *, patience: float = 0.05) -> str:
    """What the user reads when this store is opened."""
    with pytest.raises(StoreError) as failure:
        Store.open(url, clock=HandClock(), patience=patience)
    (problem,) = failure.value.problems
    assert problem.fix
    return str(problem)


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "url",
    [
        "mysql://kate:s3cret-word@host/db",
        "postgresql://kate:s3cret-word@host:port/db",
        "postgresql://kate:p@s3cret-word@host/db",
        "postgresql://kate:p@x/s3cret-word@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "host=db.example.org dbname=onefile user=kate password=s3cret-word",
        "dbname=onefile password = 's3cret-word'",
        "sqlite:///host=db password=s3cret-word",
        "kate:s3cret-word@db.example.org/onefile",
        "//kate:s3cret-word@db.example.org/onefile",
        "postgresql:kate:s3cret-word@db.example.org/onefile",
        "postgres:/kate:s3cret-word@db.example.org/onefile",
        "jdbc:postgresql:onefile?user=kate&password=s3cret-word",
        "postgresql://kate/s3cret-word@db.example.org/onefile",
        "postgresql://db.example.org/onefile password=s3cret-word",
        "postgresql://db.example.org/host=db%20password=s3cret-word",
        ":memory:",
        "sqlite:///",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    """It may hold a password, and a memory would hold nothing."""
    before = sorted(Path().iterdir())
    said = refused(url)
    assert "the store's address" in said
    assert SECRET not in said
    assert sorted(Path().iterdir()) == before  # nor does it become a file's name


@pytest.mark.parametrize("name", ["store.db", "my data/store.db", "user=kate.d/store.db", "12:30@home.db"])
def test_a_path_that_only_looks_like_an_address_is_a_path(tmp_path: Path, name: str) -> None:
    """With ./ or a folder in front of it, nobody can mean a server."""
    with Store.open(f"{tmp_path}/{name}", clock=HandClock()) as store:
        assert store.is_new and store.place == f"{tmp_path}/{name}"


def test_the_driver_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is an extra."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'onefile-reconciler[postgres]'" in refused("postgresql://kate@host/db")


# ------------------------------------------------------------------ SQLite


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """It cannot be opened, and is not harmed."""
    said = refused(str(tmp_path))
    assert str(tmp_path) in said
    assert "cannot be opened" in said


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """The folder cannot be made."""
    (tmp_path / "file").touch()
    assert "cannot be created" in refused(str(tmp_path / "file" / "store.db"))


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Someone's notes stay as they are."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    assert "is not a SQLite database" in refused(str(path))
    assert path.read_text() == "Dear diary, " * 1000


def test_a_damaged_file(tmp_path: Path, clock: HandClock) -> None:
    """Its header is whole, and its pages are rubbish."""
    path = tmp_path / "store.db"
    with Store.open(str(path), clock=clock) as store:
        store.plan_operations(begin(store), [aim(number) for number in range(500)])
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xa5" * (len(whole) - 100))
    assert "damaged" in refused(str(path))


def test_a_locked_file(tmp_path: Path, clock: HandClock) -> None:
    """Another process writes for longer than we wait; afterwards all is well, and nothing was half written."""
    path = tmp_path / "store.db"
    with Store.open(str(path), clock=clock, patience=0.05) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process is writing to the store"):
            begin(store)
        assert store.runs() == ()
        other.rollback()
        begin(store)


def test_a_full_disk(tmp_path: Path, clock: HandClock) -> None:
    """SQLite is given no room to grow: what was committed stays readable, and the refused batch is not there."""
    with Store.open(str(tmp_path / "store.db"), clock=clock) as store:
        run = begin(store)
        with store._database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match="the disk is full"):
            store.plan_operations(run, [aim(number) for number in range(5000)])
        assert store.journal(run) == ()
        assert store.run(run)


def test_a_store_that_may_not_be_written_to(tmp_path: Path, clock: HandClock) -> None:
    """Reading still works."""
    with Store.open(str(tmp_path / "store.db"), clock=clock) as store:
        run = begin(store)
        with store._database.reading() as connection:
            connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="the store is read-only"):
            begin(store)
        assert [row.id for row in store.runs()] == [run]


# ------------------------------------------------------------------ PostgreSQL


def test_no_server(tmp_path: Path) -> None:
    """Nobody listens at that socket."""
    said = refused(f"postgresql://kate:{SECRET}@/db?host={quote(str(tmp_path))}")
    assert "PostgreSQL cannot be reached" in said
    assert SECRET not in said


def test_a_wrong_password_is_not_repeated(postgres_server: str) -> None:
    """Neither in the address shown nor in the server's words, wherever in the address it stood."""
    url = urlsplit(postgres_server)
    if url.password is None:
        pytest.skip("this server asks for no password")
    user, _, host = url.netloc.rpartition("@")
    name = user.partition(":")[0]
    beside = f"{url.query}&" if url.query else ""
    for address in (
        url._replace(netloc=f"{name}:{SECRET}@{host}"),
        url._replace(netloc=f"{name}@{host}", query=f"{beside}password={SECRET}"),
    ):
        said = refused(urlunsplit(address))
        assert "refuses this user or password" in said
        assert SECRET not in said


def test_no_such_database(postgres_server: str) -> None:
    """The server's own words name it."""
    assert "no_such_db" in refused(urlunsplit(urlsplit(postgres_server)._replace(path="/no_such_db")))


def test_a_server_that_goes_away_is_an_error_and_comes_back(postgres_url: str, clock: HandClock) -> None:
    """The transaction in hand is lost and said to be; the next call connects anew."""
    with Store.open(postgres_url, clock=clock) as store:
        begin(store)
        with pytest.raises(StoreError, match="PostgreSQL"), store._database.writing() as connection:
            pid = connection.value("SELECT pg_backend_pid()")
            with psycopg.connect(postgres_url) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            connection.execute("SELECT 1")
        begin(store)


def test_a_writer_that_never_ends_is_not_waited_for_for_ever(postgres_url: str, clock: HandClock) -> None:
    """Another machine holds the account's turn in an open transaction."""
    with Store.open(postgres_url, clock=clock, patience=0.05) as store:
        ledger = store.ledger("account")
        with (
            store._database.writing("calls:account"),
            pytest.raises(StoreError, match="another process is writing to the store"),
        ):
            ledger.reserve(1)
        assert ledger.reserve(1).id is not None


# ------------------------------------------------------------------ cut off


def test_a_killed_process_leaves_every_event_it_committed(database_url: str, clock: HandClock) -> None:
    """kill -9 between two events: the store opens, and what was told as committed is there, in order."""
    with Processes(journal_for_ever, database_url, 1) as processes:
        (line,) = processes.lines
        told = [line.recv() for _ in range(25)]
        processes.kill()
    with Store.open(database_url, clock=clock) as store:
        (run,) = store.runs()
        rows = {row.operation.id: row for row in store.journal(run.id)}
        left = store.open_operations(Site("sandbox", 5740))
    assert len(rows) == 1999
    for number, operation, state in told:
        assert number == run.id
        assert state in [event.state for event in rows[operation].events]
    assert run.ended is None
    assert {row.operation.id for row in left} == {key for key, row in rows.items() if row.state in ("intent", "sent")}
