"""Rate limit: at most so many calls in any 60 seconds, for any latency and any number of processes that share it.

OneFile answers 429 after 300 calls in a minute. The moment between our sending and our receiving at which it counts a
call, and the kind of minute that it keeps, are not known. So a call occupies a place from before it is sent until 60 s
after its answer arrived, and no call is sent while `limit` places are occupied. Proof that the server never counts more
than `limit` within 60 s: suppose it did; of those calls take the one whose place was reserved last. Each of the others
had reserved by then, and had not yet left: to leave, its answer, and so the server's count of it, must be 60 s old.
Then `limit` places were occupied, and the last call was not sent.

A request that was given up without an answer may still be on its way. Its place stays occupied as long as that of a
process that died: as if its answer had taken the longest time. A request that the network delivers even later is the
one thing that this cannot see.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import NamedTuple, Protocol

from reconciler.clock import Clock, time_after
from reconciler.problems import Invalid, Problem, ReconcilerError, Throttled

WINDOW_SECONDS = 60.0
LONGEST_CALL_SECONDS = 120.0
"""No call stays unsettled longer while its process lives: the client gives up first."""
LONGEST_PAUSE_SECONDS = 900.0
"""No pause after a 429 lasts longer in a ledger; a longer one was written by a clock that was wrong."""
LONGEST_WAIT_SECONDS = 120.0
"""Default bound of the time without progress."""

WORTH_A_NOTE_SECONDS = 10.0
"""Waits for a place that last longer are shown to a person."""

_LEAST_WAIT_SECONDS = 0.001  # also the margin for servers that count both ends of a minute


class Reservation(NamedTuple):
    """A place in the window, or (id None) the seconds to wait before the next try."""

    id: int | None
    wait_seconds: float = 0.0


class Call:
    """One call that has a place. `is_open` is True from its sending until its answer; for ever if none arrived."""

    is_open = False


class CallLedger(Protocol):
    """The occupied places of the window. One ledger in memory for one process, one in the database for several.

    `corrected` counts entries that were in the future, because a clock was wrong and was set back, and were corrected.
    A place that is never settled, because no answer arrived or its process died, must be released
    LONGEST_CALL_SECONDS + WINDOW_SECONDS after it was reserved, and not earlier.
    """

    @property
    def corrected(self) -> int: ...

    def reserve(self, limit: int) -> Reservation:
        """Occupy a place if fewer than `limit` are occupied and no pause is active; else return the wait."""
        ...

    def settle(self, id: int) -> None:
        """Release the place WINDOW_SECONDS from now: the answer arrived, or the request was never sent."""
        ...

    def pause(self, seconds: float) -> None:
        """Block reservations for `seconds` (after a 429); the longest active pause wins."""
        ...

    def spent(self) -> int:
        """Count the places that are occupied now."""
        ...


class MemoryLedger:
    """The ledger of one process, on a monotonic clock."""

    corrected = 0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_id = 0
        self._open: dict[int, float] = {}  # when each unsettled place becomes free, earliest first
        self._leaving: deque[float] = deque()  # when each settled place becomes free, earliest first
        self._paused_until = float("-inf")

    def reserve(self, limit: int) -> Reservation:
        now = self._clock.monotonic()
        if now < self._paused_until:
            return Reservation(None, self._paused_until - now)
        if self.spent() < limit:
            self._last_id += 1
            self._open[self._last_id] = now + LONGEST_CALL_SECONDS + WINDOW_SECONDS
            return Reservation(self._last_id)
        # A call in flight may be answered now, and leaves a whole window from then.
        ends = (*islice(self._leaving, 1), *islice(self._open.values(), 1), now + WINDOW_SECONDS)
        return Reservation(None, min(ends) - now)

    def settle(self, id: int) -> None:
        if id in self._open:
            del self._open[id]
            self._leaving.append(self._clock.monotonic() + WINDOW_SECONDS)

    def pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def spent(self) -> int:
        now = self._clock.monotonic()
        while self._leaving and self._leaving[0] < now:  # at exactly that moment it still counts
            self._leaving.popleft()
        while self._open and next(iter(self._open.values())) < now:
            del self._open[next(iter(self._open))]
        return len(self._open) + len(self._leaving)


class RateLimiter:
    """One process's access to a ledger, first come, first served. One for each event loop.

    `limit` is calls per 60 s. Several rate limiters that share a ledger share its window. A pause longer than
    `longest_wait_seconds` is not waited for. `notify` shows one line to a person.
    """

    def __init__(
        self,
        ledger: CallLedger,
        limit: int,
        clock: Clock,
        *,
        longest_wait_seconds: float = LONGEST_PAUSE_SECONDS,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        if limit < 1:
            what = f"{limit} calls a minute leave nothing to work with"
            raise Invalid(
                Problem(what, "Set calls_per_minute to 1 or more; OneFile allows 300.", where="calls_per_minute")
            )
        self.limit = limit
        self._ledger = ledger
        self._clock = clock
        self._longest_wait_seconds = longest_wait_seconds
        self._notify = notify or (lambda _: None)
        self._corrected = 0
        self._shown_until = float("-inf")  # monotonic seconds
        self._turn = asyncio.Lock()  # fair: wakes in order of arrival

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Call]:
        """Wait for a place; occupy it for the body, and for WINDOW_SECONDS after it, or longer if the call is open.

        Raises Throttled if calls are paused for longer than the longest wait.
        """
        place, call = await self._place(), Call()
        try:
            yield call
        finally:
            # the call is answered: a ledger error must not hide that, and the place stays occupied for longer
            with suppress(ReconcilerError):
                if not call.is_open:
                    self._ledger.settle(place)

    def pause(self, seconds: float) -> None:
        """Block calls for `seconds`; the caller shows this wait."""
        self._ledger.pause(seconds)
        self._shown_until = max(self._shown_until, self._clock.monotonic() + seconds)

    def spent(self) -> int:
        return self._ledger.spent()

    async def _place(self) -> int:
        async with self._turn:
            while True:
                reservation = self._ledger.reserve(self.limit)
                self._note_corrections()
                if reservation.id is not None:
                    return reservation.id
                if reservation.wait_seconds > max(WINDOW_SECONDS, self._longest_wait_seconds):  # only a pause is
                    raise Throttled(_paused(reservation.wait_seconds, self._clock))
                self._note_wait(reservation.wait_seconds)
                await self._clock.sleep(max(_LEAST_WAIT_SECONDS, reservation.wait_seconds))

    def _note_wait(self, seconds: float) -> None:
        end = self._clock.monotonic() + seconds
        if seconds > WORTH_A_NOTE_SECONDS and end > self._shown_until + 1:
            self._shown_until = end
            until = time_after(self._clock, seconds)
            self._notify(
                f"Waiting until {until}: the {self.limit} calls of this minute are spent, or calls are paused."
            )

    def _note_corrections(self) -> None:
        corrected = self._ledger.corrected - self._corrected
        if corrected:
            self._corrected += corrected
            entries = "1 entry" if corrected == 1 else f"{corrected} entries"
            self._notify(f"The clock was set back: {entries} of the rate limit in the future were corrected.")


def _paused(wait_seconds: float, clock: Clock) -> Problem:
    until = time_after(clock, wait_seconds)
    what = f"calls to OneFile are paused until {until}, because it answered that there were too many"
    fix = "Run the command again then, or raise longest_wait_seconds in the settings. Nothing was done."
    return Problem(what, fix, where="rate limit")
