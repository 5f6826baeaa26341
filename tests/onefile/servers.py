"""Small hostile servers: an application in this process, and plain sockets on loopback where the wire matters."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from onefile_sandbox.clock import VirtualClock
from reconciler.clock import Clock, SystemClock
from reconciler.onefile.client import OneFile
from reconciler.onefile.http import USUAL_TIMEOUTS, Timeouts
from reconciler.onefile.retry import Backoff
from reconciler.onefile.token import CustomerToken
from reconciler.ratelimit import LONGEST_WAIT_SECONDS, CallLedger, MemoryLedger, RateLimiter

SECRET = "customer-5f1c0d3e/secret=="
BASE_URL = "https://onefile.test/api/v2.1"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)

Step = Response | Exception | Callable[[Request], Awaitable[Response]]


class Script:
    """Answers log-ins with tokens session-1, session-2, … and every other request with the next step.

    The last step repeats. `calls` lists method, path and the token received.
    """

    def __init__(self, *steps: Step, log_in: list[Step] | None = None) -> None:
        self.steps = list(steps) or [Response(status_code=204)]
        self.log_in_steps = list(log_in or [])
        self.calls: list[tuple[str, str, str]] = []
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.log_ins = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        self.bodies.append(await request.body())
        path = request.url.path.removeprefix("/api/v2.1")
        if path == "/Authentication":
            step = self._log_in()
        else:
            self.calls.append((request.method, path, request.headers.get("x-tokenid", "")))
            step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        response = step if isinstance(step, Response) else await step(request)
        await response(scope, receive, send)

    def _log_in(self) -> Step:
        self.log_ins += 1
        if self.log_in_steps:
            return self.log_in_steps.pop(0) if len(self.log_in_steps) > 1 else self.log_in_steps[0]
        return PlainTextResponse(f"session-{self.log_ins}")


class Raising(httpx.AsyncBaseTransport):
    """A network on which every request but the log-in ends in that exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/Authentication"):
            return httpx.Response(200, text="session-1")
        raise self.error


def json(value: object, status: int = 200) -> Response:
    return JSONResponse(value, status_code=status)


def onefile(
    served: Script | httpx.AsyncBaseTransport,
    clock: Clock | None = None,
    *,
    limit: int = 300,
    ledger: CallLedger | None = None,
    backoff: Backoff | None = None,
    largest_answer_bytes: int = 50_000_000,
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    notify: Callable[[str], None] | None = None,
) -> OneFile:
    """Make a client whose network is that script or transport, on virtual time unless a clock is given."""
    clock = clock or VirtualClock(START)
    return OneFile(
        BASE_URL,
        CustomerToken(SECRET),
        rate_limiter=RateLimiter(ledger or MemoryLedger(clock), limit, clock),
        clock=clock,
        transport=httpx.ASGITransport(served) if isinstance(served, Script) else served,
        backoff=backoff or Backoff(),
        largest_answer_bytes=largest_answer_bytes,
        longest_wait_seconds=longest_wait_seconds,
        notify=notify,
    )


def onefile_at(
    base_url: str,
    *,
    timeouts: Timeouts = USUAL_TIMEOUTS,
    backoff: Backoff | None = None,
    ca_file: str = "",
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    notify: Callable[[str], None] | None = None,
) -> OneFile:
    """Make a client on real sockets and real time with hardly any wait between tries."""
    clock = SystemClock()
    return OneFile(
        base_url,
        CustomerToken(SECRET),
        rate_limiter=RateLimiter(MemoryLedger(clock), 300, clock),
        clock=clock,
        timeouts=timeouts,
        ca_file=ca_file,
        backoff=backoff or Backoff(tries=2, first_wait_seconds=0.001),
        longest_wait_seconds=longest_wait_seconds,
        notify=notify,
    )


Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wire(
    talk: Talk, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None, talks_at_log_in: bool = False
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve log-ins, and let `talk` answer other requests byte by byte; yield the base URL and the heads received."""
    heads: list[bytes] = []
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
                if b"/Authentication " in head and not talks_at_log_in:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsession-1")
                else:
                    heads.append(head)
                    await talk(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client went, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"{'https' if tls else 'http'}://{shown}:{port}/api/v2.1", heads
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset, not an orderly end."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


def free_port() -> int:
    """Return a loopback port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
