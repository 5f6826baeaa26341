"""HTTP client: sends one request and returns its answer, or the reason for a missing answer.

No other module of this package sends requests with httpx, and none of its exceptions leaves. Redirects are not followed
and cookies are not kept: the tokens go only to the host that was named. Nothing is logged.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from reconciler import __version__
from reconciler.clock import Clock
from reconciler.model.structs import Struct, replace
from reconciler.onefile.errors import Answer, HttpRequest, NoAnswer
from reconciler.onefile.targets import is_loopback
from reconciler.onefile.tls import CA_FILE, empty_context, tls_context
from reconciler.problems import Invalid, Problem, ReconcilerError
from reconciler.ratelimit import LONGEST_CALL_SECONDS

LARGEST_ANSWER_BYTES = 50_000_000

_BODY_SECONDS = 5.0  # for the body of an answer whose status is enough
_BODY_BYTES = 65_536
_IDLE_SECONDS = 4.0  # idle connections are closed before the server closes them: a write must not use a closed one

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy refused the tunnel
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)

_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)

# At DEBUG httpcore logs the headers of answers, in which a server may repeat a token.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True

# httpcore imports sniffio for each call, and each time an import fails, all of sys.path is searched.
if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # "not installed", as the import system writes it


class Timeouts(Struct, frozen=True):
    """Seconds to connect, between two pieces of an exchange, and for one exchange as a whole."""

    connect: float = 10.0
    read: float = 60.0
    call: float = LONGEST_CALL_SECONDS


USUAL_TIMEOUTS = Timeouts()


class _TooLarge(Exception):
    pass


class HttpClient:
    """Connections to the server at `base_url`, as many as `connections`.

    `transport` replaces the network, for an application in this process. `ca_file` names certificate authorities
    in PEM that are trusted beside the usual ones. `safe` removes secrets from a text. `clock_skew` is how many seconds
    our clock is ahead of the Date of the latest answer, None if no answer had a Date.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        safe: Callable[[str], str],
        connections: int,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_file: str = "",
        timeouts: Timeouts = USUAL_TIMEOUTS,
        largest_bytes: int = LARGEST_ANSWER_BYTES,
    ) -> None:
        self.clock_skew: float | None = None
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._clock = clock
        self._safe = safe
        self._timeouts = replace(timeouts, call=min(timeouts.call, LONGEST_CALL_SECONDS))
        self._largest_bytes = largest_bytes
        self._client = self._build_client(transport, ca_file, connections)

    async def close(self) -> None:
        with suppress(Exception):  # every request has been answered; a failure to close changes nothing
            await self._client.aclose()

    async def send(
        self, request: HttpRequest, headers: Mapping[str, str], *, within_seconds: float = LONGEST_CALL_SECONDS
    ) -> Answer | NoAnswer:
        """Send one request; give up after `within_seconds`, or after the call's own timeout."""
        answer: Answer | None = None
        status: int | None = None
        url = self._base_url + request.path
        limit_seconds = min(self._timeouts.call, max(0.0, within_seconds))
        if request.content is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(limit_seconds),
                self._client.stream(
                    request.method, url, content=request.content, headers=headers, extensions=_extensions(request)
                ) as response,
            ):
                status = response.status_code
                self._compare_clocks(response.headers.get("date", ""))
                if status == 200 and request.repeatable:
                    answer = _answer(response, await self._whole_body(response))
                else:
                    answer = _answer(response)  # is kept if reading its body fails
                    answer = _answer(response, await _read_beginning(response))
        except ReconcilerError:  # raised by the request's own last check
            raise
        except Exception as error:  # all of httpx's, and any that an application in this process raises
            return answer or self._no_answer(error, status, limit_seconds)
        return answer

    async def _whole_body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async with aclosing(_pieces(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > self._largest_bytes:
                    raise _TooLarge
        return bytes(body)

    def _compare_clocks(self, date: str) -> None:
        with suppress(ValueError, TypeError, IndexError, OverflowError):  # a header may hold anything but a date
            server_time = parsedate_to_datetime(date)
            server_time = server_time if server_time.tzinfo else server_time.replace(tzinfo=UTC)
            self.clock_skew = (self._clock.now() - server_time).total_seconds()

    def _no_answer(self, error: Exception, status: int | None, limit_seconds: float) -> NoAnswer:
        what = self._what_happened(error, limit_seconds)
        sent = not isinstance(error, _NEVER_SENT)
        if isinstance(error, _TooLarge):
            return NoAnswer(what, "Request less at once.", sent, status, try_again=False)
        if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
            return NoAnswer(what, "Check the base URL.", sent, status, try_again=False)
        if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error).upper():
            fix = f"If your own proxy is in between, name its certificate authority (PEM file) in {CA_FILE}."
            return NoAnswer(what, fix, sent, status, try_again=False)
        if is_network_missing(error):
            fix = "Check the network connection and the host name in the base URL."
            return NoAnswer(what, fix, sent, status, try_again=False)
        fix = "Check the network and the base URL. OneFile is updated on weekdays between 07:00 and 07:30 (UK time)."
        return NoAnswer(what, fix, sent, status)

    def _what_happened(self, error: Exception, limit_seconds: float) -> str:
        match error:
            case _TooLarge():
                return f"the answer of {self._host} is larger than {self._largest_bytes:,} bytes"
            case httpx.ConnectTimeout():
                return f"no connection to {self._host} within {self._timeouts.connect:g} s"
            case httpx.ReadTimeout() | httpx.WriteTimeout():
                return f"{self._host} did not answer for {self._timeouts.read:g} s"
            case TimeoutError():
                return f"the answer of {self._host} was not complete within {limit_seconds:.3g} s"
            case httpx.ConnectError() | httpx.ProxyError():
                return f"no connection to {self._host} ({self._safe(str(error)) or type(error).__name__})"
            case httpx.NetworkError() | httpx.RemoteProtocolError():
                return f"the connection to {self._host} broke before the answer was complete"
            case _:
                return f"the exchange with {self._host} failed ({type(error).__name__})"

    def _build_client(
        self, transport: httpx.AsyncBaseTransport | None, ca_file: str, connections: int
    ) -> httpx.AsyncClient:
        """Build the client.

        Raises Invalid if the address would show the token, or the environment's proxies or certificates cannot be used.
        """
        if transport is None and not self._base_url.startswith("https://") and not is_loopback(self._host):
            raise _invalid(self._host, "plain http would show the token to the network", "Use https://.")
        agent = f"onefile-reconciler/{__version__}"
        wait = self._timeouts
        over_tls = transport is None and self._base_url.startswith("https://")
        verified = tls_context(ca_file) if over_tls else empty_context()
        try:
            return httpx.AsyncClient(
                verify=verified,
                headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": agent},
                timeout=httpx.Timeout(wait.read, connect=wait.connect, pool=wait.call),
                limits=httpx.Limits(max_connections=connections, keepalive_expiry=_IDLE_SECONDS),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                trust_env=not is_loopback(self._host),  # no proxy is needed to reach this machine
                transport=transport,
            )
        except Exception as error:
            kind = type(error).__name__  # only its kind: its text may repeat a proxy's password
        what = f"the environment's proxy settings cannot be used ({kind})"
        raise _invalid("environment", what, "Check HTTPS_PROXY, ALL_PROXY and NO_PROXY.")


def is_network_missing(error: BaseException | None) -> bool:
    """Return True if the host's name has no address, or no route leads to it; another try would not help."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            return all(is_network_missing(part) for part in error.exceptions)
        if isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in _NO_ROUTE):
            return True
        error = error.__cause__ or error.__context__
    return False


def _invalid(where: str, what: str, fix: str) -> Invalid:
    return Invalid(Problem(what, fix, where=where))


def _extensions(request: HttpRequest) -> dict[str, Any]:
    """Let the request's last check run once a connection is there, which may take seconds."""
    check = request.at_send
    if check is None:
        return {}

    async def trace(event: str, _: object) -> None:
        if event.endswith(".send_request_headers.started"):
            check()

    return {"trace": trace}


def _answer(response: httpx.Response, body: bytes = b"") -> Answer:
    header = response.headers.get
    return Answer(response.status_code, body, header("content-type", ""), header("retry-after"), header("location", ""))


def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


async def _read_beginning(response: httpx.Response) -> bytes:
    """Read as much of the body as comes soon; the status is enough, so a failure does no harm."""
    body = bytearray()
    with suppress(Exception):
        async with asyncio.timeout(_BODY_SECONDS), aclosing(_pieces(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > _BODY_BYTES:
                    break
    return bytes(body[:_BODY_BYTES])
