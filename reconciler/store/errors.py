"""Messages for database errors: every driver error becomes one Problem."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.problems import Problem
from reconciler.store.address import SETTING

_FULL = ("the disk is full", "Free some space and run again. Everything committed before is kept.")
_LOCKED = ("another process is writing to the store and did not finish in time", "Wait for it to end and run again.")
_READ_ONLY = ("the store is read-only", f"Allow this user to write to it, or choose another with {SETTING}.")
_REFUSED = ("PostgreSQL refuses this user or password", f"Check the user and password in {SETTING}.")
_CORRUPT = (
    "the store's file is damaged or is not a SQLite database",
    f"Check the path in {SETTING}. If it is right, restore the file from a backup, or move it away to start a new one.",
)

# SQLite: the names of its result codes. PostgreSQL: SQLSTATE. The first matching prefix counts.
_MEANINGS: Sequence[tuple[str, tuple[str, str]]] = (
    ("SQLITE_FULL", _FULL),
    ("SQLITE_BUSY", _LOCKED),
    ("SQLITE_LOCKED", _LOCKED),
    ("SQLITE_NOTADB", _CORRUPT),
    ("SQLITE_CORRUPT", _CORRUPT),
    ("SQLITE_READONLY", _READ_ONLY),
    ("SQLITE_PERM", _READ_ONLY),
    ("SQLITE_CANTOPEN", ("the store's file cannot be opened", "Check that the path is a file this user may write to.")),
    ("SQLITE_IOERR", ("the disk failed while the store was read or written", "Check the disk, then run again.")),
    ("53100", _FULL),
    ("55P03", _LOCKED),
    ("25006", _READ_ONLY),
    ("42501", _READ_ONLY),
    ("28", _REFUSED),
    ("3D000", ("PostgreSQL has no such database", f"Create it, or correct its name in {SETTING}.")),
    ("53300", ("PostgreSQL accepts no more connections", "Run fewer commands at once, or raise max_connections.")),
    ("08", ("the connection to PostgreSQL was lost", "Check the server, then run again. What was committed is kept.")),
    ("57P", ("PostgreSQL closed the connection", "Check the server, then run again. What was committed is kept.")),
    ("23", ("the store has no such run or operation, or has this row already", "Please report this as a bug.")),
)
_UNREACHABLE = ("PostgreSQL cannot be reached", f"Check the address in {SETTING}, and the server.")
_ROW_FIX = (
    f"Restore the store from a backup, or use a new one with {SETTING}. Commands that read only files work as before: "
    "validate, fmt, calendar and show."
)
_OTHER = ("the store failed", "Please report this with the message above.")


def problem_of(error: BaseException, place: str, secrets: Sequence[str] = ()) -> Problem:
    """Convert a driver's error to a Problem: our message, then the driver's with passwords redacted."""
    code = str(getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or "")
    message = _first_line(str(error))
    for secret in secrets:
        message = message.replace(secret, "***")
    what, fix = _meaning(code, type(error), message)
    what = f"{what} ({message})" if message else what
    return Problem(what=what, fix=fix, where=place, needs_person=fix == _REFUSED[1])


def _meaning(code: str, kind: type, message: str) -> tuple[str, str]:
    if code == "" and kind.__module__.startswith("psycopg") and issubclass(kind, Exception):
        # an error while connecting has no SQLSTATE, only a message
        return _REFUSED if re.search(r"password|authentication|pg_hba|role ", message) else _UNREACHABLE
    if "Could not decode to UTF-8" in message:
        return "a row of the store cannot be read: its text was cut short or changed by another program", _ROW_FIX
    if code.startswith("SQLITE_CONSTRAINT"):
        code = "23"
    return next((meaning for start, meaning in _MEANINGS if code.startswith(start)), _OTHER)


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0][:300] if lines else ""


def bent_row(table: str, key: object, place: str) -> Problem:
    """Name a row that cannot be read, and what works without it."""
    return Problem(
        what=f"a row of the store cannot be read: table {table}, {key}; it was cut short or changed by another program",
        fix=_ROW_FIX,
        where=place,
    )
