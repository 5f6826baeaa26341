"""The shared call ledger: every process counts its calls here, so that together they keep to the rate limit."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from reconciler.ratelimit import LONGEST_CALL_SECONDS, LONGEST_PAUSE_SECONDS, WINDOW_SECONDS, Reservation
from reconciler.store.connection import Connection, moment
from reconciler.store.database import Database

# an answered call still counts at the exact end of the window
_LEFT = "(CASE WHEN settled IS NULL THEN reserved < :given_up ELSE settled < :answered END)"
_FUTURE = "account = :account AND (reserved > :now OR settled > :now)"
_CORRECT = f"""
UPDATE calls SET reserved = CASE WHEN reserved > :now THEN :now ELSE reserved END,
    settled = CASE WHEN settled > :now THEN :now ELSE settled END
WHERE {_FUTURE}
"""
_PAUSE = """
INSERT INTO pauses (account, until) VALUES (:account, :until)
ON CONFLICT (account) DO UPDATE SET until = excluded.until WHERE pauses.until < excluded.until
"""


_TOLERANCE = timedelta(seconds=1)


class Ledger:
    """The calls of one account in an exact sliding window.

    A call counts from its reservation until `window` seconds after its answer, because the server counts it at
    some moment in between. The reservation of a process that died counts as answered after `answer` seconds. Calls
    of processes with different limits are counted together.

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
            account = {"account": self._account}
            self._correct(connection, now)
            paused_until = moment(connection.value("SELECT until FROM pauses WHERE account = :account", account))
            if paused_until and paused_until > now:
                return _later(paused_until - now)
            connection.execute(f"DELETE FROM calls WHERE account = :account AND {_LEFT}", self._at(now))
            leaving = self._leaving(connection, now)
            if len(leaving) >= limit:
                return _later(leaving[len(leaving) - limit] - now)
            return Reservation(connection.numbered("calls", {**account, "reserved": now}), 0.0)

    def settle(self, id: int) -> None:
        """Note that the answer arrived: the call leaves the window `window` seconds from now."""
        with self._database.writing(f"calls:{self._account}") as connection:
            now = self._database.now(connection)
            row = {"account": self._account, "reserved": now, "settled": now}
            update = "UPDATE calls SET settled = :settled WHERE account = :account AND id = :id"
            if connection.execute(update, {**row, "id": id}).rowcount == 0:
                connection.insert("calls", [row])  # so late that it was given up: it counts from now

    def pause(self, seconds: float) -> None:
        """Block reservations for `seconds`; the longest active pause wins."""
        with self._database.writing(f"calls:{self._account}") as connection:
            until = self._database.now(connection) + timedelta(seconds=seconds)
            connection.execute(_PAUSE, {"account": self._account, "until": until})

    def spent(self) -> int:
        """Count the calls in the window now."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            return int(
                connection.value(f"SELECT count(*) FROM calls WHERE account = :account AND NOT {_LEFT}", self._at(now))
            )

    def _correct(self, connection: Connection, now: datetime) -> None:
        """Correct rows that are in the future by more than clocks of one network differ."""
        latest = connection.value(
            "SELECT max(coalesce(settled, reserved)) FROM calls WHERE account = :account", self._at(now)
        )
        if latest and moment(latest) > now + _TOLERANCE:
            self.corrected += connection.execute(_CORRECT, {"account": self._account, "now": now}).rowcount
        pauses = "DELETE FROM pauses WHERE account = :account AND until > :latest"
        latest_pause = now + timedelta(seconds=LONGEST_PAUSE_SECONDS) + _TOLERANCE
        self.corrected += connection.execute(pauses, {"account": self._account, "latest": latest_pause}).rowcount

    def _at(self, now: datetime) -> dict[str, object]:
        return {
            "account": self._account,
            "answered": now - self._window,
            "given_up": now - self._answer - self._window,
        }

    def _leaving(self, connection: Connection, now: datetime) -> list[datetime]:
        """Return the earliest times at which calls leave the window, soonest first.

        A call in flight may be answered now.
        """
        rows = connection.rows("SELECT reserved, settled FROM calls WHERE account = :account", self._at(now))
        return sorted(
            (moment(settled) if settled else min(now, moment(reserved) + self._answer)) + self._window
            for reserved, settled in rows
        )


def _later(wait: timedelta) -> Reservation:
    # Up to the next millisecond: past the end itself, and never so short that asking again costs more.
    return Reservation(None, (math.floor(wait.total_seconds() * 1000) + 1) / 1000)
