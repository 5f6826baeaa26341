"""The tables of the newest schema version, written once for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TABLES: Mapping[str, str] = {
    "reconciler_schema": """
        version {version} NOT NULL,
        at {moment} NOT NULL,
        PRIMARY KEY (version)""",
    "runs": """
        id {serial} NOT NULL,
        started {moment} NOT NULL,
        command TEXT NOT NULL,
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        fingerprint TEXT NOT NULL,
        who TEXT NOT NULL,
        commit_id TEXT NOT NULL,
        uncommitted BOOLEAN,
        made {moment},
        reverts BIGINT,
        approved_by TEXT,
        repository TEXT,
        PRIMARY KEY (id)""",
    "run_ends": """
        run {number} NOT NULL REFERENCES runs (id),
        at {moment} NOT NULL,
        exit_code INTEGER NOT NULL,
        summary JSON NOT NULL,
        PRIMARY KEY (run)""",
    "operations": """
        run {number} NOT NULL REFERENCES runs (id),
        operation TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        learner BIGINT NOT NULL,
        moves JSON NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        body JSON NOT NULL,
        organisation BIGINT,
        PRIMARY KEY (run, operation),
        UNIQUE (run, sequence)""",
    "events": """
        id {serial} NOT NULL,
        run BIGINT NOT NULL,
        operation TEXT NOT NULL,
        at {moment} NOT NULL,
        state TEXT NOT NULL,
        detail TEXT NOT NULL,
        proof TEXT NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (run, operation) REFERENCES operations (run, operation)""",
    "unfinished": """
        run {number} NOT NULL,
        operation TEXT NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (run, operation),
        FOREIGN KEY (run, operation) REFERENCES operations (run, operation)""",
    "record": """
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        learner BIGINT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        staff BIGINT,
        run {number} NOT NULL REFERENCES runs (id),
        at {moment} NOT NULL,
        PRIMARY KEY (target, organisation, learner, kind, key)""",
    "seen": """
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        learner BIGINT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        holder TEXT NOT NULL,
        at {moment} NOT NULL,
        PRIMARY KEY (target, organisation, learner, kind, key, holder)""",
    "cohorts": """
        target TEXT NOT NULL,
        repository TEXT NOT NULL,
        cohort TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        learners JSON,
        PRIMARY KEY (target, repository, cohort, organisation)""",
    "leases": """
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        token TEXT NOT NULL,
        holder TEXT NOT NULL,
        host TEXT NOT NULL,
        command TEXT NOT NULL,
        run BIGINT,
        seconds {moment} NOT NULL,
        since {moment} NOT NULL,
        until {moment} NOT NULL,
        PRIMARY KEY (target, organisation)""",
    "lock_breaks": """
        id {serial} NOT NULL,
        at {moment} NOT NULL,
        "by" TEXT NOT NULL,
        reason TEXT NOT NULL,
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        holder TEXT NOT NULL,
        host TEXT NOT NULL,
        command TEXT NOT NULL,
        run BIGINT,
        since {moment} NOT NULL,
        until {moment} NOT NULL,
        PRIMARY KEY (id)""",
    # rows of calls are removed, and a number used again would settle another call
    "calls": """
        id {unrepeated},
        account TEXT NOT NULL,
        reserved {moment} NOT NULL,
        settled {moment},
        leaves {moment}""",
    "budgets": """
        account TEXT NOT NULL,
        calls BIGINT NOT NULL,
        PRIMARY KEY (account)""",
    "pauses": """
        account TEXT NOT NULL,
        until {moment} NOT NULL,
        PRIMARY KEY (account)""",
    "facts": """
        target TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        at {moment} NOT NULL,
        PRIMARY KEY (target, name)""",
    "capabilities": """
        target TEXT NOT NULL,
        account TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        at {moment} NOT NULL,
        PRIMARY KEY (target, account, organisation, name)""",
    "messages": """
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        occasion TEXT NOT NULL,
        recipient TEXT NOT NULL,
        channel TEXT NOT NULL,
        state TEXT NOT NULL,
        at {moment} NOT NULL,
        PRIMARY KEY (target, organisation, occasion, recipient, channel)""",
    "episodes": """
        id {serial} NOT NULL,
        target TEXT NOT NULL,
        organisation BIGINT NOT NULL,
        matter TEXT NOT NULL,
        learner BIGINT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        holder TEXT NOT NULL,
        due BIGINT,
        first_seen {moment} NOT NULL,
        last_seen {moment} NOT NULL,
        ended {moment},
        ending TEXT NOT NULL,
        since {moment},
        repository TEXT,
        PRIMARY KEY (id)""",
}
"""Each table's columns and keys, in an order in which they can be created.

A `key` is JSON, so that 123, "123" and null stay three keys; so are `holder`, `moves`, `body`, `learners` and
`summary`. A moment is seconds since 1970 in UTC, which both databases store alike. `unfinished` has the operations
whose latest event is no success, and `budgets` the number of rows in `calls`, so that neither is searched for.
`runs.made` is when the run's plan was made.
"""

KINDS: Mapping[str, tuple[str, str]] = {
    "serial": ("INTEGER", "BIGSERIAL"),  # SQLite numbers rows by itself only for plain INTEGER
    "unrepeated": ("INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "BIGSERIAL NOT NULL PRIMARY KEY"),
    "number": ("INTEGER", "BIGINT"),
    "version": ("INTEGER", "SERIAL"),
    "moment": ("DOUBLE", "DOUBLE PRECISION"),
}
"""Column types that the two databases name differently: SQLite, PostgreSQL."""

INDEXES = (
    "CREATE INDEX operations_by_learner ON operations (learner)",
    "CREATE INDEX events_by_operation ON events (run, operation, id)",
    "CREATE INDEX calls_by_leaving ON calls (account, leaves)",
    "CREATE INDEX record_by_learner ON record (target, learner)",
)

ONE_OPEN_EPISODE = (
    "CREATE UNIQUE INDEX open_episode ON episodes (target, organisation, matter, learner, kind, key) "
    "WHERE ended IS NULL"
)

APPEND_ONLY = ("runs", "run_ends", "operations", "events", "lock_breaks")
"""History tables: no row of these is ever changed or removed; triggers in the database refuse it."""


def create_table(name: str, *, is_postgresql: bool) -> str:
    kinds = {kind: names[is_postgresql] for kind, names in KINDS.items()}
    return f"CREATE TABLE {name} ({TABLES[name].format(**kinds)})"


def statements(*, is_postgresql: bool) -> Iterator[str]:
    """Return the statements that create every table and index in an empty database."""
    yield from (create_table(name, is_postgresql=is_postgresql) for name in TABLES)
    yield from INDEXES
    yield ONE_OPEN_EPISODE
