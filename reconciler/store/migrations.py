"""Schema migrations: a new database gets the newest version, an older one is migrated step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from reconciler.problems import Problem, StoreError
from reconciler.store.codec import decoded, number
from reconciler.store.connection import Connection
from reconciler.store.schema import APPEND_ONLY, ONE_OPEN_EPISODE, TABLES, statements

VERSIONS = "reconciler_schema"

Step = Callable[[Connection], None]


def _add_episodes(connection: Connection) -> None:
    """Migrate 1 to 2. Written out, because `TABLES` has the newest version."""
    number, moment = ("BIGSERIAL", "DOUBLE PRECISION") if connection.is_postgresql else ("INTEGER", "DOUBLE")
    connection.execute(
        f"CREATE TABLE episodes (id {number} NOT NULL, target TEXT NOT NULL, organisation BIGINT NOT NULL, "
        "matter TEXT NOT NULL, learner BIGINT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, "
        f"holder TEXT NOT NULL, due BIGINT, first_seen {moment} NOT NULL, last_seen {moment} NOT NULL, "
        f"ended {moment}, ending TEXT NOT NULL, PRIMARY KEY (id))"
    )
    connection.execute(ONE_OPEN_EPISODE)
    _protect_episodes(connection)


def _add_uncommitted(connection: Connection) -> None:
    """Migrate 2 to 3. For older runs it is unknown whether their files were their commit's."""
    connection.execute("ALTER TABLE runs ADD COLUMN uncommitted BOOLEAN")


def _add_unfinished(connection: Connection) -> None:
    """Migrate 3 to 4: what is open, what leaves the window next and who applied last are found without a search."""
    number, moment = ("BIGINT", "DOUBLE PRECISION") if connection.is_postgresql else ("INTEGER", "DOUBLE")
    for statement in (
        f"CREATE TABLE unfinished (run {number} NOT NULL, operation TEXT NOT NULL, state TEXT NOT NULL, "
        "PRIMARY KEY (run, operation), FOREIGN KEY (run, operation) REFERENCES operations (run, operation))",
        "CREATE TABLE budgets (account TEXT NOT NULL, calls BIGINT NOT NULL, PRIMARY KEY (account))",
        f"ALTER TABLE runs ADD COLUMN made {moment}",
        f"ALTER TABLE calls ADD COLUMN leaves {moment}",
        "INSERT INTO unfinished SELECT run, operation, state FROM events "
        "WHERE state IN ('intent', 'sent', 'failed', 'unknown') AND NOT EXISTS (SELECT 1 FROM events AS later "
        "WHERE later.run = events.run AND later.operation = events.operation AND later.id > events.id)",
        "UPDATE calls SET leaves = COALESCE(settled + 60, reserved + 180)",
        "INSERT INTO budgets SELECT account, count(*) FROM calls GROUP BY account",
        "DROP INDEX events_by_state",
        "DROP INDEX calls_by_account",
        "CREATE INDEX calls_by_leaving ON calls (account, leaves)",
        "CREATE INDEX record_by_learner ON record (target, learner)",
    ):
        connection.execute(statement)


def _add_origin(connection: Connection) -> None:
    """Add to each run the run that it reverts and who approved it; for older runs both are unknown."""
    for column in ("reverts BIGINT", "approved_by TEXT"):
        connection.execute(f"ALTER TABLE runs ADD COLUMN {column}")


def _add_messages(connection: Connection) -> None:
    """Add the messages that a digest has sent."""
    moment = "DOUBLE PRECISION" if connection.is_postgresql else "DOUBLE"
    connection.execute(
        "CREATE TABLE messages (target TEXT NOT NULL, organisation BIGINT NOT NULL, occasion TEXT NOT NULL, "
        f"recipient TEXT NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL, at {moment} NOT NULL, "
        "PRIMARY KEY (target, organisation, occasion, recipient, channel))"
    )


def _add_sites(connection: Connection) -> None:
    """Migrate 6 to 7: operations and cohorts know their organisation and repository, and what was seen is stored.

    Cohorts of before belong to no repository and have no known learners.
    """
    moment = "DOUBLE PRECISION" if connection.is_postgresql else "DOUBLE"
    for statement in (
        "ALTER TABLE runs ADD COLUMN repository TEXT",
        "ALTER TABLE operations ADD COLUMN organisation BIGINT",
        f"ALTER TABLE episodes ADD COLUMN since {moment}",
        "ALTER TABLE episodes ADD COLUMN repository TEXT",
        "CREATE TABLE seen (target TEXT NOT NULL, organisation BIGINT NOT NULL, learner BIGINT NOT NULL, "
        f"kind TEXT NOT NULL, key TEXT NOT NULL, holder TEXT NOT NULL, at {moment} NOT NULL, "
        "PRIMARY KEY (target, organisation, learner, kind, key, holder))",
        "CREATE TABLE cohorts (target TEXT NOT NULL, repository TEXT NOT NULL, cohort TEXT NOT NULL, "
        "organisation BIGINT NOT NULL, learners JSON, PRIMARY KEY (target, repository, cohort, organisation))",
    ):
        connection.execute(statement)
    for fact in connection.named("SELECT target, name, value FROM facts WHERE name LIKE 'cohorts:%'"):
        connection.insert("cohorts", decoded("facts", repr(fact["name"]), fact, _cohort_rows))
    connection.execute("DELETE FROM facts WHERE name LIKE 'cohorts:%'")


