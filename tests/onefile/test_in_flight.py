"""Calls in flight follow the latency and stay within bounds; all in simulated time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sandbox.clock import VirtualClock
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.in_flight import FEWEST, FIRST, MOST, InFlight
from reconciler.ratelimit import MemoryLedger, RateLimiter

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
Latency = Callable[[int, float], float]  # seconds of a call, from the calls under way and the time


class Server:
    """A server that takes `latency` for each call; `fails` says at which times it answers with errors."""

    def __init__(
        self, latency: Latency, calls_per_minute: int, fails: Callable[[float], bool] = lambda _: False
    ) -> None:
        self.clock = VirtualClock(START)
        self.in_flight = InFlight(calls_per_minute, self.clock)
        self._rate_limiter = RateLimiter(MemoryLedger(self.clock), calls_per_minute, self.clock)
        self._latency, self._fails = latency, fails
        self.under_way = 0
        self.seen: list[tuple[float, int]] = []  # when each call began, and how many were under way

    def serve(self, calls: int) -> None:
        asyncio.run(gather_bounded(range(calls), self._call))

    async def _call(self, number: int) -> None:
        async with self.in_flight.call(), self._rate_limiter.call():
            self.under_way += 1
            started = self.clock.monotonic()
            self.seen.append((started, self.under_way))
            await self.clock.sleep(self._latency(self.under_way, started))
            self.under_way -= 1
            if self._fails(started):
                self.in_flight.failed(started)
            else:
                self.in_flight.answered(f"kind {number % 2}", started)

    def share(self, limit: int) -> float:
        """The share of the allowed calls that were made, in whole windows after the first."""
        begun, *_, ended = [at for at, _ in self.seen][limit::limit]
        windows = (len(self.seen) - 1) // limit - 1
        return windows * 60 / (ended - begun)


@pytest.mark.parametrize(
    ("limit", "latency", "least"),
    [(300, 0.05, 0.95), (300, 1.0, 0.95), (300, 3.0, 0.95), (3000, 0.2, 0.90), (3000, 0.05, 0.95)],
)
def test_the_rate_limit_is_used_at_any_usual_latency(limit: int, latency: float, least: float) -> None:
    """At 3 s a place is occupied for 63 s, so 95.2 % is all that the rate limit itself allows."""
    server = Server(lambda _, __: latency, limit)
    server.serve(4 * limit + 1)
    assert server.share(limit) >= least


@pytest.mark.parametrize("limit", [300, 3000])
def test_latencies_that_vary_cost_little(limit: int) -> None:
    """Half to one and a half times the mean."""
    numbers = random.Random(4)  # noqa: S311  it only shuffles
    server = Server(lambda _, __: 600 / limit * numbers.uniform(0.5, 1.5), limit)
    server.serve(4 * limit + 1)
    assert server.share(limit) >= 0.9


@settings(max_examples=20, deadline=None)
@given(latency=st.floats(0.01, 100), limit=st.integers(1, 10_000), failing=st.floats(0, 1))
def test_the_bound_is_kept_whatever_the_server_does(latency: float, limit: int, failing: float) -> None:
    """Never more than the most, never fewer than two, and every call is made."""
    numbers = random.Random(1)  # noqa: S311  it only shuffles
    server = Server(lambda _, __: latency * numbers.uniform(0.1, 3), limit, lambda _: numbers.random() < failing)
    server.serve(min(200, 2 * limit))
    assert len(server.seen) == min(200, 2 * limit)
    assert max(under_way for _, under_way in server.seen) <= MOST
    assert FEWEST <= server.in_flight.bound <= MOST


def test_a_server_that_slows_down_under_load_is_not_given_more() -> None:
    """Above four calls at once each takes longer in proportion: more of them would not be answered sooner."""
    server = Server(lambda under_way, _: 0.5 * max(1.0, under_way / 4), 3000)
    server.serve(2000)
    assert max(under_way for _, under_way in server.seen[200:]) <= 2 * FIRST


def test_a_server_that_became_slower_is_followed() -> None:
    """After two minutes its new latency is the best that there is."""
    server = Server(lambda _, at: 0.3 if at < 120 else 3.0, 300)
    server.serve(3000)
    late = [at for at, _ in server.seen if at > 400]
    assert len(late) / (late[-1] - late[0]) * 60 >= 0.93 * 300


def test_errors_halve_the_bound_and_answers_restore_it() -> None:
    """Once for all the calls that were under way, so that one bad second does not end at the least bound."""
    server = Server(lambda _, __: 1.0, 3000, lambda at: 10 < at < 11)
    server.serve(150)
    before = server.in_flight.bound
    server = Server(lambda _, __: 1.0, 3000, lambda at: at < 30)
    server.serve(60)
    assert server.in_flight.bound == FEWEST < FIRST <= before


def test_a_call_that_is_cancelled_while_it_waits_takes_no_place() -> None:
    """The next in line goes instead."""
    clock = VirtualClock(START)
    in_flight = InFlight(300, clock, most=1)

    async def use() -> str:
        async with in_flight.call():
            await clock.sleep(1)
            return "done"

    async def session() -> list[str | BaseException]:
        tasks = [asyncio.create_task(use()) for _ in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, cancelled, *others = asyncio.run(session())
    assert (first, others) == ("done", ["done", "done"])
    assert isinstance(cancelled, asyncio.CancelledError)
