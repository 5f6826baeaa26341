"""Reading is as fast as OneFile's rate limit allows, for any latency, in virtual time."""

from __future__ import annotations

import asyncio
import re
import runpy
from pathlib import Path

import httpx
import pytest

from onefile_sandbox.api import BASE, ApiRequest, SandboxApi
from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Faults
from onefile_sandbox.world import World
from reconciler.observed.observe import observe
from reconciler.onefile.client import OneFile
from reconciler.onefile.reader import Reader
from reconciler.onefile.token import CustomerToken
from reconciler.ratelimit import MemoryLedger, RateLimiter
from tests.marks import in_long_runs
from tests.observed.centre import Centre
from tests.onefile.servers import START

LIMIT = 300
WORLD = World.create(learners=700)
BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "reading.py"


class SlowNetwork(httpx.AsyncBaseTransport):
    """The sandbox, `latency` seconds away; half of them pass before it counts the call."""

    def __init__(self, service: SandboxApi, latency: float) -> None:
        self._service, self._latency = service, latency
        self.arrivals: list[float] = []
        self.throttled = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        clock = self._service.clock
        await clock.sleep(self._latency / 2)
        self.arrivals.append(clock.monotonic())
        path = request.url.path[len(BASE) :]
        answer = await self._service.exchange(
            ApiRequest(request.method, path, "", dict(request.headers), request.content)
        )
        self.throttled += answer.status == 429
        await clock.sleep(self._latency / 2)
        headers = {**answer.headers, "content-type": answer.content_type}
        return httpx.Response(answer.status, headers=headers, content=answer.body)


def read(centre: Centre, numbers: range, latency: float) -> SlowNetwork:
    clock = VirtualClock(START)
    network = SlowNetwork(SandboxApi(centre.world, centre.switches, Faults(), clock, "sandbox"), latency)

    async def session() -> None:
        rate_limiter = RateLimiter(MemoryLedger(clock), LIMIT, clock)
        token = CustomerToken("sandbox")
        async with OneFile(
            "http://sandbox.invalid" + BASE, token, rate_limiter=rate_limiter, clock=clock, transport=network
        ) as client:
            await observe(centre.typical(numbers), Reader(client, clock))

    asyncio.run(session())
    return network


@pytest.mark.parametrize("latency", [0.05, 1.0, *in_long_runs(0.3)])
@pytest.mark.parametrize("server", ["aim_search_without_user=refused", "page_cap=2"], ids=["one by one", "by pages"])
def test_a_reading_uses_at_least_95_percent_of_the_limit_and_meets_no_429(server: str, latency: float) -> None:
    """Over whole minutes once the first is over, for single reads and for pages alike."""
    centre = Centre(server, "unit_search_without_user=allowed", world=WORLD)
    network = read(centre, range(1, 701), latency)
    begun, *_, ended = network.arrivals[LIMIT::LIMIT]
    windows = (len(network.arrivals) - 1) // LIMIT - 1
    assert windows >= 2
    assert windows * 60 / (ended - begun) >= 0.95
    assert network.throttled == 0


@pytest.mark.parametrize("header", ["present", "absent"])
def test_a_tighter_limit_than_ours_is_kept_once_it_shows(header: str) -> None:
    """A server that allows 100 calls a minute, although we send up to 300, is read to the end after each 429."""
    centre = Centre("rate_limit=100", f"retry_after={header}", "aim_search_without_user=refused", world=WORLD)
    network = read(centre, range(1, 200), 0.3)
    assert 0 < network.throttled < 0.2 * len(network.arrivals)
    assert network.arrivals[-1] < 60 * len(network.arrivals) / 100 + 120


def test_the_committed_benchmark_is_what_the_program_does() -> None:
    """The rows of the smallest centre, call for call, forecast for forecast."""
    written = BENCHMARK.with_suffix(".md").read_text(encoding="utf-8")
    module = runpy.run_path(str(BENCHMARK))
    rows = ["| " + " | ".join(row.cells()) + " |" for row in module["measure"](50)]
    assert [line for line in written.splitlines() if re.match(r"\| 50 \|", line)] == rows
