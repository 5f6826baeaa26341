"""Calls in flight: as many as the rate limit needs at the server's latency, and fewer while it slows down or fails."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reconciler.clock import Clock

FIRST = 8
"""Calls in flight until the latency is known: enough for 300 calls a minute at 1.6 s."""
FEWEST = 2
MOST = 64
SPARE = 1.25  # above what the rate limit needs at a steady latency: calls do not all take equally long
SLOWER = 2.0  # times the best latency recently: the server is slowing down
BEST_COUNTS_FOR = 120.0  # seconds; by then a server that has become slower was measured with few calls in flight
_SMOOTHING = 8  # answers that a smoothed latency is made of


class _Latency:
    """Smoothed latency of one kind of call, and its best value recently."""

    def __init__(self) -> None:
        self.now = 0.0
        self._best: deque[tuple[float, float]] = deque()  # time and latency, shortest first

    def add(self, seconds: float, at: float) -> None:
        best = self._best
        self.now = self.now + (seconds - self.now) / _SMOOTHING if best else seconds
        while best and best[-1][1] >= self.now:
            best.pop()
        best.append((at, self.now))
        while at - best[0][0] > BEST_COUNTS_FOR:
            best.popleft()

    @property
    def best(self) -> float:
        return self._best[0][1]


class InFlight:
    """Bounds how many calls are under way at once.

    By Little's law a rate of calls needs rate times latency of them. The latency that counts is the best of the last
    two minutes for each kind of call, so that a server which slows down under our calls does not get more of them. A
    latency of twice the best, or a failure, halves the bound, once for the calls that were under way; the bound grows
    by one for each time that as many calls as it allows were answered.
    """

    def __init__(self, calls_per_minute: int, clock: Clock, most: int = MOST) -> None:
        self._bound = float(min(FIRST, most))
        self._per_second = calls_per_minute / 60
        self._clock = clock
        self._most = most
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._latencies: dict[str, _Latency] = defaultdict(_Latency)
        self._steady: float | None = None  # smoothed best latency of the kinds of call that are being made
        self._halved_at = -math.inf

    @property
    def bound(self) -> int:
        return int(self._bound)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Wait until one more call may be under way, first come, first served."""
        await self._enter()
        try:
            yield
        finally:
            self._under_way -= 1
            self._admit()

    def answered(self, kind: str, started: float) -> None:
        """Take note of a call that was answered as it should be; `started` is in monotonic seconds."""
        now, latency = self._clock.monotonic(), self._latencies[kind]
        latency.add(now - started, now)
        best = latency.best
        self._steady = best if self._steady is None else self._steady + (best - self._steady) / _SMOOTHING
        if latency.now > SLOWER * best:
            self._halve(started)
        elif self._bound < self._needed(self._steady):
            self._bound += 1 / self._bound
            self._admit()

    def failed(self, started: float) -> None:
        """Take note of a call that got no answer, or one of 429 or 5xx."""
        self._halve(started)

    def _needed(self, latency: float) -> int:
        """Return how many calls the rate limit needs in flight, within the bounds; at least as many as at first."""
        return min(self._most, max(FIRST, math.ceil(self._per_second * latency * SPARE) + 1))

    def _halve(self, started: float) -> None:
        """Halve the bound, unless it was halved after this call began: those under way then say the same."""
        if started >= self._halved_at:
            self._halved_at = self._clock.monotonic()
            self._bound = max(min(FEWEST, self._most), self._bound / 2)

    async def _enter(self) -> None:
        while self._waiting and self._waiting[0].done():  # cancelled while waiting
            self._waiting.popleft()
        if self._under_way < self.bound and not self._waiting:
            self._under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted, and cancelled before it could begin
                self._under_way -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._under_way < self.bound:
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)
