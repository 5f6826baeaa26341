"""The shared call budget: every process counts its calls here, so that together they keep to the limit."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from reconciler.calls import Reservation
from reconciler.store.database import Database
from reconciler.store.tables import calls, pauses


class Ledger:
    """The calls of one account in a sliding window, exact in every window.

    A call counts from its reservation until `window` seconds after its answer, because the server counts it at
    some moment in between. A reservation that is never settled, because its process died, counts as if it was
    answered after `answer` seconds. Calls of processes that ask with different limits are counted together.
    """

    def __init__(self, database: Database, account: str, *, window: float = 60.0, answer: float = 120.0) -> None:
        self._database = database
        self._account = account
        self._window = timedelta(seconds=window)
        self._answer = timedelta(seconds=answer)

    def reserve(self, limit: int) -> Reservation:
        """The right to make one call now, if fewer than `limit`, at least 1, are in the window."""
        with self._database.writing(f"calls:{self._account}") as connection:
            now = self._database.now(connection)
            paused_until = connection.scalar(select(pauses.c.until).where(pauses.c.account == self._account))
            if paused_until and paused_until > now:
                return _later(paused_until - now)
            connection.execute(delete(calls).where(self._mine(), self._left(now)))
            leaving = self._leaving(connection, now)
            if len(leaving) >= limit:
                return _later(leaving[len(leaving) - limit] - now)
            row = {"account": self._account, "reserved": now}
            return Reservation(connection.execute(calls.insert().returning(calls.c.id), row).scalar_one(), 0.0)

    def settle(self, id: int) -> None:
        """The answer arrived: the call leaves the window `window` seconds from now."""
        with self._database.writing(f"calls:{self._account}") as connection:
            now = self._database.now(connection)
            mine = update(calls).where(self._mine(), calls.c.id == id).values(settled=now)
            if connection.execute(mine).rowcount == 0:  # so late that it was given up: it counts from now after all
                row = {"account": self._account, "reserved": now, "settled": now}
                connection.execute(calls.insert(), row)

    def pause(self, seconds: float) -> None:
        """Nobody calls for that long. A pause that ends later than this one stays."""
        statement = self._database.upsert(pauses)
        statement = statement.on_conflict_do_update(
            index_elements=["account"],
            set_={"until": statement.excluded.until},
            where=pauses.c.until < statement.excluded.until,
        )
        with self._database.writing(f"calls:{self._account}") as connection:
            until = self._database.now(connection) + timedelta(seconds=seconds)
            connection.execute(statement, {"account": self._account, "until": until})

    def spent(self) -> int:
        """Calls in the window now."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            count = select(func.count()).select_from(calls).where(self._mine(), ~self._left(now))
            return connection.scalar(count) or 0

    def _mine(self) -> ColumnElement[bool]:
        return calls.c.account == self._account

    def _left(self, now: datetime) -> ColumnElement[bool]:
        answered = calls.c.settled < now - self._window  # at the very instant it still counts
        given_up = and_(calls.c.settled.is_(None), calls.c.reserved < now - self._answer - self._window)
        return or_(answered, given_up)

    def _leaving(self, connection: Connection, now: datetime) -> list[datetime]:
        """When each call in the window leaves it at the earliest, soonest first: one in flight may be answered now."""
        rows = connection.execute(select(calls.c.reserved, calls.c.settled).where(self._mine()))
        return sorted(
            settled + self._window if settled else min(now, reserved + self._answer) + self._window
            for reserved, settled in rows
        )


def _later(wait: timedelta) -> Reservation:
    # To the next millisecond: past the instant itself, and never a wait so short that asking again costs more.
    return Reservation(None, (math.floor(wait.total_seconds() * 1000) + 1) / 1000)
