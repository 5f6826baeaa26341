"""Clock interface (now, monotonic, sleep), injected so that tests and the sandbox can replace it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time of day and waiting."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring waits."""
        ...

    async def sleep(self, seconds: float) -> None: ...


def time_after(clock: Clock, seconds: float) -> str:
    """Return the time of day so many seconds from now, as people read it."""
    return f"{clock.now() + timedelta(seconds=seconds):%H:%M:%S} UTC"


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # not at the top: it is a tenth of the start time, and most commands never wait

        await asyncio.sleep(seconds)
