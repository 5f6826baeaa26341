"""What a database's refusals mean, in words for people: every driver error becomes one Problem."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.problems import Problem

_FULL = ("the disk is full", "Make room and run again; everything committed before is kept.")
_LOCKED = ("another process is writing to the store and did not finish in time", "Wait for it to end and run again.")
_READ_ONLY = ("the store may not be written to", "Allow this user to write to it, or choose another with --store.")
_REFUSED = ("PostgreSQL refuses this user or password", "Check the user and password in --store or RECONCILER_STORE.")
_CORRUPT = (
    "the store's file is damaged or is not a SQLite database",
    "Check the path in --store. If it is right, put the file back from a backup, or move it away to start afresh.",
)

# SQLite: the names of its result codes. PostgreSQL: SQLSTATE. The first whose code starts so speaks.
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
    ("3D000", ("PostgreSQL has no such database", "Create it, or correct its name in --store.")),
    ("53300", ("PostgreSQL takes no more connections", "Run fewer at once, or raise max_connections.")),
    ("08", ("the connection to PostgreSQL was lost", "Check the server, then run again: what was committed is kept.")),
    ("57P", ("PostgreSQL ended the connection", "Check the server, then run again: what was committed is kept.")),
    ("23", ("the store holds no such run or operation, or holds this row already", "Please report this as a bug.")),
)
_UNREACHABLE = ("PostgreSQL cannot be reached", "Check the address in --store or RECONCILER_STORE, and the server.")
_OTHER = ("the store failed", "Please report this with the words above.")


def problem_of(error: BaseException, place: str, secrets: Sequence[str] = ()) -> Problem:
    """The Problem behind a driver's error: our words, then the driver's with passwords blotted out."""
    code = str(getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or "")
    said = _first_line(str(error))
    for secret in secrets:
        said = said.replace(secret, "***")
    what, fix = _meaning(code, type(error), said)
    return Problem(what=f"{what} ({said})" if said else what, fix=fix, where=place)


def _meaning(code: str, kind: type, said: str) -> tuple[str, str]:
    if code == "" and kind.__module__.startswith("psycopg") and issubclass(kind, Exception):
        # While a connection is made the server's codes do not come through, only its words.
        return _REFUSED if re.search(r"password|authentication|pg_hba|role ", said) else _UNREACHABLE
    if code.startswith("SQLITE_CONSTRAINT"):
        code = "23"
    return next((meaning for start, meaning in _MEANINGS if code.startswith(start)), _OTHER)


def _first_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[0][:300] if lines else ""
