"""One transaction's connection: statements and values that both SQLite and PostgreSQL accept."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, overload

from reconciler.model.slots import Site

Values = Mapping[str, object]
Row = tuple[Any, ...]
Rows = Generator[Row, None, None]


class Connection:
    """A connection that takes the same statements for both databases; they name their values, as in `:learner`."""

    def __init__(self, driver: Any, *, is_postgresql: bool) -> None:
        self.driver, self.is_postgresql = driver, is_postgresql

    def execute(self, statement: str, values: Values | None = None) -> Any:
        """Execute a statement, and return the driver's cursor, whose `rowcount` is the number of changed rows."""
        if values is None:
            return self.driver.execute(statement)
        return self.driver.execute(self._dialect(statement), _encoded(values))

    def many(self, statement: str, rows: Iterable[Values]) -> None:
        """Execute the same statement for each of the rows."""
        with closing(self.driver.cursor()) as cursor:
            cursor.executemany(self._dialect(statement), [_encoded(row) for row in rows])

    def rows(self, statement: str, values: Values | None = None) -> list[Row]:
        with closing(self.execute(statement, values)) as cursor:
            rows: list[Row] = cursor.fetchall()
        return rows

    def each(self, statement: str, values: Values | None = None) -> Rows:
        """Yield the rows one by one, because a large result is several times as large as what is made of it."""
        with closing(self.execute(statement, values)) as cursor:
            yield from cursor

    def named(self, statement: str, values: Values | None = None) -> list[dict[str, Any]]:
        """Return each row as a dictionary of its columns."""
        with closing(self.execute(statement, values)) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, statement: str, values: Values | None = None) -> Any:
        """Return the first value of the first row; None if there is no row."""
        with closing(self.execute(statement, values)) as cursor:
            row = cursor.fetchone()
        return row[0] if row else None

    def insert(self, table: str, rows: Sequence[Values]) -> None:
        """Insert rows, all with the same columns."""
        if rows:
            self.many(_insertion(table, rows[0]), rows)

    def numbered(self, table: str, row: Values) -> int:
        """Insert one row, and return its generated number."""
        number: int = self.value(f"{_insertion(table, row)} RETURNING id", row)
        return number

    def _dialect(self, statement: str) -> str:
        return _for_psycopg(statement) if self.is_postgresql else statement


@lru_cache(maxsize=200)
def _for_psycopg(statement: str) -> str:
    return re.sub(r":([a-z_0-9]+)", r"%(\1)s", statement)


def _encoded(values: Values) -> dict[str, object]:
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> object:
    """Encode a value for the database.

    A moment becomes seconds since 1970. In text, NUL and half a surrogate pair, which neither database can hold,
    become a replacement character.
    """
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
    """Decode a stored moment."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _insertion(table: str, columns: Iterable[str]) -> str:
    names = list(columns)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({quoted}) VALUES ({', '.join(f':{name}' for name in names)})"


SCOPE_SQL = "target = :target AND organisation = :organisation"
"""The condition that chooses one site's rows; `scope_params` returns its values."""


def scope_params(site: Site) -> dict[str, object]:
    return {"target": site.target, "organisation": site.organisation}


MANY = 500
"""Values in one list: fewer than any database allows, and few enough that SQLite finds each by its name at once."""


def in_clauses(name: str, values: Collection[int]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield lists for IN, in order, that have all values together; none if there is no value."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), MANY):
        yield in_clause(name, ordered[start : start + MANY])


def in_clause(name: str, values: Iterable[object]) -> tuple[str, dict[str, object]]:
    """Return a list for IN, and its values; nothing is in an empty list."""
    params = {f"{name}_{number}": value for number, value in enumerate(values)}
    return f"({', '.join(f':{param}' for param in params) or 'NULL'})", params
