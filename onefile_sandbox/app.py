"""ASGI application of the sandbox: the API below /api/v2.1, and a control plane at /_sandbox."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from msgspec import to_builtins
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from onefile_sandbox.api import BASE, Answer, ApiRequest, SandboxApi
from onefile_sandbox.clock import Clock, SystemClock
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.switches import Switches
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World

CLOSE_KEY = "sandbox.close"  # key of the scope, set by serve.py: closes the connection during the answer
Endpoint = Callable[[Request], Awaitable[Response]]

LARGEST_BODY = 1_000_000  # bytes

CONTROL_PLANE: Mapping[str, str] = {
    "GET /_sandbox/state": "The whole world as JSON.",
    "GET /_sandbox/calls": "The calls received, each with its time, method, path, status, effect and fault. DELETE "
    "forgets them.",
    "POST /_sandbox/edit": "A change that a person makes in OneFile's web pages, such as "
    '`{"user": 200004, "set": {"DefaultAssessorID": null}}`, '
    '`{"user": 200004, "standard": 41240, "set": {"IVID": 118204}}`, '
    '`{"user": 200004, "unit": "KS_COMM1", "set": {"AssessorID": null}}`, '
    '`{"user": 200004, "additional": {"add": [127733], "remove": []}}`, `{"user": 200004, "archived": true}`, '
    '`{"user": 132757, "archived": true, "heir": 122762}` (the heir gets every slot), '
    '`{"user": 200002, "misid_of": 200004}` (the two swap their MISIDs) and `{"user": 132757, "role": 10}`.',
    "POST /_sandbox/faults": "One fault, or a list of faults, to arm. GET counts those that wait, DELETE removes them.",
    "POST /_sandbox/switches": "Switches to change while the sandbox runs, such as "
    '`{"aim_staff_keys": "omit"}`. GET shows them all.',
}
"""Documentation of the control plane."""


class DroppedAnswer(ConnectionError):
    """A closed connection in process, where there is no connection: the application raises this instead."""


def create_app(
    world: World,
    switches: Switches | None = None,
    faults: Faults | None = None,
    clock: Clock | None = None,
    customer_token: str = "sandbox",  # noqa: S107 (the sandbox's well-known token opens nothing but the sandbox)
    dropped: Callable[[], Exception] = DroppedAnswer,
) -> Starlette:
    """Create the sandbox over *world*. `app.state.api` is the SandboxApi, for tests in process.

    *dropped* makes the exception of a closed connection in process. A client passes its own transport error, so that
    it gets the same error as on a socket.
    """
    api = SandboxApi(world, switches or Switches(), faults or Faults(), clock or SystemClock(), customer_token)

    async def call_api(request: Request) -> Response:
        path: str = request.scope["path"]
        if not path.lower().startswith(BASE + "/"):
            return Response("The API is below /api/v2.1", 404)
        body = await _body(request)
        if body is None:
            return Response("The body is too large", 413)
        query: bytes = request.scope["query_string"]
        call = ApiRequest(request.method, path[len(BASE) :], query.decode("latin-1"), dict(request.headers), body)
        return _response(await api.exchange(call), dropped)

    app = Starlette(
        routes=[
            *_control_plane(api),
            Route("/{path:path}", call_api, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]
    )
    app.state.api = api
    return app


async def _body(request: Request) -> bytes | None:
    """Read the whole body; return None if it is too large or the client disconnected."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > LARGEST_BODY:
                return None
    except ClientDisconnect:
        return None
    return b"".join(parts)


def _response(answer: Answer, dropped: Callable[[], Exception]) -> Response:
    if answer.closed:
        return _ClosedConnection(answer, dropped)
    media = answer.content_type if answer.body else None
    headers = {**answer.headers, "content-type": media} if media else dict(answer.headers)
    return Response(answer.body, answer.status, headers)


class _ClosedConnection(Response):
    """No answer, or the first half of one, and then the connection closes."""

    def __init__(self, answer: Answer, dropped: Callable[[], Exception]) -> None:
        super().__init__()
        self._answer = answer
        self._dropped = dropped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        close = scope.get(CLOSE_KEY)
        if close is None:
            raise self._dropped()
        if self._answer.closed == "part":
            await self._send_half(send)
        close()
        while (await receive())["type"] != "http.disconnect":  # the server notices a moment later
            pass

    async def _send_half(self, send: Send) -> None:
        body = self._answer.body
        headers = [
            (b"content-type", self._answer.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": self._answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


def _control_plane(api: SandboxApi) -> list[Route]:
    """Return the routes of the control plane: the whole state, the calls received, web edits, faults and switches."""

    async def state(_: Request) -> Response:
        api.world.catch_up()
        return JSONResponse(api.world.state())

    async def calls(request: Request) -> Response:
        if request.method == "DELETE":
            api.calls.clear()
        return JSONResponse(list(api.calls))

    async def edits(request: Request) -> Response:
        change, at = _object(await _body(request)), api.clock.now()
        changed = api.world.commit(lambda: edit(api.world, change, at, api.switches), at, "edit")
        return JSONResponse({"changed": changed})

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            api.faults.clear()
        if request.method == "POST":
            items = _object(await _body(request))
            for fault in [Fault.from_json(item) for item in (items if isinstance(items, list) else [items])]:
                api.faults.arm(fault)
        return JSONResponse({"waiting": len(api.faults.waiting())})

    async def switches(request: Request) -> Response:
        if request.method == "POST":
            api.switches = api.switches.changed(_object(await _body(request)))
        return JSONResponse(to_builtins(api.switches))

    return [
        Route("/_sandbox/switches", _explained(switches), methods=["GET", "POST"]),
        Route("/_sandbox/state", state, methods=["GET"]),
        Route("/_sandbox/calls", calls, methods=["GET", "DELETE"]),
        Route("/_sandbox/edit", _explained(edits), methods=["POST"]),
        Route("/_sandbox/faults", _explained(faults), methods=["GET", "POST", "DELETE"]),
    ]


def _object(body: bytes | None) -> object:
    value: object = json.loads(body or b"")
    return value


def _explained(endpoint: Endpoint) -> Endpoint:
    """Answer a ValueError of the endpoint with 400 and its text."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValueError as error:
            return JSONResponse({"message": str(error)}, 400)

    return answer
