"""A conversation with OneFile: log in, keep to the budget, ask, and ask again where that is safe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from reconciler.clock import Clock
from reconciler.model.structs import RedactedRepr, Struct
from reconciler.onefile.errors import Answer, Ask, Faults, NoAnswer
from reconciler.onefile.http import LARGEST_ANSWER_BYTES, USUAL_TIMEOUTS, Exchange, Timeouts
from reconciler.onefile.redaction import without
from reconciler.onefile.retry import Backoff, Patience, pause_seconds
from reconciler.onefile.token import LONGEST_TOKEN, CustomerToken
from reconciler.problems import ServiceError, Unauthorised
from reconciler.ratelimit import Budget

if TYPE_CHECKING:
    import httpx

RENEW_AFTER_SECONDS = 23 * 3600  # a session lasts 24 h from its issue, however much it is used
USUAL_BACKOFF = Backoff()


class _Session(RedactedRepr, Struct, frozen=True):
    hidden = ("token",)

    token: str
    since: float


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
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._budget = budget
        self._clock = clock
        self._backoff = backoff
        self._slots = asyncio.Semaphore(max_in_flight)
        self._logging_in = asyncio.Lock()
        self._sessions: list[_Session] = []  # the last is current; the others are kept only to be hidden in messages
        self._failed_log_ins: list[ServiceError] = []
        self._faults = Faults(self._base_url, self._hide)
        self._exchange = Exchange(
            self._base_url,
            clock=clock,
            safe=self._faults.safe,
            connections=max_in_flight,
            transport=transport,
            ca_file=ca_file,
            timeouts=timeouts,
            largest_bytes=largest_answer_bytes,
        )

    def __repr__(self) -> str:
        return f"OneFile({self._base_url})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.close()

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

    @property
    def clock_skew(self) -> float | None:
        return self._exchange.clock_skew

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
            met = await self._exchange.of(ask, headers)
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

    def _hide(self, text: str) -> str:
        text = self._token.hidden_in(text)
        for session in self._sessions:
            text = without(session.token, text)
        return text


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
