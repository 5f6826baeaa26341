"""Rows of the cache as lines of a segment, and back: changed rows are noted by triggers, lines are replayed by key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from reconciler.model.operations import State
from reconciler.store.git.segments import Line, in_words, moment_of
from reconciler.store.journal import UNFINISHED
from reconciler.store.migrations import VERSIONS
from reconciler.store.schema import APPEND_ONLY, TABLES

LOCAL = frozenset({VERSIONS, "leases", "calls", "budgets", "pauses", "unfinished"})
"""Tables that are not in segments: the lock has a file of its own, calls count on one machine, and the rest follows."""

NATURAL_KEYS: Mapping[str, Sequence[str]] = {
    "episodes": ("target", "matter", "learner", "kind", "key", "first_seen"),
}
"""The key of a table whose id is only a number in one cache."""

_SAME_EPISODE = """
SELECT id, ended FROM episodes
WHERE target = :target AND matter = :matter AND learner = :learner AND kind = :kind AND key = :key
    AND (first_seen = :first_seen OR (organisation = :organisation AND ended IS NULL AND :ended IS NULL))
ORDER BY first_seen = :first_seen DESC
"""
_NOTES = (
    'CREATE TABLE IF NOT EXISTS git_rows (id INTEGER PRIMARY KEY, "table" TEXT, row INTEGER, gone TEXT)',
    "CREATE TABLE IF NOT EXISTS git_position (tip TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL)",
)


class Table(NamedTuple):
    """One table of the cache. `columns` are written to lines; `key` finds the row that a line changes."""

    name: str
    columns: Mapping[str, str]
    key: Sequence[str]

    @classmethod
    def of(cls, driver: sqlite3.Connection, name: str) -> Table:
        columns = {row[1]: row[2] for row in driver.execute(f"PRAGMA table_info({name})")}
        key = [row[1] for row in driver.execute(f"PRAGMA table_info({name})") if row[5]]
        if is_numbered(name) and name != "runs":
            del columns["id"]
            key = list(NATURAL_KEYS.get(name, ()))
        return cls(name, columns, key)

    def line(self, values: Sequence[Any]) -> dict[str, Any]:
        """Write a row; what is not there is left out."""
        row = {
            column: _written(kind, value)
            for (column, kind), value in zip(self.columns.items(), values, strict=True)
            if value is not None
        }
        return {"table": self.name, **row}

    def values(self, line: Line) -> dict[str, Any]:
        """Read a row."""
        return {column: _read(kind, line.get(column)) for column, kind in self.columns.items()}

    def statement(self, *, again: bool = False) -> str:
        """Return the statement that adds a row, or changes the row of the same key; with `again` only if it is new."""
        names = ", ".join(f'"{name}"' for name in self.columns)
        insert = f"INSERT INTO {self.name} ({names}) SELECT {', '.join(f':{name}' for name in self.columns)}"
        if again and self.name in APPEND_ONLY:
            same = " AND ".join(f'"{name}" IS :{name}' for name in self.columns)
            return f"{insert} WHERE NOT EXISTS (SELECT 1 FROM {self.name} WHERE {same})"
        if not self.key or self.name in APPEND_ONLY or self.name in NATURAL_KEYS:
            return insert
        rest = ", ".join(f'"{name}" = excluded."{name}"' for name in self.columns if name not in self.key)
        keys = ", ".join(f'"{name}"' for name in self.key)
        return f"{insert} WHERE TRUE ON CONFLICT ({keys}) DO " + (f"UPDATE SET {rest}" if rest else "NOTHING")


def is_numbered(table: str) -> bool:
    """Return whether the database numbers the rows."""
    return "id {serial}" in TABLES.get(table, "")


def recorded_tables(driver: sqlite3.Connection) -> list[Table]:
    """Return the tables of the store that go to the branch, new ones included."""
    names = [name for (name,) in driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    ours = [name for name in names if not name.startswith(("sqlite_", "git_")) and name not in LOCAL]
    return [Table.of(driver, name) for name in ours]


# ------------------------------------------------------------------ noting what changes


def make_notes(driver: sqlite3.Connection) -> None:
    """Create the tables in which a cache notes its changed rows and its position."""
    for statement in _NOTES:
        driver.execute(statement).close()


def note_changes(driver: sqlite3.Connection) -> None:
    """Let this connection note each row that it adds, changes or removes."""
    for table in recorded_tables(driver):
        gone = ", ".join(f"'{column}', OLD.\"{column}\"" for column in table.key) or "'', ''"
        notes = (("INSERT", "NEW", "NULL"), ("UPDATE", "NEW", "NULL"), ("DELETE", "OLD", f"json_object({gone})"))
        for verb, row, key in notes:
            driver.execute(
                f"CREATE TEMP TRIGGER {table.name}_{verb.lower()}_noted AFTER {verb} ON main.{table.name} BEGIN "
                f"INSERT INTO git_rows (\"table\", row, gone) VALUES ('{table.name}', {row}.rowid, {key}); END"
            ).close()


def noted_lines(driver: sqlite3.Connection) -> list[Line]:
    """Return the noted rows as lines, each with its values of now."""
    tables = {table.name: table for table in recorded_tables(driver)}
    noted = driver.execute('SELECT "table", row, gone FROM git_rows ORDER BY id').fetchall()
    return [line for name, row, gone in dict.fromkeys(noted) for line in _lines(driver, tables[name], row, gone)]


def _lines(driver: sqlite3.Connection, table: Table, row: int, gone: str | None) -> Iterator[Line]:
    if gone is not None:
        yield {"table": table.name, "gone": True, **json.loads(gone)}
        return
    names = ", ".join(f'"{column}"' for column in table.columns)
    values = driver.execute(f"SELECT {names} FROM {table.name} WHERE rowid = ?", (row,)).fetchone()
    if values is not None:  # else it was removed again
        yield table.line(values)


def _written(kind: str, value: Any) -> Any:
    if kind.startswith("DOUBLE"):
        return in_words(datetime.fromtimestamp(value, UTC))
    return json.loads(value) if kind == "JSON" else value


def _read(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind.startswith("DOUBLE"):
        return moment_of(value).timestamp()
    return json.dumps(value) if kind == "JSON" else value


# ------------------------------------------------------------------ replaying


def replay(driver: sqlite3.Connection, lines: Iterable[Line], *, again: bool = False) -> None:
    """Carry lines out, in order, inside the caller's transaction, on a connection that notes nothing.

    `again`: some of the rows may be here already, because this process wrote them.
    """
    tables = {table.name: table for table in recorded_tables(driver)}
    for (name, gone), group in groupby(lines, lambda line: (line["table"], "gone" in line)):
        table = tables[name]
        if gone:
            condition = " AND ".join(f'"{column}" = :{column}' for column in table.key)
            driver.executemany(f"DELETE FROM {name} WHERE {condition}", [dict(line) for line in group])
        elif name in NATURAL_KEYS:
            for line in group:
                _replay_episode(driver, table, table.values(line))
        else:
            rows = [table.values(line) for line in group]
            driver.executemany(table.statement(again=again), rows)
            if name == "events":
                _replay_unfinished(driver, rows)


def _replay_episode(driver: sqlite3.Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Add an issue, or change the one that it is: two clones may have seen the same one open at the same time."""
    found = driver.execute(_SAME_EPISODE, row).fetchone()
    if found is None:
        driver.execute(table.statement(), row)
    elif found[1] is None:
        rest = ", ".join(f'"{name}" = :{name}' for name in table.columns if name not in table.key)
        driver.execute(f"UPDATE episodes SET {rest} WHERE id = :id", {**row, "id": found[0]})


def _replay_unfinished(driver: sqlite3.Connection, events: Sequence[Mapping[str, Any]]) -> None:
    latest = {(event["run"], event["operation"]): event for event in events}
    for event in latest.values():
        driver.execute("DELETE FROM unfinished WHERE run = :run AND operation = :operation", event)
    left = [event for event in latest.values() if State(event["state"]) in UNFINISHED]
    driver.executemany("INSERT INTO unfinished (run, operation, state) VALUES (:run, :operation, :state)", left)
