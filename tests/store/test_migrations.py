"""One schema for both databases: made once, brought up in steps, never guessed at, its history never rewritten."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.clock import SystemClock
from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind
from reconciler.problems import StoreError
from reconciler.store import AppliedCohort, Observation, Store
from reconciler.store.connection import Connection
from reconciler.store.database import Database, open_database
from reconciler.store.migrations import STEPS, VERSIONS, newest, tables_of, version_of
from reconciler.store.schema import APPEND_ONLY, TABLES
from tests.store.parts import JAMES, KATE, LEARNER, NOON, HandClock, Processes, acquire, aim, begin, open_once


@pytest.fixture
def database(database_url: str, clock: HandClock) -> Iterator[Database]:
    """The database without a store in it yet."""
    database = open_database(database_url, clock, 5.0)
    yield database
    database.close()


def names(database: Database) -> set[str]:
    with database.reading() as connection:
        return tables_of(connection)


def columns(connection: Connection, table: str) -> list[str]:
    return [column[0] for column in connection.execute(f"SELECT * FROM {table}").description]


def add_colour(connection: Connection) -> None:
    connection.execute("ALTER TABLE facts ADD COLUMN colour TEXT")


def fail_half_way(connection: Connection) -> None:
    add_colour(connection)
    connection.execute("ALTER TABLE no_such_table ADD COLUMN colour TEXT")


# ------------------------------------------------------------------ versions


def test_what_was_kept_is_there_when_the_store_is_opened_again(url: str, clock: HandClock) -> None:
    """Opening an existing store changes nothing."""
    with Store.open(url, clock=clock) as store:
        run = begin(store)
    with Store.open(url, clock=clock) as store:
        assert [row.id for row in store.runs()] == [run]


def test_processes_that_open_a_new_store_at_once_share_it(url: str, clock: HandClock) -> None:
    """One of them makes the schema, and the others find it."""
    with Processes(open_once, url, 4) as processes:
        runs = processes.answers()
    with Store.open(url, clock=clock) as store:
        assert {row.id for row in store.runs()} == set(runs)
        assert len(set(runs)) == 4


def test_an_older_database_is_brought_up_step_by_step(database: Database) -> None:
    """One more step makes the next version, and once only."""
    database.prepare()
    database.prepare([*STEPS, add_colour])
    database.prepare([*STEPS, add_colour])
    with database.reading() as connection:
        assert version_of(connection) == newest() + 1
        assert "colour" in columns(connection, "facts")


def test_a_step_that_fails_changes_nothing(database: Database) -> None:
    """A half-made schema would be worse than an old one."""
    database.prepare()
    with pytest.raises(StoreError):
        database.prepare([*STEPS, fail_half_way])
    with database.reading() as connection:
        assert version_of(connection) == newest()
        assert "colour" not in columns(connection, "facts")


@pytest.fixture
def first_version(database: Database) -> Database:
    """The database as the first release left it: one apply of four writes, one lock broken (versions/v1-*.sql)."""
    kind = "postgresql" if database.is_postgresql else "sqlite"
    script = (Path(__file__).parent / "versions" / f"v1-{kind}.sql").read_text("utf-8")
    if database.is_postgresql:
        with database.writing() as connection:
            connection.execute(script)
    else:
        with closing(sqlite3.connect(database.place)) as connection:  # as the sqlite3 tool would, foreign keys off
            connection.executescript(script)
    return database


def test_a_store_of_the_first_version_is_brought_up_in_place(database_url: str, first_version: Database) -> None:
    """Its runs, journal and record are there as before, and what is new works."""
    with Store.open(database_url, clock=SystemClock()) as store:
        (run,) = store.runs()
        assert (run.command, run.who, run.exit_code, dict(run.summary)) == ("apply", "quality-lead", 0, {"done": 4})
        assert [row.state for row in store.journal(run.id)] == [State.DONE] * 4
        assert len(store.recorded(Site("sandbox", 5740))) == 9
        seen = {(LEARNER, Slot(SlotKind.DEFAULT_ASSESSOR)): Observation(JAMES, KATE)}
        (episode,), _ = store.observe_issues(Site("sandbox", 5740), "drift", seen, lambda _: "")
        assert store.issues(Site("sandbox", 5740), "drift") == (episode,)
        store.end_issue(episode.id, "a trial")
        assert store.observe_issues(Site("sandbox", 5740), "drift", seen, lambda _: "")[0]
    with first_version.reading() as connection:
        assert version_of(connection) == newest()


@pytest.mark.parametrize("version", [1, 2])
def test_older_runs_do_not_say_whether_their_files_were_committed(
    database_url: str, first_version: Database, version: int
) -> None:
    """Nobody knows any more; runs from now on say it, from whichever version the store came."""
    first_version.prepare(STEPS[: version - 1])
    with Store.open(database_url, clock=SystemClock()) as store:
        (old,) = store.runs()
        for said in (True, False, None):
            facts = {"command": "apply", "target": "sandbox", "fingerprint": "", "who": "kate", "commit": "0123abc"}
            run = store.run(store.begin_run(organisation=5740, uncommitted=said, **facts))
            assert run is not None
            assert run.uncommitted is said
    assert old.uncommitted is None


def test_cohorts_of_an_older_store_are_missed_by_whoever_applies_next(
    database_url: str, first_version: Database
) -> None:
    """Nobody knows whose they were nor who was in them, so none is let go in silence."""
    first_version.prepare(STEPS[:5])
    with first_version.writing() as connection:
        fact = {"target": "sandbox", "name": "cohorts:5741", "value": '["care", "it"]', "at": NOON}
        connection.insert("facts", [fact])
    for repository in ("north", "south"):
        with Store.open(database_url, clock=SystemClock(), repository=lambda: (repository,)) as store:  # noqa: B023  called here
            assert store.cohorts(Site("sandbox", 5741)) == dict.fromkeys(("care", "it"), AppliedCohort(5741, None))
            assert store.cohorts(Site("sandbox", 5742)) == {}
            with first_version.reading() as connection:
                assert not connection.rows("SELECT name FROM facts WHERE name LIKE 'cohorts:%'")


def test_a_store_that_was_brought_up_is_like_a_new_one(first_version: Database, clock: HandClock) -> None:
    """The same columns, keys, indexes and triggers, whichever way the schema came about."""
    first_version.prepare()
    brought_up = shape(first_version)
    if first_version.is_postgresql:
        with first_version.writing() as connection:
            name = connection.value("SELECT current_schema()")
            connection.execute(f"DROP SCHEMA {name} CASCADE; CREATE SCHEMA {name}")
    else:
        first_version.close()
        for file in Path(first_version.place).parent.glob("store.db*"):
            file.unlink()
    first_version.prepare()
    assert shape(first_version) == brought_up


SHAPE = {
    False: (
        "SELECT m.name, c.* FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'",
        "SELECT m.name, f.* FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
        'SELECT m.name, i.name, i."unique", i.partial, c.name FROM sqlite_master m, pragma_index_list(m.name) i, '
        "pragma_index_info(i.name) c WHERE m.type = 'table'",
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' OR name = 'open_episode'",
    ),
    True: (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = current_schema()",
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = current_schema()::regnamespace",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
        "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace",
    ),
}


def shape(database: Database) -> list[str]:
    """What the database itself says of its columns, keys, indexes and triggers."""
    with database.reading() as connection:
        return sorted(str(row) for query in SHAPE[database.is_postgresql] for row in connection.rows(query))


def test_a_newer_programs_database_is_refused(database_url: str, database: Database, clock: HandClock) -> None:
    """This program does not know what a newer one keeps there, so it neither reads nor writes."""
    database.prepare()
    with database.writing() as connection:
        connection.insert(VERSIONS, [{"version": newest() + 1, "at": clock.now()}])
    refused = f"schema version {newest() + 1}, of a newer reconciler; this one supports up to {newest()}"
    with pytest.raises(StoreError, match=refused):
        Store.open(database_url, clock=clock)


def test_another_programs_database_is_refused_and_left_alone(
    database_url: str, database: Database, clock: HandClock
) -> None:
    """A table of the same name is somebody else's."""
    with database.writing() as connection:
        connection.execute("CREATE TABLE runs (kilometres INTEGER)")
    with pytest.raises(StoreError, match="belongs to another program: it already has the table runs"):
        Store.open(database_url, clock=clock)
    assert names(database) == {"runs"}


