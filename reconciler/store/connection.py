"""One transaction's way to the database: statements for both, values that both can hold, rows as they come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, overload

from reconciler.model.slots import Site

Values = Mapping[str, object]
Row = tuple[Any, ...]


class Connection:
    """A statement names its values, `:learner`; both databases are given the same text."""

    def __init__(self, driver: Any, *, is_postgresql: bool) -> None:
        self.driver, self.is_postgresql = driver, is_postgresql

    def execute(self, statement: str, values: Values | None = None) -> Any:
        """The driver's cursor, which knows how many rows were changed."""
        if values is None:
            return self.driver.execute(statement)
        return self.driver.execute(self._spelt(statement), _held(values))

    def many(self, statement: str, rows: Iterable[Values]) -> None:
        """The same statement for each of the rows."""
        with closing(self.driver.cursor()) as cursor:
            cursor.executemany(self._spelt(statement), [_held(row) for row in rows])

    def rows(self, statement: str, values: Values | None = None) -> list[Row]:
        with closing(self.execute(statement, values)) as cursor:
            found: list[Row] = cursor.fetchall()
        return found

    def named(self, statement: str, values: Values | None = None) -> list[dict[str, Any]]:
        """Each row by its columns' names."""
        with closing(self.execute(statement, values)) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, statement: str, values: Values | None = None) -> Any:
        """The first value of the first row; None where there is no row."""
        with closing(self.execute(statement, values)) as cursor:
            row = cursor.fetchone()
        return row[0] if row else None

    def insert(self, table: str, rows: Sequence[Values]) -> None:
        """All with the same columns."""
        if rows:
            self.many(_insertion(table, rows[0]), rows)

    def numbered(self, table: str, row: Values) -> int:
        """Insert one row, and give the number that the database gave it."""
        number: int = self.value(f"{_insertion(table, row)} RETURNING id", row)
        return number

    def _spelt(self, statement: str) -> str:
        return _for_psycopg(statement) if self.is_postgresql else statement


@lru_cache(maxsize=200)
def _for_psycopg(statement: str) -> str:
    return re.sub(r":([a-z_0-9]+)", r"%(\1)s", statement)


def _held(values: Values) -> dict[str, object]:
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> object:
    """As a database takes it: a moment as seconds since 1970, free text, perhaps a server's, without what neither
    can hold: NUL and half a surrogate pair become a mark."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


@overload
def moment(seconds: float) -> datetime: ...
@overload
def moment(seconds: None) -> None: ...
def moment(seconds: float | None) -> datetime | None:
    """A moment that was kept."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _insertion(table: str, columns: Iterable[str]) -> str:
    names = list(columns)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({quoted}) VALUES ({', '.join(f':{name}' for name in names)})"


SCOPE_SQL = "target = :target AND organisation = :organisation"
"""The rows of one organisation of one target; `of` has the values."""


def scope_params(site: Site) -> dict[str, object]:
    return {"target": site.target, "organisation": site.organisation}


def in_clause(name: str, values: Iterable[object]) -> tuple[str, dict[str, object]]:
    """A list for IN, and its values; nothing is in an empty one."""
    named = {f"{name}_{number}": value for number, value in enumerate(values)}
    return f"({', '.join(f':{one}' for one in named) or 'NULL'})", named
