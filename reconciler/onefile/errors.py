"""What a request met, and the error that a user is told of it: no network here, and no text that was not made safe."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from reconciler.model.structs import RedactedRepr, Struct
from reconciler.onefile.redaction import impersonal, printable, said
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

_BETWEEN = "nothing was done; check the base URL, and whether a proxy or a log-in page stands between"


class Ask(Struct, frozen=True):
    """One request. `repeatable`: sending it twice does no harm; `when`: asked right before each sending."""

    method: str
    path: str
    content: bytes | None
    repeatable: bool
    when: Callable[[], bool] = lambda: True

    @property
    def where(self) -> str:
        return f"{self.method} {self.path}"


class Answer(RedactedRepr, Struct, frozen=True):
    """A status and what came with it. The body is whole for a 200 to a repeatable request, else only its beginning."""

    hidden = ("body", "location")

    status: int
    body: bytes = b""
    content_type: str = ""
    retry_after: str | None = None
    location: str = ""

    @property
    def is_page(self) -> bool:
        """HTML with something in it: written for a browser, so not by the API."""
        body = self.body.strip()
        return body.startswith(b"<") or (bool(body) and "html" in self.content_type.lower())


class NoAnswer(Struct, frozen=True):
    """What happened instead. `sent` False: the request certainly never left; `status` where an answer had begun."""

    what: str
    fix: str
    sent: bool
    status: int | None = None
    try_again: bool = True


class Faults:
    """Errors about one server. `hide` takes our own secrets out of a text."""

    def __init__(self, base_url: str, hide: Callable[[str], str]) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._hide = hide

    def safe(self, text: str) -> str:
        """A foreign text without secrets, without people's data, short."""
        return printable(self._hide(text))

    def lost(self, ask: Ask, met: Answer | NoAnswer) -> AnswerLost:
        what = self._oddness(met) if isinstance(met, Answer) else met.what
        fix = "it may or may not have been done: look before it is asked for again"
        return AnswerLost(Problem(f"sent, but {what}", fix, where=ask.where), status=met.status)

    def given_up(self, ask: Ask, met: Answer | NoAnswer, failures: int) -> ServiceError:
        """For what was certainly not done, however often it was tried."""
        tried = "" if failures == 1 else f" (tried {failures} times)"
        if isinstance(met, Answer):
            problem = Problem(self._oddness(met) + tried, "nothing was done; try again later", where=ask.where)
            return BadAnswer(problem, status=met.status, detail=self._detail(met))
        problem = Problem(met.what + tried, f"nothing was done; {met.fix}", where=ask.where)
        return Unreachable(problem) if met.status is None else BadAnswer(problem, status=met.status)

    def throttled(self, ask: Ask, throttles: int, wait_seconds: float) -> Throttled:
        times = "once" if throttles == 1 else f"{throttles} times"
        what = f"{self._host} answered {times} that there were too many calls (HTTP 429); wait {wait_seconds:.0f} s"
        fix = "nothing was done; run again later, or lower calls_per_minute in the settings"
        return Throttled(Problem(what, fix, where=ask.where), status=429)

    def rejected(self, ask: Ask, answer: Answer) -> Rejected:
        what = self._with_detail(f"{self._host} refused the request (HTTP {answer.status})", answer)
        fix = "nothing was done; correct what the message names"
        return Rejected(Problem(what, fix, where=ask.where), status=answer.status, detail=self._detail(answer))

    def unauthorised(self, ask: Ask, answer: Answer) -> Unauthorised:
        what = self._with_detail(f"{self._host} refused the session (HTTP {answer.status})", answer)
        fix = "nothing was done; ask OneFile whether this customer token may make this request"
        return Unauthorised(Problem(what, fix, where=ask.where), status=answer.status, detail=self._detail(answer))

    def log_in_refused(self, ask: Ask, answer: Answer) -> Unauthorised:
        """For any 4xx: a 404 here means a wrong address, and must not be taken for a learner who does not exist."""
        what = self._with_detail(f"{self._base_url} refused the log-in (HTTP {answer.status})", answer)
        fix = "nothing was done; check ONEFILE_CUSTOMER_TOKEN, and that this is the server it was issued for"
        return Unauthorised(Problem(what, fix, where=ask.where), status=answer.status, detail=self._detail(answer))

    def not_a_session(self, ask: Ask, answer: Answer) -> BadAnswer:
        odd = answer.status != 200 or answer.is_page
        what = self._oddness(answer) if odd else f"{self._host} sent nothing that can be a session token"
        return BadAnswer(Problem(f"log-in: {what}", _BETWEEN, where=ask.where), status=answer.status)

    def not_a_reading(self, ask: Ask, answer: Answer) -> BadAnswer:
        """For a read answered with a status that promises no result."""
        return BadAnswer(Problem(self._oddness(answer), _BETWEEN, where=ask.where), status=answer.status)

    def not_json(self, ask: Ask, answer: Answer) -> BadAnswer:
        what = f"{self._host} answered with {'a web page' if answer.is_page else 'something that is not JSON'}"
        return BadAnswer(Problem(what, _BETWEEN, where=ask.where), status=answer.status)

    def _oddness(self, answer: Answer) -> str:
        """What is wrong with an answer that is neither what was asked for nor a refusal. The body is only quoted where
        it is an error's: elsewhere it may hold people's data or a session token."""
        if 300 <= answer.status < 400:
            return (
                f"{self._host} redirected to {self._pointed_to(answer)} (HTTP {answer.status}), which is not followed"
            )
        if answer.status < 300:
            return (
                f"{self._host} answered with {'a web page' if answer.is_page else 'no result'} (HTTP {answer.status})"
            )
        return self._with_detail(f"{self._host} answered HTTP {answer.status}", answer)

    def _pointed_to(self, answer: Answer) -> str:
        try:
            host = urlsplit(answer.location).hostname
        except ValueError:
            host = None
        return self.safe(host) if host else "another place of its own"

    def _with_detail(self, what: str, answer: Answer) -> str:
        detail = self._detail(answer)
        return f"{what}: {detail}" if detail else what

    def _detail(self, answer: Answer) -> str:
        """The server's own words, as far as they are known to speak of nobody."""
        return impersonal(self.safe(said(answer.body)))
