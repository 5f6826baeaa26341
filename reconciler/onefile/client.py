"""OneFile client: log-in, rate limit, requests, and retries if they are safe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from reconciler.clock import Clock
from reconciler.model.structs import RedactedRepr, Struct
from reconciler.onefile.errors import Answer, ErrorMapper, HttpRequest, NoAnswer
from reconciler.onefile.http import LARGEST_ANSWER_BYTES, USUAL_TIMEOUTS, HttpClient, Timeouts
from reconciler.onefile.in_flight import MOST, InFlight
from reconciler.onefile.progress_limit import Notify, ProgressLimit
from reconciler.onefile.redaction import mask
from reconciler.onefile.retry import Backoff, RetryState, pause_seconds
from reconciler.onefile.sealed_session import SessionKeeper
from reconciler.onefile.token import LONGEST_TOKEN, CustomerToken
from reconciler.problems import ServiceError, Unauthorised
from reconciler.ratelimit import LONGEST_WAIT_SECONDS, RateLimiter

if TYPE_CHECKING:
    import httpx

RENEW_AFTER_SECONDS = 23 * 3600  # a session lasts 24 h from its issue, however much it is used
USUAL_BACKOFF = Backoff()


class _Session(RedactedRepr, Struct, frozen=True):
    """One session. `kept`: an earlier command opened it, so the server may have ended it meanwhile."""

    hidden = ("token",)

    token: str
    since: float
    kept: bool = False


class _PreconditionFailed(Exception):
    """The caller's precondition no longer holds at send time."""


