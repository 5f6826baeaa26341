"""ASGI transport: an application in this process replaces the network, so the embedded sandbox needs no server."""

from __future__ import annotations

import httpx
from starlette.types import ASGIApp


def in_process(app: ASGIApp) -> httpx.AsyncBaseTransport:
    return httpx.ASGITransport(app=app)


def dropped_answer() -> Exception:
    """Return the error of a connection that closed before the answer; the sandbox raises it in process."""
    return httpx.RemoteProtocolError("the connection was closed before the answer")
