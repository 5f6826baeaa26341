"""The tables of the newest schema version, the same for SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as seconds since 1970 in UTC: the one form that both databases keep alike."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> float | None:
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Words(TypeDecorator[str]):
    """Free text, perhaps a server's. What a database cannot hold, NUL and half a surrogate pair, becomes a mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else value.encode("utf-8", "replace").decode().replace("\0", "�")


Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for plain INTEGER

metadata = MetaData()

versions = Table(
    "reconciler_schema",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Number, primary_key=True),
    Column("started", Moment, nullable=False),
    Column("command", Words, nullable=False),
    Column("target", Text, nullable=False),
    Column("organisation", BigInteger, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("who", Words, nullable=False),
    Column("commit_id", Words, nullable=False),
    Column("uncommitted", Boolean),
)

run_ends = Table(
    "run_ends",
    metadata,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("learner", BigInteger, nullable=False),
    Column("moves", JSON, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("body", JSON, nullable=False),
    UniqueConstraint("run", "sequence"),
    Index("operations_by_learner", "learner"),
)

events = Table(
    "events",
    metadata,
    Column("id", Number, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Words, nullable=False),
    Column("proof", Text, nullable=False),
    ForeignKeyConstraint(["run", "operation"], ["operations.run", "operations.operation"]),
    Index("events_by_operation", "run", "operation", "id"),
    Index("events_by_state", "state"),
)

record = Table(
    "record",
    metadata,
    Column("target", Text, primary_key=True),
    Column("organisation", BigInteger, primary_key=True, autoincrement=False),
    Column("learner", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # as JSON, so that 123, "123" and null stay three keys
    Column("staff", BigInteger),
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("at", Moment, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("target", Text, primary_key=True),
    Column("organisation", BigInteger, primary_key=True, autoincrement=False),
    Column("token", Text, nullable=False),
    Column("holder", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("command", Words, nullable=False),
    Column("run", BigInteger),
    Column("seconds", Double, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
)

lock_breaks = Table(
    "lock_breaks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("target", Text, nullable=False),
    Column("organisation", BigInteger, nullable=False),
    Column("holder", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("command", Words, nullable=False),
    Column("run", BigInteger),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Text, nullable=False),
    Column("reserved", Moment, nullable=False),
    Column("settled", Moment),
    Index("calls_by_account", "account"),
    sqlite_autoincrement=True,  # rows are removed here, and a number used again would settle another's call
)

pauses = Table(
    "pauses",
    metadata,
    Column("account", Text, primary_key=True),
    Column("until", Moment, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("target", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Number, primary_key=True),
    Column("target", Text, nullable=False),
    Column("organisation", BigInteger, nullable=False),
    Column("matter", Text, nullable=False),
    Column("learner", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),  # as in the record
    Column("holder", Text, nullable=False),  # as JSON: a user, null for nobody, or the word for why it is not known
    Column("due", BigInteger),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("ended", Moment),
    Column("ending", Words, nullable=False),
)

ONE_OPEN_EPISODE = (
    "CREATE UNIQUE INDEX open_episode ON episodes (target, organisation, matter, learner, kind, key) "
    "WHERE ended IS NULL"
)
"""As text, which both databases understand: a partial index of SQLAlchemy's own loads the dialects of both."""

APPEND_ONLY = (runs, run_ends, operations, events, lock_breaks)
"""History: no row of these is ever changed or removed, and the database itself refuses to."""
