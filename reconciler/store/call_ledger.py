"""The shared call ledger: every process counts its calls here, so that together they keep to the rate limit."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from reconciler.ratelimit import LONGEST_CALL_SECONDS, LONGEST_PAUSE_SECONDS, WINDOW_SECONDS, Reservation
from reconciler.store.codec import number, stored_moment
from reconciler.store.connection import Connection, Values
from reconciler.store.database import Database

_PAUSE = """
INSERT INTO pauses (account, until) VALUES (:account, :until)
ON CONFLICT (account) DO UPDATE SET until = excluded.until WHERE pauses.until < excluded.until
"""
_COUNT = """
INSERT INTO budgets (account, calls) VALUES (:account, :calls)
ON CONFLICT (account) DO UPDATE SET calls = excluded.calls
"""
_CORRECT = """
UPDATE calls SET leaves = CASE WHEN settled IS NULL THEN :answered_last ELSE :answered_now END
WHERE account = :account AND leaves > :now_limit AND (settled IS NOT NULL OR leaves > :last_limit)
"""
_TOLERANCE = timedelta(seconds=1)


class Ledger:
    """The calls of one account in an exact sliding window.

    A call counts from its reservation until `window` seconds after its answer, because the server counts it at
    some moment in between; at the exact end it still counts. A reservation that is never settled, because no answer
    arrived or its process died, counts as answered after `answer` seconds. Calls of processes with different limits are
    counted together.

    Rows in the future were written by a clock that was wrong and was set back. Their calls were made at the latest
    now, so they count from now, and a pause that lasts longer than any is removed. `corrected` counts such rows.
    """

    def __init__(
        self, database: Database, account: str, *, window: float = WINDOW_SECONDS, answer: float = LONGEST_CALL_SECONDS
    ) -> None:
        self._database = database
        self._account = account
        self._window = timedelta(seconds=window)
        self._answer = timedelta(seconds=answer)
        self.corrected = 0

    def reserve(self, limit: int) -> Reservation:
        """Reserve one call if fewer than `limit` (at least 1) are in the window, else return how long to wait."""
        with self._database.writing(f"calls:{self._account}") as connection:
            now = self._database.now(connection)
            at = self._at(now)
            self._correct(connection, at)
            paused_until = connection.value("SELECT until FROM pauses WHERE account = :account", at)
            if paused_until is not None:
                pause = stored_moment("pauses", self._account, paused_until) - now
                if pause > timedelta(0):
                    return _later(pause)
            calls = self._calls_left(connection, at)
            if calls >= limit:
                self._count(connection, calls)
                return _later(min(self._leaving(connection, calls - limit), now + self._window) - now)
            self._count(connection, calls + 1)
            leaves = now + self._answer + self._window
            row = {"account": self._account, "reserved": now, "leaves": leaves}
            return Reservation(connection.numbered("calls", row), 0.0)

    def settle(self, id: int) -> None:
        """Note that the answer arrived: the call leaves the window `window` seconds from now."""
        with self._database.writing(f"calls:{self._account}") as connection:
            now = self._database.now(connection)
            row = {"account": self._account, "reserved": now, "settled": now, "leaves": now + self._window}
            update = "UPDATE calls SET settled = :settled, leaves = :leaves WHERE account = :account AND id = :id"
            if connection.execute(update, {**row, "id": id}).rowcount == 0:
                connection.insert("calls", [row])  # so late that it was given up: it counts from now
                self._count(connection, self._stored_count(connection, row) + 1)

    def pause(self, seconds: float) -> None:
        """Block reservations for `seconds`; the longest active pause wins."""
        with self._database.writing(f"calls:{self._account}") as connection:
            until = self._database.now(connection) + timedelta(seconds=seconds)
            connection.execute(_PAUSE, {"account": self._account, "until": until})

    def spent(self) -> int:
        """Count the calls in the window now."""
        with self._database.reading() as connection:
            in_window = "SELECT count(*) FROM calls WHERE account = :account AND leaves >= :now"
            return int(connection.value(in_window, self._at(self._database.now(connection))))

    def _at(self, now: datetime) -> dict[str, object]:
        answered_now, answered_last = now + self._window, now + self._answer + self._window
        return {
            "account": self._account,
            "now": now,
            "answered_now": answered_now,
            "answered_last": answered_last,
            "now_limit": answered_now + _TOLERANCE,
            "last_limit": answered_last + _TOLERANCE,
            "pause_limit": now + timedelta(seconds=LONGEST_PAUSE_SECONDS) + _TOLERANCE,
        }

    def _correct(self, connection: Connection, at: Values) -> None:
        """Correct rows that are in the future by more than clocks of one network differ."""
        pauses = "DELETE FROM pauses WHERE account = :account AND until > :pause_limit"
        self.corrected += sum(connection.execute(statement, at).rowcount for statement in (_CORRECT, pauses))

    def _calls_left(self, connection: Connection, at: Values) -> int:
        """Remove the calls that have left the window, and return how many are in it."""
        removed = connection.execute("DELETE FROM calls WHERE account = :account AND leaves < :now", at).rowcount
        return max(self._stored_count(connection, at) - int(removed), 0)

    def _stored_count(self, connection: Connection, at: Values) -> int:
        calls = connection.value("SELECT calls FROM budgets WHERE account = :account", at)
        return int(number("budgets", self._account, calls or 0))

    def _count(self, connection: Connection, calls: int) -> None:
        connection.execute(_COUNT, {"account": self._account, "calls": calls})

    def _leaving(self, connection: Connection, skipped: int) -> datetime:
        """Return when the call after so many others leaves the window; one in flight may be answered now."""
        query = "SELECT leaves FROM calls WHERE account = :account ORDER BY leaves LIMIT 1 OFFSET :skipped"
        leaves = connection.value(query, {"account": self._account, "skipped": skipped})
        return stored_moment("calls", self._account, leaves)


def _later(wait: timedelta) -> Reservation:
    # Up to the next millisecond: past the end itself, and never so short that asking again costs more.
    return Reservation(None, (math.floor(wait.total_seconds() * 1000) + 1) / 1000)
