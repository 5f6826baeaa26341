"""Virtual time behaves like real time, except that nobody waits for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from onefile_sandbox.clock import VirtualClock
from tests.onefile.servers import START, wire


def test_sleepers_overlap_and_wake_in_order_of_time() -> None:
    """Three sleeps at once take as long as the longest, and end shortest first; equal ones end in order of arrival."""

    async def main() -> tuple[list[tuple[str, float]], float]:
        clock = VirtualClock(START)
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))

        await asyncio.gather(sleeper("c", 5), sleeper("a", 1), sleeper("b1", 2), sleeper("b2", 2))
        return woken, clock.monotonic()

    assert asyncio.run(main()) == ([("a", 1), ("b1", 2), ("b2", 2), ("c", 5)], 5)


def test_time_does_not_pass_while_anything_can_run() -> None:
    """A task that takes hundreds of turns of the loop finishes before a sleeper's first second is over."""

    async def main() -> float:
        clock = VirtualClock(START)
        sleeper = asyncio.create_task(clock.sleep(1))
        for _ in range(500):
            await asyncio.sleep(0)
        passed = clock.monotonic()
        await sleeper
        return passed

    assert asyncio.run(main()) == 0


def test_a_loop_that_is_never_quiet_cannot_stop_time() -> None:
    """Two clocks that watch the same loop, each of which makes it busy for the other, both go on."""

    async def main() -> tuple[float, float]:
        first, second = VirtualClock(START), VirtualClock(START)
        await asyncio.gather(first.sleep(60), second.sleep(7))
        return first.monotonic(), second.monotonic()

    assert asyncio.run(main()) == (60, 7)


def test_a_cancelled_sleeper_does_not_move_time() -> None:
    """Time jumps to the next sleeper that still sleeps, not to one that gave up."""

    async def main() -> float:
        clock = VirtualClock(START)
        given_up = asyncio.create_task(clock.sleep(3))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        late = asyncio.create_task(clock.sleep(500))
        await clock.sleep(10)
        passed = clock.monotonic()
        late.cancel()
        return passed

    assert asyncio.run(main()) == 10


@pytest.mark.parametrize("seconds", [0, -5, float("nan")])
def test_no_time_to_wait_takes_no_time(seconds: float) -> None:
    """Zero, the past and nonsense let the others run once and no more."""

    async def main() -> float:
        clock = VirtualClock(START)
        await clock.sleep(seconds)
        return clock.monotonic()

    assert asyncio.run(main()) == 0


def test_a_clock_outlives_its_event_loop() -> None:
    """One clock serves two runs, one after the other, even if the first left a sleeper behind; time goes on."""
    clock = VirtualClock(START)

    async def first() -> None:
        task = asyncio.create_task(clock.sleep(1000))
        await clock.sleep(10)
        assert not task.done()

    async def second() -> None:
        await clock.sleep(5)

    asyncio.run(first())
    asyncio.run(second())
    assert clock.monotonic() == 15
    assert clock.now() == START + timedelta(seconds=15)


def test_a_sleeper_on_a_closed_loop_is_forgotten() -> None:
    """A loop closed under a sleeper leaves nothing behind that could stop or move time in the next."""
    clock = VirtualClock(START)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # it says that the task was left pending
    left = loop.create_task(clock.sleep(2))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.run(clock.sleep(5))
    assert (clock.monotonic(), left.done()) == (5, False)


def test_sleepers_wake_while_a_socket_is_waited_for() -> None:
    """A loop that waits for real input still lets virtual time pass for those who sleep."""

    async def main() -> float:
        clock = VirtualClock(START)

        async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
            await clock.sleep(30)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        async with wire(talk) as (base_url, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(base_url.split(":")[2].split("/")[0]))
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 204 No Content\r\n\r\n"
            writer.close()
            await writer.wait_closed()
        return clock.monotonic()

    assert asyncio.run(main()) == 30
