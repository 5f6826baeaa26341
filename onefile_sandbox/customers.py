"""Several customers under one base URL, as OneFile serves them: the token of a call decides whose data it reaches."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send


class Customers:
    """One application for each customer token, each with its own world, sessions and rate limit.

    A token that nobody has goes to the first customer, which refuses it.
    """

    def __init__(self, apps: Mapping[str, Starlette]) -> None:
        self._apps = dict(apps)
        self._first = next(iter(self._apps.values()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(Headers(scope=scope))(scope, receive, send)

    def _app(self, headers: Headers) -> Starlette:
        if app := self._apps.get(headers.get("x-customertoken", "")):
            return app
        session = headers.get("x-tokenid", "")
        return next((app for app in self._apps.values() if app.state.api.knows(session)), self._first)
