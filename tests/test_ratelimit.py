"""The two laws of the rate limiter: never more than the limit in any 60 seconds, and hardly ever less."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sandbox.clock import VirtualClock
from reconciler.problems import Invalid, Throttled
from reconciler.ratelimit import WINDOW_SECONDS, MemoryLedger, RateLimiter
from tests.onefile.servers import START


def fullest_minute(arrivals: list[float]) -> int:
    """Return the largest number of arrivals in any 60 seconds, both ends counted."""
    times = sorted(arrivals)
    return max(i + 1 - bisect_left(times, time - 60.0) for i, time in enumerate(times))


latency = st.one_of(st.just(0.0), st.floats(0, 2), st.floats(0, 119))
call = st.tuples(latency, st.floats(0, 1), st.sampled_from(["answer", "fail", "cancel", "late"]))


@settings(max_examples=300, deadline=None)
@given(calls=st.lists(call, min_size=1, max_size=30), limit=st.integers(1, 6), workers=st.integers(1, 8))
def test_the_server_never_counts_more_than_the_limit(
    calls: list[tuple[float, float, str]], limit: int, workers: int
) -> None:
    """Whatever each call's latency, wherever within it the server counts it, and however the call ends.

    A "late" call is cancelled once it was sent, and the server counts it when its caller has gone.
    """

    async def main() -> list[float]:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), limit, clock)
        arrivals: list[float] = []
        waiting = list(calls)

        async def exchange(seconds: float, share: float, ending: str) -> None:
            async with limiter.call() as call:
                call.is_open = True
                if ending == "late":
                    arrivals.append(clock.monotonic() + seconds)
                await clock.sleep(seconds * share)
                if ending == "late":
                    raise asyncio.CancelledError
                arrivals.append(clock.monotonic())
                if ending == "fail":
                    raise ConnectionError
                await clock.sleep(seconds - seconds * share)
                call.is_open = False

        async def cancelled(seconds: float, share: float) -> None:
            task = asyncio.create_task(exchange(seconds, share, "answer"))
            await clock.sleep(seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        async def worker() -> None:
            while waiting:
                seconds, share, ending = waiting.pop()
                if ending == "cancel":
                    await cancelled(seconds, share)
                else:
                    await asyncio.gather(exchange(seconds, share, ending), return_exceptions=True)

        await asyncio.gather(*(worker() for _ in range(workers)))
        return arrivals

    arrivals = asyncio.run(main())
    assert not arrivals or fullest_minute(arrivals) <= limit


@pytest.mark.parametrize("latency_seconds", [0.0, 0.3, 1.0])
def test_eight_in_flight_sustain_95_percent_of_the_limit(latency_seconds: float) -> None:
    """Ten minutes of work at 300 calls a minute, with ordinary latency, take hardly more than ten minutes."""

    async def main() -> tuple[float, int]:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), 300, clock)
        arrivals: list[float] = []

        async def worker() -> None:
            while len(arrivals) < 3000:
                async with limiter.call():
                    arrivals.append(clock.monotonic())
                    await clock.sleep(latency_seconds)

        await asyncio.gather(*(worker() for _ in range(8)))
        # The first minute's calls go out at once; the rate that lasts is that of the other 2,700.
        return 2700 / (arrivals[2999] - arrivals[299]) * 60, fullest_minute(arrivals)

    per_minute, fullest = asyncio.run(main())
    assert per_minute >= 0.95 * 300
    assert fullest <= 300


def test_a_call_without_an_answer_occupies_its_place_for_three_minutes() -> None:
    """As that of a process that died: the request may be on its way for as long as any answer may take."""

    async def main() -> list[float]:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), 1, clock)
        sent: list[float] = []
        for is_open in (True, False, False):
            async with limiter.call() as call:
                call.is_open = is_open
                sent.append(clock.monotonic())
        return sent

    assert asyncio.run(main()) == pytest.approx([0, 180, 240], abs=0.1)


def test_first_come_is_first_served() -> None:
    """Callers who queue for a place get it in the order in which they asked."""

    async def main() -> list[int]:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), 2, clock)
        served: list[int] = []

        async def caller(number: int) -> None:
            async with limiter.call():
                served.append(number)
                await clock.sleep(number % 3)

        await asyncio.gather(*(caller(number) for number in range(20)))
        return served

    assert asyncio.run(main()) == list(range(20))


def test_a_newcomer_does_not_overtake_who_waits() -> None:
    """Arriving in the very instant in which a place becomes free does not win it from those who wait for it."""

    async def main() -> list[str]:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), 1, clock)
        served: list[str] = []

        async def caller(name: str, arrives: float) -> None:
            await clock.sleep(arrives)
            async with limiter.call():
                served.append(name)

        await asyncio.gather(caller("first", 0), caller("waiting", 1), caller("new", WINDOW_SECONDS + 0.0005))
        return served

    assert asyncio.run(main()) == ["first", "waiting", "new"]


def test_a_cancelled_waiter_does_not_lose_its_place_for_the_others() -> None:
    """A caller that stops waiting leaves the queue and the window unchanged."""

    async def main() -> tuple[float, int]:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), 1, clock)
        async with limiter.call():
            pass
        gone = asyncio.create_task(limiter.call().__aenter__())
        await clock.sleep(1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        async with limiter.call():
            return clock.monotonic(), limiter.spent()

    when, spent = asyncio.run(main())
    assert when == pytest.approx(WINDOW_SECONDS, abs=0.01)
    assert spent == 1


def test_a_pause_stops_everybody_and_is_never_shortened() -> None:
    """After a 429 nobody calls until the longest pause is over, however empty the window is."""

    async def main() -> list[float]:
        clock = VirtualClock(START)
        ledger = MemoryLedger(clock)
        limiters = [RateLimiter(ledger, 300, clock), RateLimiter(ledger, 300, clock)]
        limiters[0].pause(90)
        limiters[1].pause(5)
        started: list[float] = []

        async def caller(limiter: RateLimiter) -> None:
            async with limiter.call():
                started.append(clock.monotonic())

        await asyncio.gather(*(caller(limiter) for limiter in limiters))
        return started

    assert asyncio.run(main()) == [90, 90]


def test_a_pause_that_is_too_long_is_an_error_and_not_a_wait() -> None:
    """Another process noted a pause of ten minutes: the call ends at once, and the error has the time."""
    clock = VirtualClock(START)

    async def main() -> None:
        limiter = RateLimiter(MemoryLedger(clock), 1, clock, longest_wait_seconds=120)
        limiter.pause(600)
        with pytest.raises(Throttled, match="paused until"):
            async with limiter.call():
                pytest.fail("the call was sent")

    asyncio.run(main())
    assert clock.monotonic() == 0


def test_a_long_wait_is_shown_once_with_its_end() -> None:
    """A wait for a minute that is spent, or for the pause of another process; what the caller shows is not repeated."""
    clock, notes = VirtualClock(START), list[str]()

    async def main() -> None:
        ledger = MemoryLedger(clock)
        limiter = RateLimiter(ledger, 2, clock, longest_wait_seconds=120, notify=notes.append)

        async def call() -> None:
            async with limiter.call():
                pass

        for _ in range(2):
            await call()
        await asyncio.gather(call(), call())
        ledger.pause(90)
        await call()
        limiter.pause(90)  # whoever calls this shows it
        await call()

    asyncio.run(main())
    words = "Waiting until {:%H:%M:%S} UTC: the 2 calls of this minute are spent, or calls are paused."
    assert [note[:22] for note in notes] == [words.format(START + timedelta(seconds=end))[:22] for end in (60, 150)]


def test_corrected_entries_are_shown_once() -> None:
    """A ledger whose clock was set back says how many entries it corrected; the limiter shows it."""
    clock, notes = VirtualClock(START), list[str]()

    async def main() -> None:
        ledger = MemoryLedger(clock)
        limiter = RateLimiter(ledger, 300, clock, notify=notes.append)
        for corrected in (0, 3, 3, 4):
            ledger.corrected = corrected
            async with limiter.call():
                pass

    asyncio.run(main())
    words = "The clock was set back: {} of the rate limit in the future were corrected."
    assert notes == [words.format("3 entries"), words.format("1 entry")]


def test_a_pause_reaches_those_who_already_wait() -> None:
    """A caller who sleeps until a place is free asks again, and finds the pause."""

    async def main() -> float:
        clock = VirtualClock(START)
        limiter = RateLimiter(MemoryLedger(clock), 1, clock)
        async with limiter.call():
            pass

        async def caller() -> float:
            async with limiter.call():
                return clock.monotonic()

        waiting = asyncio.create_task(caller())
        await clock.sleep(30)
        limiter.pause(100)
        return await waiting

    assert asyncio.run(main()) == 130


def test_a_call_in_flight_keeps_its_place_until_60_seconds_after_its_answer() -> None:
    """The window counts from the answer, not from the sending; settling twice, or something unknown, does nothing."""
    clock = VirtualClock(START)
    ledger = MemoryLedger(clock)
    place = ledger.reserve(1).id
    assert place is not None
    assert ledger.reserve(1) == (None, WINDOW_SECONDS)

    async def later() -> None:
        await clock.sleep(100)
        assert ledger.spent() == 1
        ledger.settle(place)
        ledger.settle(place)
        ledger.settle(999)
        assert ledger.spent() == 1
        await clock.sleep(WINDOW_SECONDS)
        assert ledger.spent() == 1
        await clock.sleep(0.001)
        assert ledger.spent() == 0

    asyncio.run(later())


def test_a_limit_below_one_is_refused() -> None:
    """A rate limiter that could never allow a call raises an error instead of waiting indefinitely."""
    clock = VirtualClock(START)
    with pytest.raises(Invalid, match="calls_per_minute"):
        RateLimiter(MemoryLedger(clock), 0, clock)
