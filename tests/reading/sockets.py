"""Reading over a real socket in fast time: a minute takes a fifth of a second for client and sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.serve import serving
from reconciler.clock import SystemClock
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.observed.observe import observe
from reconciler.onefile.client import OneFile
from reconciler.onefile.http import Timeouts
from reconciler.onefile.reader import Reader
from reconciler.onefile.retry import Backoff
from reconciler.onefile.token import CustomerToken
from reconciler.ratelimit import MemoryLedger, RateLimiter
from tests.observed.centre import Centre
from tests.onefile.servers import reset

HURRY = 300.0


class Hurried(SystemClock):
    """The real clock, seen to run fast; `skew` hours off the world's."""

    def __init__(self, skew: float = 0.0) -> None:
        self._skew = timedelta(hours=skew)

    def now(self) -> datetime:
        return super().now() + self._skew

    def monotonic(self) -> float:
        return super().monotonic() * HURRY

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / HURRY)


async def observe_at(
    base_url: str, declared: Declared, *, skew: float = 0.0, timeouts: Timeouts | None = None, tries: int = 4
) -> tuple[Observed, OneFile]:
    """Read from that server; return the reading and the client."""
    clock = Hurried(skew)
    async with OneFile(
        base_url,
        CustomerToken("sandbox"),
        rate_limiter=RateLimiter(MemoryLedger(clock), 300, clock),
        clock=clock,
        timeouts=timeouts or Timeouts(connect=2, read=2, call=4),
        backoff=Backoff(tries=tries, first_wait_seconds=1, total_seconds=1e6),
        longest_wait_seconds=1e6,
    ) as client:
        return await observe(declared, Reader(client, clock)), client


def observe_served(
    centre: Centre, declared: Declared, *faults: Fault, host: str = "127.0.0.1", skew: float = 0.0
) -> tuple[Observed, OneFile, list[dict[str, object]]]:
    """Serve the centre over a socket and read it; return the reading and the calls received."""
    app = create_app(centre.world, centre.switches, Faults(*faults), Hurried())
    service: SandboxApi = app.state.api
    with serving(app, host) as base_url:
        observed, client = asyncio.run(observe_at(base_url, declared, skew=skew))
    return observed, client, list(service.calls)


@asynccontextmanager
async def resetting(base_url: str, after: bytes, times: int) -> AsyncIterator[str]:
    """Proxy to that server, and reset the connection `times` times in the middle of an answer.

    The answers are those to requests that contain these bytes.
    """
    target = urlsplit(base_url)
    left = times

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        inner, outward = await asyncio.open_connection(target.hostname, target.port)
        armed = False

        async def onward() -> None:
            nonlocal armed
            while sent := await reader.read(65536):
                armed = armed or after in sent
                outward.write(sent)
                await outward.drain()

        onwards = asyncio.create_task(onward())
        try:
            while came := await inner.read(65536):
                if armed and left:
                    left -= 1
                    writer.write(came[: len(came) - 20])
                    await writer.drain()
                    await asyncio.sleep(0.02)  # so that the part arrives before the reset that throws away the rest
                    reset(writer)
                    return
                writer.write(came)
                await writer.drain()
        except ConnectionError:
            pass  # the client went
        finally:
            onwards.cancel()
            outward.close()
            writer.close()

    server = await asyncio.start_server(pipe, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{target.path}"
    finally:
        server.close()
        await server.wait_closed()
