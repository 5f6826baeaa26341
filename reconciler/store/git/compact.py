"""Compaction of a store on a branch: a new branch that begins with the present record and the evidence to keep."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from reconciler.model.operations import State
from reconciler.problems import ExitCode, Problem, StoreError
from reconciler.store.git.rows import Table, recorded_tables
from reconciler.store.git.segments import Line
from reconciler.store.git.store import GitStore

_KEPT_RUNS = f"""
SELECT id FROM runs WHERE started >= :since
UNION SELECT run FROM unfinished WHERE state <> '{State.FAILED.value}'
UNION SELECT max(runs.id) FROM runs JOIN run_ends ON run_ends.run = runs.id
    WHERE command LIKE 'apply%' AND exit_code IN ({ExitCode.DONE:d}, {ExitCode.INCOMPLETE:d})
    GROUP BY target, organisation
"""
"""The runs since then, those with an open end, and the last applies: what is approved is known by them."""
_EVIDENCE = frozenset({"runs", "run_ends", "operations", "events"})
"""Tables of what runs did. Each other row that names a run keeps that run."""
_KEPT = {"episodes": "ended IS NULL OR ended >= :since", "lock_breaks": "at >= :since"}


def compact(old: GitStore, new: GitStore, since: datetime) -> tuple[int, int]:
    """Push what is kept of a store as the beginning of a new branch. Returns how many runs are kept, and of how many.

    Raises StoreError if the new branch exists already, or while a run holds a lock.
    """
    if not new.is_new:
        what, fix = f"{new.place} exists already", "Choose a name that no branch has."
        raise StoreError(Problem(what, fix, where="--into"))
    with old._database.reading() as connection:
        driver = connection.driver
        if driver.execute("SELECT 1 FROM leases WHERE until > ?", (old.now().timestamp(),)).fetchone():
            what, fix = "a run holds a lock of this store", "Wait for its end, and run this again."
            raise StoreError(Problem(what, fix, where=old.place))
        tables = _in_order(driver)
        named = [f"UNION SELECT run FROM {table.name} WHERE run IS NOT NULL" for table in tables if _names_runs(table)]
        runs = " ".join((_KEPT_RUNS, *named)).replace(":since", repr(since.timestamp()))
        driver.execute("DROP TABLE IF EXISTS temp.kept")
        driver.execute(f"CREATE TEMP TABLE kept AS {runs}")
        kept, of = (driver.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("kept", "runs"))
        lines = [line for table in tables for line in _kept_lines(driver, table, since)]
    with new._database.writing() as connection:
        new._database.branch.push(connection.driver, lines, None, new.now())
    return kept, of


def _in_order(driver: sqlite3.Connection) -> list[Table]:
    """Return the tables, each after those that its rows name."""
    first = ("runs", "operations")
    tables = recorded_tables(driver)
    return sorted(tables, key=lambda table: first.index(table.name) if table.name in first else len(first))


def _names_runs(table: Table) -> bool:
    return "run" in table.columns and table.name not in _EVIDENCE | _KEPT.keys()


def _kept_lines(driver: sqlite3.Connection, table: Table, since: datetime) -> Iterator[Line]:
    condition = _KEPT.get(table.name, "TRUE")
    if table.name == "runs":
        condition = "id IN (SELECT id FROM kept)"
    elif table.name in _EVIDENCE:
        condition = "run IN (SELECT id FROM kept)"
    names = ", ".join(f'"{column}"' for column in table.columns)
    values: dict[str, Any] = {"since": since.timestamp()}
    for row in driver.execute(f"SELECT {names} FROM {table.name} WHERE {condition} ORDER BY rowid", values):
        yield table.line(row)