class OneFile:
    """Client of one server, with a session; an async context manager, for one event loop.

    `base_url` comes from a Target. `transport` replaces the network, for an application in this process.
    `ca_file` names certificate authorities in PEM that are trusted beside the usual ones.
    At most `max_in_flight` calls are under way at once: as many as the latency needs, see InFlight. The rate limiter
    decides when the next may go.
    `calls` counts the requests sent, log-ins and retries included; `throttled`, the answers of 429. `clock_skew`
    is how many seconds our clock is ahead of the Date of the latest answer, None if no answer had a Date.
    After `longest_wait_seconds` without progress every call fails; `notify` shows a person what is awaited.
    `keeper` keeps the session for the next command.
    """

    def __init__(
        self,
        base_url: str,
        token: CustomerToken,
        *,
        rate_limiter: RateLimiter,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_file: str = "",
        timeouts: Timeouts = USUAL_TIMEOUTS,
        backoff: Backoff = USUAL_BACKOFF,
        max_in_flight: int = MOST,
        largest_answer_bytes: int = LARGEST_ANSWER_BYTES,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
        notify: Notify | None = None,
        keeper: SessionKeeper | None = None,
    ) -> None:
        self.calls = 0
        self.throttled = 0
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._rate_limiter = rate_limiter
        self._clock = clock
        self._backoff = backoff
        self._in_flight = InFlight(rate_limiter.limit, clock, max_in_flight)
        self._logging_in = asyncio.Lock()
        self._sessions: list[_Session] = []  # the last is current; the others are kept only to be masked in messages
        self._failed_log_ins: list[ServiceError] = []
        self._keeper = keeper
        self._accepted: _Session | None = None  # the latest in which the server did what it was asked
        self._errors = ErrorMapper(self._base_url, self._mask_secrets)
        self._progress = ProgressLimit(self._errors.host, clock, longest_wait_seconds, notify)
        self._http = HttpClient(
            self._base_url,
            clock=clock,
            safe=self._errors.safe,
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
        await self._http.close()

    async def read(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object | None:
        """Return the decoded JSON of a 200, or None for a 204 or an empty body. Retried if that may help.

        `path` follows the base URL and begins with a slash. Raises a ServiceError, never AnswerLost; Rejected, for a
        4xx, at once.
        """
        request = HttpRequest(method, path, _encoded(body), repeatable=True)
        for _ in range(2):  # an invalid answer is requested once more: it may have been cut short on its way
            answer = await self._read_answer(request)
            with suppress(ValueError):
                return _decoded(answer)
        raise self._errors.not_json(request, answer)

    async def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, object],
        *,
        precondition: Callable[[], bool] = lambda: True,
        at_send: Callable[[], None] | None = None,
    ) -> bool:
        """Send a change and return True if it was accepted (any 2xx that is not a web page).

        False: `precondition`, checked right before each sending, no longer held after a wait for the rate limit or
        after a 429; the server did nothing. AnswerLost means that the change may have been made, any other
        ServiceError that it was not. Retried only if the server cannot have acted: nothing was sent, or it answered
        429 or 401. `at_send` is called as the last thing before the first byte; what it raises ends the write unsent.
        """
        request = HttpRequest(
            method, path, _encoded(body), repeatable=False, precondition=precondition, at_send=at_send
        )
        try:
            answer = await self._send_in_session(request)
        except _PreconditionFailed:
            return False
        if 400 <= answer.status < 500:
            raise self._errors.rejected(request, answer)
        if not 200 <= answer.status < 300 or answer.is_page:
            raise self._errors.lost(request, answer)
        return True

    @property
    def clock_skew(self) -> float | None:
        return self._http.clock_skew

    def session_age(self) -> float | None:
        """Return the seconds since the log-in, or None before it."""
        return self._clock.monotonic() - self._sessions[-1].since if self._sessions else None

    # ------------------------------------------------------------------ the session

    async def _read_answer(self, request: HttpRequest) -> Answer:
        """Return a 200 or a 204. Any other success promises no whole result (206 is a part)."""
        answer = await self._send_in_session(request)
        if 400 <= answer.status < 500:
            raise self._errors.rejected(request, answer)
        if answer.status not in (200, 204):
            raise self._errors.unusable_answer(request, answer)
        return answer

    async def _send_in_session(self, request: HttpRequest) -> Answer:
        """Return the answer to a request sent in a session.

        Each request renews a refused session once. A session that another request has renewed meanwhile is used as it
        is, and this request keeps its own renewal.
        """
        session, renewed = (await self._open_session(refused=None))[0], False
        if not request.repeatable and self._is_doubtful(session):
            session, renewed = await self._open_session(refused=session)
        while True:
            answer = await self._retry_until_answered(request, {"X-TokenID": session.token})
            if answer.status < 400:
                self._accepted = session
            if renewed or not self._may_be_over(session, answer):
                break
            session, renewed = await self._open_session(refused=session)
        if answer.status in (401, 403):
            raise self._errors.unauthorised(request, answer)
        return answer

    def _may_be_over(self, session: _Session, answer: Answer) -> bool:
        """Return True if a refusal may mean that the session is over.

        Which status a server gives then is not known, so in a kept session every refusal counts until the server has
        accepted it once: what it answers must not be taken for "there is no such user".
        """
        if answer.status == 401 or (answer.status == 403 and self._is_old(session)):
            return True
        return 400 <= answer.status < 500 and self._is_doubtful(session)

    def _is_doubtful(self, session: _Session) -> bool:
        return session.kept and self._accepted is not session

    def _is_old(self, session: _Session) -> bool:
        return self._clock.monotonic() - session.since >= RENEW_AFTER_SECONDS

    async def _open_session(self, refused: _Session | None) -> tuple[_Session, bool]:
        """Return a session that is neither old nor the refused one, and True if this call logged in.

        Calls that waited for a log-in share its result, and a refused customer token is not tried again.
        """
        failed_before = len(self._failed_log_ins)
        async with self._logging_in:
            current = self._sessions[-1] if self._sessions else None
            if current is not None and current is not refused and not self._is_old(current):
                return current, False
            if current is None and (kept := self._kept_session()):
                self._sessions.append(kept)
                return kept, False
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
        request = HttpRequest("POST", "/Authentication", None, repeatable=True)
        since = self._clock.monotonic()  # the session cannot be older than this
        answer = await self._retry_until_answered(request, {"X-CustomerToken": self._token.reveal()})
        if 400 <= answer.status < 500:
            raise self._errors.log_in_refused(request, answer)
        token = answer.body.decode("utf-8", errors="replace").strip().strip("\"'").strip()
        if answer.status != 200 or not _may_be_session_token(token):
            raise self._errors.not_a_session(request, answer)
        if self._keeper:
            self._keeper.save(token)
        return _Session(token, since)

    def _kept_session(self) -> _Session | None:
        kept = self._keeper.load() if self._keeper else None
        if kept is None or not _may_be_session_token(kept[0]) or not 0 <= kept[1] < RENEW_AFTER_SECONDS:
            return None
        return _Session(kept[0], self._clock.monotonic() - kept[1], kept=True)

    # ------------------------------------------------------------------ retries

    async def _retry_until_answered(self, request: HttpRequest, headers: Mapping[str, str]) -> Answer:
        """Return the first answer that is neither 429 nor 5xx, within the bounds of backoff and progress."""
        if self._progress.left <= 0:
            raise self._errors.no_progress(request, self._progress.seconds)
        state = RetryState(self._backoff)
        while True:
            result, took_seconds = await self._attempt(request, headers)
            if isinstance(result, Answer) and result.status == 429:
                self._pause_all_calls(request, result, state)
            elif isinstance(result, Answer) and result.status < 500:
                return result
            elif not request.repeatable and (isinstance(result, Answer) or result.sent):
                raise self._errors.lost(request, result)
            else:
                await self._wait_or_give_up(request, result, state, took_seconds)

    async def _attempt(self, request: HttpRequest, headers: Mapping[str, str]) -> tuple[Answer | NoAnswer, float]:
        """Send once; return the result and the seconds that it took after the wait for the rate limit."""
        async with self._in_flight.call(), self._rate_limiter.call() as call:
            if not request.precondition():
                raise _PreconditionFailed
            self.calls += 1
            started = self._clock.monotonic()
            call.is_open = True
            with self._progress.waiting(request.where):
                result = await self._http.send(request, headers, within_seconds=self._progress.left_for_a_try)
            call.is_open = isinstance(result, NoAnswer) and result.sent
            if isinstance(result, Answer) and result.status < 500 and result.status != 429:
                self._progress.progressed()
                self._in_flight.answered(request.kind, started)
            else:
                self._in_flight.failed(started)
            return result, self._clock.monotonic() - started

    def _pause_all_calls(self, request: HttpRequest, answer: Answer, state: RetryState) -> None:
        """Pause the rate limiter, where the next attempt of every call waits.

        Other callers are paused for at most longest_pause_seconds.
        """
        self.throttled += 1
        wait_seconds = pause_seconds(answer.retry_after, self._clock.now())
        self._rate_limiter.pause(min(wait_seconds, self._backoff.longest_pause_seconds))
        if not state.after_throttle(wait_seconds) or wait_seconds > self._progress.left:
            raise self._errors.throttled(request, state.throttles, wait_seconds)
        self._progress.note_pause(wait_seconds)

    async def _wait_or_give_up(
        self, request: HttpRequest, result: Answer | NoAnswer, state: RetryState, took_seconds: float
    ) -> None:
        wait_seconds = state.after_failure(took_seconds)
        is_final = isinstance(result, NoAnswer) and not result.try_again
        if wait_seconds is None or is_final or wait_seconds >= self._progress.left:
            raise self._errors.given_up(request, result, state.failures)
        self._progress.note_failure(request.where, self._errors.failure(result))
        await self._clock.sleep(wait_seconds)

    def _mask_secrets(self, text: str) -> str:
        text = self._token.mask_in(text)
        for session in self._sessions:
            text = mask(session.token, text)
        return text


def _may_be_session_token(text: str) -> bool:
    """Reject a page, an object or a sentence; OneFile does not publish the form of its tokens."""
    visible = all("!" <= letter <= "~" for letter in text)
    return visible and 0 < len(text) <= LONGEST_TOKEN and text[0] not in "<{[" and text != "null"


def _encoded(body: Mapping[str, object] | None) -> bytes | None:
    return None if body is None else json.dumps(dict(body), separators=(",", ":")).encode()


def _decoded(answer: Answer) -> object | None:
    """Decode the body; raise ValueError for anything but standard JSON."""
    if answer.status == 204 or not answer.body.strip():
        return None
    try:
        value: object = json.loads(answer.body, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
