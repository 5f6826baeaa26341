"""Requests, their results, and the errors made from them; no network, and no text that was not redacted."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from reconciler.model.structs import RedactedRepr, Struct
from reconciler.onefile.redaction import keep_known_words, redact, server_message
from reconciler.problems import (
    AnswerLost,
    BadAnswer,
    Problem,
    Rejected,
    ServiceError,
    Throttled,
    Unauthorised,
    Unreachable,
)

_CHECK_URL = "Check the base URL, and whether a proxy or a log-in page is in between. Nothing was done."


class HttpRequest(Struct, frozen=True):
    """One request. `repeatable`: sending it twice does no harm; `precondition` is checked right before each sending.

    `at_send` is called when there is a connection, right before the first byte; it may raise to send nothing.
    """

    method: str
    path: str
    content: bytes | None
    repeatable: bool
    precondition: Callable[[], bool] = lambda: True
    at_send: Callable[[], None] | None = None

    @property
    def where(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def kind(self) -> str:
        """The request without its numbers: calls of one kind take about equally long."""
        return re.sub("[0-9]+", "", self.where)


class Answer(RedactedRepr, Struct, frozen=True):
    """A status with body and headers. The body is whole for a 200 to a repeatable request, else only its beginning."""

    hidden = ("body", "location")

    status: int
    body: bytes = b""
    content_type: str = ""
    retry_after: str | None = None
    location: str = ""

    @property
    def is_page(self) -> bool:
        """True for HTML with something in it: written for a browser, so not by the API."""
        body = self.body.strip()
        return body.startswith(b"<") or (bool(body) and "html" in self.content_type.lower())


class NoAnswer(Struct, frozen=True):
    """The reason for a missing answer. `sent` False: the request never left; `status` if an answer had begun."""

    what: str
    fix: str
    sent: bool
    status: int | None = None
    try_again: bool = True


class ErrorMapper:
    """Errors about one server. `mask_secrets` removes our own secrets from a text."""

    def __init__(self, base_url: str, mask_secrets: Callable[[str], str]) -> None:
        self._base_url = base_url
        self.host = urlsplit(base_url).hostname or ""
        self._mask_secrets = mask_secrets

    def safe(self, text: str) -> str:
        """Return a foreign text without secrets and people's data, and short."""
        return redact(self._mask_secrets(text))

    def lost(self, request: HttpRequest, result: Answer | NoAnswer) -> AnswerLost:
        what = self.failure(result)
        fix = "Check OneFile before you repeat it: it may or may not have been done."
        return AnswerLost(Problem(f"sent, but {what}", fix, where=request.where), status=result.status)

    def failure(self, result: Answer | NoAnswer) -> str:
        """Describe a failed try in words."""
        return self._description(result) if isinstance(result, Answer) else result.what

    def given_up(self, request: HttpRequest, result: Answer | NoAnswer, failures: int) -> ServiceError:
        """Make the error of a request that was certainly not carried out, after so many failures."""
        tried = "" if failures == 1 else f" (tried {failures} times)"
        if isinstance(result, Answer):
            problem = Problem(
                self._description(result) + tried, "Try again later. Nothing was done.", where=request.where
            )
            return BadAnswer(problem, status=result.status, detail=self._detail(result))
        problem = Problem(result.what + tried, f"{result.fix} Nothing was done.", where=request.where)
        return Unreachable(problem) if result.status is None else BadAnswer(problem, status=result.status)

    def no_progress(self, request: HttpRequest, seconds: float) -> Unreachable:
        what = f"{self.host} has sent no usable answer for {seconds:.0f} s"
        fix = "Check the network and the server, or raise longest_wait_seconds in the settings. Nothing was done."
        return Unreachable(Problem(what, fix, where=request.where))

    def throttled(self, request: HttpRequest, throttles: int, wait_seconds: float) -> Throttled:
        times = "once" if throttles == 1 else f"{throttles} times"
        what = f"{self.host} answered {times} that there were too many calls (HTTP 429); wait {wait_seconds:.0f} s"
        fix = "Run the command again later, or lower calls_per_minute in the settings. Nothing was done."
        return Throttled(Problem(what, fix, where=request.where), status=429)

    def rejected(self, request: HttpRequest, answer: Answer) -> Rejected:
        what = self._with_detail(f"{self.host} refused the request (HTTP {answer.status})", answer)
        fix = "Correct what the message names. Nothing was done."
        return Rejected(Problem(what, fix, where=request.where), status=answer.status, detail=self._detail(answer))

    def unauthorised(self, request: HttpRequest, answer: Answer) -> Unauthorised:
        what = self._with_detail(f"{self.host} refused the session (HTTP {answer.status})", answer)
        fix = "Ask OneFile whether this customer token may make this request. Nothing was done."
        return Unauthorised(Problem(what, fix, where=request.where), status=answer.status, detail=self._detail(answer))

    def log_in_refused(self, request: HttpRequest, answer: Answer) -> Unauthorised:
        """Make the error of any 4xx: a 404 means a wrong address here, not a learner who does not exist."""
        what = self._with_detail(f"{self._base_url} refused the log-in (HTTP {answer.status})", answer)
        fix = "Check ONEFILE_CUSTOMER_TOKEN, and that this is the server that it was issued for. Nothing was done."
        problem = Problem(what, fix, where=request.where, needs_person=True)
        return Unauthorised(problem, status=answer.status, detail=self._detail(answer))

    def not_a_session(self, request: HttpRequest, answer: Answer) -> BadAnswer:
        is_unusable = answer.status != 200 or answer.is_page
        what = self._description(answer) if is_unusable else f"{self.host} sent nothing that can be a session token"
        return BadAnswer(Problem(f"log-in: {what}", _CHECK_URL, where=request.where), status=answer.status)

    def unusable_answer(self, request: HttpRequest, answer: Answer) -> BadAnswer:
        """Make the error of a read that was answered with a status that promises no result."""
        return BadAnswer(Problem(self._description(answer), _CHECK_URL, where=request.where), status=answer.status)

    def not_json(self, request: HttpRequest, answer: Answer) -> BadAnswer:
        what = f"{self.host} answered with {'a web page' if answer.is_page else 'something that is not JSON'}"
        return BadAnswer(Problem(what, _CHECK_URL, where=request.where), status=answer.status)

    def _description(self, answer: Answer) -> str:
        """Describe an answer that is neither a result nor a refusal.

        Only the body of an error is quoted: any other may contain people's data or a session token.
        """
        if 300 <= answer.status < 400:
            place = self._redirect_host(answer)
            return f"{self.host} redirected to {place} (HTTP {answer.status}), which is not followed"
        if answer.status < 300:
            return f"{self.host} answered with {'a web page' if answer.is_page else 'no result'} (HTTP {answer.status})"
        return self._with_detail(f"{self.host} answered HTTP {answer.status}", answer)

    def _redirect_host(self, answer: Answer) -> str:
        try:
            host = urlsplit(answer.location).hostname
        except ValueError:
            host = None
        return self.safe(host) if host else "another page of its own"

    def _with_detail(self, what: str, answer: Answer) -> str:
        detail = self._detail(answer)
        return f"{what}: {detail}" if detail else what

    def _detail(self, answer: Answer) -> str:
        """Return the words of the server's message that cannot be anybody's name."""
        return keep_known_words(self.safe(server_message(answer.body)))
