"""An application in this process in the network's place: how the embedded sandbox is reached without a server."""

from __future__ import annotations

import httpx
from starlette.types import ASGIApp


def in_process(app: ASGIApp) -> httpx.AsyncBaseTransport:
    return httpx.ASGITransport(app=app)


def dropped_answer() -> Exception:
    """What a client meets when the connection closes before the answer: the sandbox raises it in process."""
    return httpx.RemoteProtocolError("the connection was closed before the answer")