def test_a_postgresql_schema_may_hold_others_tables(postgres_url: str, clock: HandClock) -> None:
    """Teams share databases; only names that clash are refused."""
    database = open_database(postgres_url, clock, 5.0)
    with database.writing() as connection:
        connection.execute("CREATE TABLE invoices (pounds INTEGER)")
    database.prepare()
    assert names(database) == {*TABLES, "invoices"}
    database.close()


def test_an_empty_file_is_a_new_store(tmp_path: Path, clock: HandClock) -> None:
    """As `mktemp` makes them."""
    path = tmp_path / "store.db"
    path.touch()
    with Store.open(str(path), clock=clock) as store:
        begin(store)


# ------------------------------------------------------------------ append-only


@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}"], ids=["update", "delete"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_is_never_rewritten(store: Store, table: str, verb: str) -> None:
    """The database itself refuses, whoever asks."""
    run = begin(store)
    store.plan_operations(run, [aim(1)])
    store.append(run, aim(1).id, State.DONE)
    store.end_run(run, exit_code=0, summary={})
    acquire(store)
    store.break_lock(Site("sandbox", 5740), by="kate", reason="a test")
    with pytest.raises(StoreError, match="append-only"), store._database.writing() as connection:
        column = columns(connection, table)[0]
        connection.execute(verb.format(table, column, column))


# ------------------------------------------------------------------ SQLite's file


def test_only_the_owner_may_read_the_store(tmp_path: Path, clock: HandClock) -> None:
    """The folder, the file and the two files that SQLite keeps beside it while it is open."""
    path = tmp_path / "deep" / "hidden" / "store.db"
    with Store.open(f"sqlite:///{path}", clock=clock) as store:
        begin(store)
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_store_that_others_may_read_is_closed_to_them(tmp_path: Path, clock: HandClock) -> None:
    """A copy or a careless umask had opened it."""
    path = tmp_path / "store.db"
    path.touch(mode=0o644)
    Store.open(str(path), clock=clock).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_folder_keeps_its_mode(tmp_path: Path, clock: HandClock) -> None:
    """It may be the user's own."""
    tmp_path.chmod(0o755)
    Store.open(str(tmp_path / "store.db"), clock=clock).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_sqlite_commits_reach_the_disk(tmp_path: Path) -> None:
    """WAL with synchronous FULL: an event that was journalled survives a power cut."""
    database = open_database(str(tmp_path / "store.db"), SystemClock(), 5.0)
    with database.reading() as connection:
        settings = [connection.value(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")]
    database.close()
    assert settings == ["wal", 2, 1]


def test_a_second_store_in_the_process_does_not_drop_the_locks_of_the_first(tmp_path: Path, clock: HandClock) -> None:
    """POSIX drops a process's locks on a file when it closes any handle to it; opening a store must not."""
    path = tmp_path / "store.db"
    with Store.open(str(path), clock=clock) as store, store._database.writing():
        Store.open(str(path), clock=clock).close()
        with (
            closing(sqlite3.connect(path, timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")
