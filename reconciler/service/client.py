"""A conversation with OneFile: log in, keep to the budget, ask, and ask again where that is safe.

Nothing else imports httpx, and none of its exceptions leaves. Redirects are not followed and cookies not kept: the
tokens go to the one host that was named. Nothing is logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import NoReturn, Self, cast
from urllib.parse import urlsplit

import httpx

from reconciler import __version__
from reconciler.calls import LONGEST_CALL_SECONDS
from reconciler.clock import Clock
from reconciler.problems import Invalid, Problem, ServiceError, Unauthorised
from reconciler.service.budget import Budget
from reconciler.service.faults import Answer, Ask, Faults, NoAnswer
from reconciler.service.retry import Backoff, Patience, pause_seconds
from reconciler.service.targets import is_loopback
from reconciler.service.trust import CA_FILE, nobody_trusted, trusted
from reconciler.service.words import without

RENEW_AFTER_SECONDS = 23 * 3600  # a session lasts 24 h from its issue, however much it is used
LARGEST_ANSWER_BYTES = 50_000_000
LONGEST_TOKEN = 4096  # letters, of the customer's and of a session's

_COURTESY_SECONDS = 5.0  # for the rest of an answer whose status already says all that matters
_COURTESY_BYTES = 65_536
_IDLE_SECONDS = 4.0  # we drop an idle connection before the server does: a write must not meet one just closed

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy refused the tunnel
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)

# At DEBUG httpcore logs the headers of answers, in which a server may repeat a token.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True


class CustomerToken:
    """The customer's long-lived secret. Shows itself to nobody but the log-in.

    `origin` names where it came from. Raises Invalid for a text that cannot be sent in a header.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str, origin: str = "ONEFILE_CUSTOMER_TOKEN") -> None:
        self._secret = secret.strip()
        if not self._secret:
            raise _invalid(origin, "the customer token is empty", "set it to the token OneFile issued")
        if not all(" " <= letter <= "~" for letter in self._secret):
            what = "the customer token holds a letter or a line break that no token has"
            raise _invalid(origin, what, "copy it again, whole and alone")
        if len(secret) > LONGEST_TOKEN + 2:  # and the end of its line
            what = f"the customer token is longer than {LONGEST_TOKEN:,} letters"
            raise _invalid(origin, what, "copy the token again, and nothing else")

    def __repr__(self) -> str:
        return "CustomerToken(hidden)"

    def reveal(self) -> str:
        return self._secret

    def account(self, base_url: str) -> str:
        """16 hex digits that stand for this customer at this server: the key of the shared call budget."""
        text = f"onefile-reconciler call budget\n{base_url}\n{self._secret}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def hidden_in(self, text: str) -> str:
        return without(self._secret, text)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to connect, between two pieces of an exchange, and for one exchange as a whole."""

    connect: float = 10.0
    read: float = 60.0
    call: float = LONGEST_CALL_SECONDS


USUAL_TIMEOUTS = Timeouts()
USUAL_BACKOFF = Backoff()


@dataclass(frozen=True, slots=True)
class _Session:
    token: str = field(repr=False)
    since: float


class _TooLarge(Exception):
    pass


class _TooLate(Exception):
    """Whoever asked for a write no longer wants it sent as it is."""


class OneFile:
    """A logged-in conversation with one server; an async context manager, for one event loop.

    `base_url` comes from a Target. `transport` takes the network's place, for an application in this process.
    `ca_file` names certificate authorities in PEM that are trusted beside the usual ones.
    At most `max_in_flight` calls are under way at once, and the budget decides when the next may go.
    `calls` counts what was sent so far, log-ins and repeats included; `throttled`, the answers of 429. `clock_skew`
    is how many seconds our clock is ahead of the Date of the latest answer, None where none had one.
    """

    def __init__(
        self,
        base_url: str,
        token: CustomerToken,
        *,
        budget: Budget,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_file: str = "",
        timeouts: Timeouts = USUAL_TIMEOUTS,
        backoff: Backoff = USUAL_BACKOFF,
        max_in_flight: int = 8,
        largest_answer_bytes: int = LARGEST_ANSWER_BYTES,
    ) -> None:
        self.calls = 0
        self.throttled = 0
        self.clock_skew: float | None = None
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(self._base_url).hostname or ""
        self._token = token
        self._budget = budget
        self._clock = clock
        self._timeouts = replace(timeouts, call=min(timeouts.call, LONGEST_CALL_SECONDS))
        self._backoff = backoff
        self._largest_answer_bytes = largest_answer_bytes
        self._slots = asyncio.Semaphore(max_in_flight)
        self._logging_in = asyncio.Lock()
        self._sessions: list[_Session] = []  # the last is current; the others are kept only to be hidden in messages
        self._failed_log_ins: list[ServiceError] = []
        self._faults = Faults(self._base_url, self._hide)
        self._http = self._make_http(transport, ca_file, max_in_flight)

    def __repr__(self) -> str:
        return f"OneFile({self._base_url})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):  # what was asked has been answered; a failure to close changes nothing
            await self._http.aclose()

    async def read(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object | None:
        """The decoded JSON of a 200, or None for a 204 or an empty body. Repeated where that may help.

        `path` follows the base URL and begins with a slash. Raises a ServiceError, never AnswerLost; Rejected, for a
        4xx, at once.
        """
        ask = Ask(method, path, _encoded(body), repeatable=True)
        for _ in range(2):  # a garbled answer is asked for once more: it may have been cut short on its way
            answer = await self._reading(ask)
            with suppress(ValueError):
                return _decoded(answer)
        raise self._faults.not_json(ask, answer)

    async def write(
        self, method: str, path: str, body: Mapping[str, object], *, when: Callable[[], bool] = lambda: True
    ) -> bool:
        """Ask for a change. True: it was accepted (any 2xx that is not a web page). False: `when`, asked right before
        each sending, had become false, after waiting for a turn or out a 429; the server did nothing.

        AnswerLost means that it may have been done, any other ServiceError that it was not. Repeated only where the
        server cannot have acted: nothing was sent, or it answered 429, or 401.
        """
        ask = Ask(method, path, _encoded(body), repeatable=False, when=when)
        try:
            answer = await self._authorised(ask)
        except _TooLate:
            return False
        if 400 <= answer.status < 500:
            raise self._faults.rejected(ask, answer)
        if not 200 <= answer.status < 300 or answer.is_page:
            raise self._faults.lost(ask, answer)
        return True

    def session_age(self) -> float | None:
        """Seconds since the log-in, or None before it."""
        return self._clock.monotonic() - self._sessions[-1].since if self._sessions else None

    # ------------------------------------------------------------------ the session

    async def _reading(self, ask: Ask) -> Answer:
        """A 200 or a 204. Any other success promises no whole result (206 is a part)."""
        answer = await self._authorised(ask)
        if 400 <= answer.status < 500:
            raise self._faults.rejected(ask, answer)
        if answer.status not in (200, 204):
            raise self._faults.not_a_reading(ask, answer)
        return answer

    async def _authorised(self, ask: Ask) -> Answer:
        """The answer to a request sent in a session. Each request renews a refused session once; one that another
        request has renewed meanwhile is taken as it is, and leaves this one its own renewal."""
        session, renewed = (await self._in_session(refused=None))[0], False
        while True:
            answer = await self._until_answered(ask, {"X-TokenID": session.token})
            expired = answer.status == 401 or (answer.status == 403 and self._is_old(session))
            if renewed or not expired:
                break
            session, renewed = await self._in_session(refused=session)
        if answer.status in (401, 403):
            raise self._faults.unauthorised(ask, answer)
        return answer

    def _is_old(self, session: _Session) -> bool:
        return self._clock.monotonic() - session.since >= RENEW_AFTER_SECONDS

    async def _in_session(self, refused: _Session | None) -> tuple[_Session, bool]:
        """A session that is neither old nor the refused one, and whether it took a log-in of one's own. Whoever waited
        for a log-in shares how it ended, and a customer token that was refused is not tried again."""
        failed_before = len(self._failed_log_ins)
        async with self._logging_in:
            current = self._sessions[-1] if self._sessions else None
            if current is not None and current is not refused and not self._is_old(current):
                return current, False
            failed = self._failed_log_ins
            if len(failed) > failed_before or (failed and isinstance(failed[-1], Unauthorised)):
                raise failed[-1]
            try:
                self._sessions.append(await self._log_in())
            except ServiceError as error:
                self._failed_log_ins.append(error)
                raise
            return self._sessions[-1], True

    async def _log_in(self) -> _Session:
        ask = Ask("POST", "/Authentication", None, repeatable=True)
        since = self._clock.monotonic()  # the session cannot be older than this
        answer = await self._until_answered(ask, {"X-CustomerToken": self._token.reveal()})
        if 400 <= answer.status < 500:
            raise self._faults.log_in_refused(ask, answer)
        token = answer.body.decode("utf-8", errors="replace").strip().strip("\"'").strip()
        if answer.status != 200 or not _may_be_session_token(token):
            raise self._faults.not_a_session(ask, answer)
        return _Session(token, since)

    # ------------------------------------------------------------------ asking until there is an answer

    async def _until_answered(self, ask: Ask, headers: Mapping[str, str]) -> Answer:
        """The first answer that is neither 429 nor 5xx, within the bounds of the backoff."""
        patience = Patience(self._backoff)
        while True:
            met, took_seconds = await self._attempt(ask, headers)
            if isinstance(met, Answer) and met.status == 429:
                self._hold_everybody(ask, met, patience)
            elif isinstance(met, Answer) and met.status < 500:
                return met
            elif not ask.repeatable and (isinstance(met, Answer) or met.sent):
                raise self._faults.lost(ask, met)
            else:
                await self._wait_or_give_up(ask, met, patience, took_seconds)

    async def _attempt(self, ask: Ask, headers: Mapping[str, str]) -> tuple[Answer | NoAnswer, float]:
        """One exchange, and how many seconds it took once its turn had come."""
        async with self._slots, self._budget.call():
            if not ask.when():
                raise _TooLate
            self.calls += 1
            started = self._clock.monotonic()
            met = await self._exchange(ask, headers)
            return met, self._clock.monotonic() - started

    def _hold_everybody(self, ask: Ask, answer: Answer, patience: Patience) -> None:
        """Pause the budget: the next attempt, like everybody's, waits there. What is too long to wait for here is
        not laid upon the others either: they ask again after the longest pause."""
        self.throttled += 1
        wait_seconds = pause_seconds(answer.retry_after, self._clock.now())
        self._budget.pause(min(wait_seconds, self._backoff.longest_pause_seconds))
        if not patience.after_throttle(wait_seconds):
            raise self._faults.throttled(ask, patience.throttles, wait_seconds)

    async def _wait_or_give_up(self, ask: Ask, met: Answer | NoAnswer, patience: Patience, took_seconds: float) -> None:
        wait_seconds = patience.after_failure(took_seconds)
        if wait_seconds is None or (isinstance(met, NoAnswer) and not met.try_again):
            raise self._faults.given_up(ask, met, patience.failures)
        await self._clock.sleep(wait_seconds)

    # ------------------------------------------------------------------ one exchange

    async def _exchange(self, ask: Ask, headers: Mapping[str, str]) -> Answer | NoAnswer:
        answer: Answer | None = None
        status: int | None = None
        url = self._base_url + ask.path
        if ask.content is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(self._timeouts.call),
                self._http.stream(ask.method, url, content=ask.content, headers=headers) as response,
            ):
                status = response.status_code
                self._compare_clocks(response.headers.get("date", ""))
                if status == 200 and ask.repeatable:
                    answer = _answer(response, await self._whole_body(response))
                else:
                    answer = _answer(response)  # stands, whatever becomes of its body
                    answer = _answer(response, await _beginning(response))
        except Exception as error:  # all of httpx's, and whatever an application in this process raises
            return answer or self._no_answer(error, status)
        return answer

    async def _whole_body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async with aclosing(_pieces(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > self._largest_answer_bytes:
                    raise _TooLarge
        return bytes(body)

    def _compare_clocks(self, date: str) -> None:
        with suppress(ValueError, TypeError, IndexError, OverflowError):  # whatever a header may hold in a date's place
            told = parsedate_to_datetime(date)
            told = told if told.tzinfo else told.replace(tzinfo=UTC)
            self.clock_skew = (self._clock.now() - told).total_seconds()

    def _no_answer(self, error: Exception, status: int | None) -> NoAnswer:
        what = self._what_happened(error)
        sent = not isinstance(error, _NEVER_SENT)
        if isinstance(error, _TooLarge):
            return NoAnswer(what, "ask for less at once", sent, status, try_again=False)
        if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
            return NoAnswer(what, "check the base URL", sent, status, try_again=False)
        if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error).upper():
            fix = f"if a proxy of your own stands between, name its certificate authority (PEM) in {CA_FILE}"
            return NoAnswer(what, fix, sent, status, try_again=False)
        fix = "check the network and the base URL; OneFile puts releases in between 07:00 and 07:30 UK time on weekdays"
        return NoAnswer(what, fix, sent, status)

    def _what_happened(self, error: Exception) -> str:
        match error:
            case _TooLarge():
                return f"the answer of {self._host} is larger than {self._largest_answer_bytes:,} bytes"
            case httpx.ConnectTimeout():
                return f"no connection to {self._host} within {self._timeouts.connect:g} s"
            case httpx.ReadTimeout() | httpx.WriteTimeout():
                return f"{self._host} was silent for {self._timeouts.read:g} s"
            case TimeoutError():
                return f"the answer of {self._host} was not complete within {self._timeouts.call:g} s"
            case httpx.ConnectError() | httpx.ProxyError():
                return f"no connection to {self._host} ({self._faults.safe(str(error)) or type(error).__name__})"
            case httpx.NetworkError() | httpx.RemoteProtocolError():
                return f"the connection to {self._host} broke before the answer was complete"
            case _:
                return f"the exchange with {self._host} failed ({type(error).__name__})"

    def _make_http(
        self, transport: httpx.AsyncBaseTransport | None, ca_file: str, max_in_flight: int
    ) -> httpx.AsyncClient:
        """Raises Invalid where the address would show the token, or the environment's proxies or certificates cannot be
        used."""
        if transport is None and not self._base_url.startswith("https://") and not is_loopback(self._host):
            raise _invalid(self._host, "plain http would show the token to the network", "use https://")
        agent = f"onefile-reconciler/{__version__}"
        wait = self._timeouts
        over_tls = transport is None and self._base_url.startswith("https://")
        verified = trusted(ca_file) if over_tls else nobody_trusted()
        try:
            return httpx.AsyncClient(
                verify=verified,
                headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": agent},
                timeout=httpx.Timeout(wait.read, connect=wait.connect, pool=wait.call),
                limits=httpx.Limits(max_connections=max_in_flight, keepalive_expiry=_IDLE_SECONDS),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                trust_env=not is_loopback(self._host),  # a proxy has no business on the way to this machine
                transport=transport,
            )
        except Exception as error:
            kind = type(error).__name__  # and no more of it: its text may repeat a proxy's password
        what = f"the environment's proxy settings cannot be used ({kind})"
        raise _invalid("environment", what, "check HTTPS_PROXY, ALL_PROXY and NO_PROXY")

    def _hide(self, text: str) -> str:
        text = self._token.hidden_in(text)
        for session in self._sessions:
            text = without(session.token, text)
        return text


def _invalid(where: str, what: str, fix: str) -> Invalid:
    return Invalid(Problem(what, fix, where=where))


def _may_be_session_token(text: str) -> bool:
    """OneFile does not say what one looks like; a page, an object or a sentence is none."""
    visible = all("!" <= letter <= "~" for letter in text)
    return visible and 0 < len(text) <= LONGEST_TOKEN and text[0] not in "<{[" and text != "null"


def _encoded(body: Mapping[str, object] | None) -> bytes | None:
    return None if body is None else json.dumps(dict(body), separators=(",", ":")).encode()


def _decoded(answer: Answer) -> object | None:
    """Raises ValueError for anything but JSON as the standard has it."""
    if answer.status == 204 or not answer.body.strip():
        return None
    try:
        value: object = json.loads(answer.body, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _answer(response: httpx.Response, body: bytes = b"") -> Answer:
    said = response.headers.get
    return Answer(response.status_code, body, said("content-type", ""), said("retry-after"), said("location", ""))


def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


async def _beginning(response: httpx.Response) -> bytes:
    """As much of the body as comes soon: the status has said what matters, so whatever fails here does no harm."""
    body = bytearray()
    with suppress(Exception):
        async with asyncio.timeout(_COURTESY_SECONDS), aclosing(_pieces(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > _COURTESY_BYTES:
                    break
    return bytes(body[:_COURTESY_BYTES])
