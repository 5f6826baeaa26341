"""Server of the sandbox on a real socket, until Ctrl-C or SIGTERM, or during a `with` block."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from onefile_sandbox.api import BASE
from onefile_sandbox.app import CLOSE_KEY

_GRACE_SECONDS = 2.0
"""Time for answers that have begun, once the server must end."""
_TICK_SECONDS = 0.1
_SOON_SECONDS = 0.002


def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 8321, ready: Callable[[str], None] | None = None) -> None:
    """Serve until interrupted. Port 0 is any free port; *ready* gets the base URL once calls are answered.

    Raises OSError if the address cannot be used.
    """
    with _listening(host, port) as listener, _terminated_like_interrupted(), suppress(KeyboardInterrupt):
        _Server(app, ready, _base_url(listener)).run(sockets=[listener])


@contextmanager
def serving(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve *app* from a thread during the block; yield its base URL."""
    up = threading.Event()
    with _listening(host, port) as listener:
        server = _Server(app, lambda _: up.set(), _base_url(listener))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            if not up.wait(10):
                raise OSError("the sandbox did not start within 10 seconds")
            yield _base_url(listener)
        finally:
            server.end()
            thread.join(10)


class _Server(Server):
    def __init__(self, app: ASGIApp, ready: Callable[[str], None] | None, url: str) -> None:
        super().__init__(
            Config(
                app,
                http=_ClosableProtocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
            )
        )
        self._ready = ready
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End now, from another thread: uvicorn alone would see it at its next tick."""
        self.should_exit = True
        if self._loop:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._ready:
            self._ready(self._url)

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close when the last answer has been sent, or its reader is gone: uvicorn looks every tenth of a second."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while self.server_state.connections:
                    await asyncio.sleep(_SOON_SECONDS)


class _ClosableProtocol(H11Protocol):
    """HTTP/1.1 that lets the application close the connection during an answer, which ASGI does not offer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # uvicorn's own signature, passed on
        super().__init__(*args, **kwargs)
        inner = self.app

        async def closable(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CLOSE_KEY] = self.transport.close
            await inner(scope, receive, send)

        self.app = closable


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host.strip("[]"), port), family=family, backlog=128)
    # an answer is sent in two pieces, and without this the second waits for the client's delayed acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE}"


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt in the block; signals reach the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