def _cohort_rows(fact: Mapping[str, Any]) -> list[dict[str, object]]:
    names, organisation = json.loads(fact["value"]), int(fact["name"].removeprefix("cohorts:"))
    row = {"target": fact["target"], "repository": "", "organisation": organisation}
    return [{**row, "cohort": str(name)} for name in names]


def _add_capabilities(connection: Connection) -> None:
    """Migrate 7 to 8: capabilities belong to an account and an organisation.

    Those of before belong to nobody that is known, and are removed: the next reading learns them for itself.
    """
    moment = "DOUBLE PRECISION" if connection.is_postgresql else "DOUBLE"
    connection.execute(
        "CREATE TABLE capabilities (target TEXT NOT NULL, account TEXT NOT NULL, organisation BIGINT NOT NULL, "
        f"name TEXT NOT NULL, value TEXT NOT NULL, at {moment} NOT NULL, "
        "PRIMARY KEY (target, account, organisation, name))"
    )
    connection.execute("DELETE FROM facts WHERE name NOT LIKE 'misids:%' AND name NOT LIKE 'last_reading:%'")


STEPS: Sequence[Step] = (
    _add_episodes,
    _add_uncommitted,
    _add_unfinished,
    _add_origin,
    _add_messages,
    _add_sites,
    _add_capabilities,
)
"""Migrations: STEPS[n - 1] takes a database from version n to version n + 1."""


def newest(steps: Sequence[Step] = STEPS) -> int:
    return 1 + len(steps)


def version_of(connection: Connection) -> int:
    """Return the schema version of this database; 0 if it has no store."""
    exists = (
        f"SELECT to_regclass('{VERSIONS}')"
        if connection.is_postgresql
        else f"SELECT name FROM sqlite_master WHERE type = 'table' AND name = '{VERSIONS}'"
    )
    version = (connection.value(exists) and connection.value(f"SELECT max(version) FROM {VERSIONS}")) or 0
    return int(number(VERSIONS, "version", version))


def migrate(connection: Connection, now: datetime, place: str, steps: Sequence[Step] = STEPS) -> bool:
    """Create the schema (True) or migrate it (False), within the caller's transaction.

    Raises StoreError if it is newer than this program's.
    """
    version, ours = version_of(connection), newest(steps)
    if version > ours:
        raise StoreError(_too_new(version, ours, place))
    if version == ours:
        return False
    if version == 0:
        _create(connection, place)
    else:
        for step in steps[version - 1 :]:
            step(connection)
    connection.insert(VERSIONS, [{"version": ours, "at": now}])
    return version == 0


def _too_new(version: int, ours: int, place: str) -> Problem:
    return Problem(
        what=f"the store has schema version {version}, of a newer reconciler; this one supports up to {ours}",
        fix="Upgrade onefile-reconciler, or use another store. Nothing was changed.",
        where=place,
    )


def tables_of(connection: Connection) -> set[str]:
    """Return the names of all tables of the file, or of the server's current schema."""
    names = (
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        if connection.is_postgresql
        else "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
    )
    return {name for (name,) in connection.rows(names)}


def _create(connection: Connection, place: str) -> None:
    tables = tables_of(connection)
    # a server's schema may have other programs' tables beside ours
    foreign = tables & TABLES.keys() if connection.is_postgresql else tables
    if foreign:
        raise StoreError(
            Problem(
                what=f"this database belongs to another program: it already has the table {min(foreign)}",
                fix="Give the store a file, or a PostgreSQL database or schema, of its own.",
                where=place,
            )
        )
    for statement in statements(is_postgresql=connection.is_postgresql):
        connection.execute(statement)
    protect = _protect_postgresql if connection.is_postgresql else _protect_sqlite
    protect(connection)
    _protect_episodes(connection)


def _protect_sqlite(connection: Connection) -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _protect_postgresql(connection: Connection) -> None:
    connection.execute(
        "CREATE FUNCTION reconciler_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        connection.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION reconciler_append_only()"
        )


def _protect_episodes(connection: Connection) -> None:
    """Protect episodes: one may be seen again and end once; its start and an ended one are never rewritten."""
    rewrites = "OLD.ended IS NOT NULL OR NEW.first_seen <> OLD.first_seen"
    if connection.is_postgresql:
        refuse = "EXECUTE FUNCTION reconciler_append_only()"
        statements = [
            f"CREATE TRIGGER episodes_kept BEFORE DELETE OR TRUNCATE ON episodes FOR EACH STATEMENT {refuse}",
            f"CREATE TRIGGER episodes_ended BEFORE UPDATE ON episodes FOR EACH ROW WHEN ({rewrites}) {refuse}",
        ]
    else:
        refuse = "BEGIN SELECT RAISE(ABORT, 'episodes is append-only'); END"
        statements = [
            f"CREATE TRIGGER episodes_kept BEFORE DELETE ON episodes {refuse}",
            f"CREATE TRIGGER episodes_ended BEFORE UPDATE ON episodes WHEN {rewrites} {refuse}",
        ]
    for statement in statements:
        connection.execute(statement)
