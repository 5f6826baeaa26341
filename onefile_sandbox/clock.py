"""Clocks of the sandbox: the real clock, and a virtual clock for tests and demonstrations."""

from __future__ import annotations

import heapq
import itertools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """Clock interface, which a caller may replace."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring waits."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The real clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


class VirtualClock:
    """Time that passes only when every task waits: the embedded sandbox limits calls without real minutes.

    Sleepers overlap as they do in real time. Once the event loop has nothing left to run, the clock jumps to the
    earliest sleeper and wakes it, in order of time, then of arrival. Work outside the loop (a thread, another
    process) is not seen, so time may pass while it goes on. One clock serves one event loop at a time.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._passed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None  # the loop that is watched until it is idle
        self._turns = 0
        self._quiet_turns = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._start.timestamp() + self._passed, UTC)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        import asyncio

        if not seconds > 0:
            await asyncio.sleep(0)  # let other tasks run, as a real wait would
            return
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._watch(loop)
        waiter: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._arrivals), waiter))
        await waiter

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sleepers.clear()  # tasks that slept on another loop ended with it
        self._loop = loop
        self._turns = self._quiet_turns = 0
        loop.call_soon(self._look)

    def _look(self) -> None:
        """Run once per turn of the loop: wait until it is idle, then wake the earliest sleeper."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled while asleep
            heapq.heappop(self._sleepers)
        loop = self._loop
        if loop is None or not self._sleepers:
            self._loop = None
            return
        self._turns += 1
        self._quiet_turns = 0 if self._is_busy(loop) else self._quiet_turns + 1
        if self._quiet_turns > 1 or self._turns > 1000:  # two, because a loop that is being stopped has one more turn
            self._wake()
        loop.call_soon(self._look)

    @staticmethod
    def _is_busy(loop: asyncio.AbstractEventLoop) -> bool:
        """Return True if the loop has anything else to run.

        No public API shows it: a loop that hides its queue counts as busy, and one that is never idle gets a thousand
        turns, enough for any exchange inside the process.
        """
        return bool(getattr(loop, "_ready", True))

    def _wake(self) -> None:
        self._turns = self._quiet_turns = 0
        self._passed = self._sleepers[0][0]
        while self._sleepers and self._sleepers[0][0] <= self._passed:
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)
