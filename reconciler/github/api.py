"""GitHub client: bounded, with retries for reads; writes are sent once, the token to one host only.

Redirects are not followed with the token, nothing is logged, and every httpx exception is mapped. A request that GitHub
refuses for its rate limit was not carried out: it is sent again after the reset.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from reconciler.github.environment import WorkflowEnvironment, is_private
from reconciler.github.errors import limited, refused, unreachable, unreadable
from reconciler.github.forge_client import LONGEST_PAUSE_SECONDS, TRIES, ForgeClient

LONGEST_WAIT_SECONDS = 900.0
"""The most that one run waits for GitHub's rate limits, in all."""
_SECONDARY_LIMIT_SECONDS = 60.0  # GitHub asks for a minute if it names no time, and for longer each time after


class GitHub(ForgeClient):
    """Client for one workflow run; a context manager.

    `needs` is the permission that a request takes, such as `pull-requests: write`, named in the error if it is
    missing. Every method raises Refused for an answer that is a refusal, else ReconcilerError. `note` gets a sentence
    before each wait for a rate limit.
    """

    def __init__(
        self,
        workflow: WorkflowEnvironment,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._api_url = workflow.api_url
        self._graphql_url = workflow.graphql_url
        self._sleep, self._now, self._note = sleep, now, note
        self._waited, self._limits = 0.0, 0
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        super().__init__({"Authorization": f"Bearer {workflow.token}", **headers}, unreadable)

    def get(self, path: str, *, needs: str) -> Any:
        return self._read("GET", self._api_url + path, path, needs, None)[0]

    def check(self, path: str, *, needs: str) -> None:
        """Ask about something whose presence is the whole answer. Raises Refused if GitHub does not have it."""
        self._read("GET", self._api_url + path, path, needs, None)

    def pages(self, path: str, *, needs: str, most: int) -> list[Any]:
        """Return a whole list. One longer than `most` is an error: rows not read must not count as absent."""
        return self._whole_list(path, most, lambda page: self._read("GET", self._api_url + page, page, needs, None))

    def query(self, text: str, variables: Mapping[str, object], *, needs: str) -> Any:
        """Return the data of a GraphQL query, which reads only."""
        return self._data(self._read("POST", self._graphql_url, "/graphql", needs, _body(text, variables))[0])

    def mutate(self, text: str, variables: Mapping[str, object], *, needs: str) -> Any:
        """Return the data of a GraphQL mutation, sent once."""
        return self._data(self._write("POST", self._graphql_url, "/graphql", needs, _body(text, variables)))

    def send(self, method: str, path: str, body: Mapping[str, object], *, needs: str) -> Any:
        """Send a change once: if the answer is lost, it may or may not have been made."""
        return self._write(method, self._api_url + path, path, needs, body)

    def download(self, path: str, *, needs: str) -> bytes:
        """Return a file that GitHub keeps elsewhere; the token is not sent to that place."""
        answer, content = self._within_limits("GET", self._api_url + path, path, None)
        if answer.status_code not in (302, 307) or not (place := answer.headers.get("location", "")):
            raise refused(f"GET {path}", needs, answer.status_code, content)
        if not is_private(place):
            raise unreadable(path, "the file's address is not encrypted")
        try:
            answer, content = self._exchange("GET", place, path, None, with_token=False)
        except httpx.HTTPError as error:
            raise unreachable(path, may_be_done=False) from error
        if answer.status_code != 200:
            raise refused(f"GET {path}", needs, answer.status_code, b"")
        return content

    # ------------------------------------------------------------------ one exchange

    def _data(self, answer: Any) -> Any:
        """Return the data of a GraphQL answer, which is 200 even with errors; any error makes it unusable."""
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise unreadable("/graphql", _first_error(answer) or "it holds no data")
        if answer.get("errors"):
            raise unreadable("/graphql", _first_error(answer) or "it reports errors")
        return answer["data"]

    def _read(self, method: str, url: str, request: str, needs: str, body: object) -> tuple[Any, bool]:
        """Return the decoded answer, and whether another page follows it."""
        for tries in range(1, TRIES + 1):
            last = tries == TRIES
            try:
                answer, content = self._within_limits(method, url, request, body)
            except httpx.HTTPError as error:
                if last:
                    raise unreachable(request, may_be_done=False) from error
                self._sleep(2.0 ** (tries - 1))
                continue
            if answer.status_code == 204:
                return None, False
            if answer.status_code == 200:
                return self._decoded(request, content), "next" in answer.links
            seconds = _number(answer.headers.get("retry-after", "")) or 2.0 ** (tries - 1)
            if last or answer.status_code < 500 or seconds > LONGEST_PAUSE_SECONDS:
                raise refused(f"{method} {request}", needs, answer.status_code, content)
            self._sleep(seconds)
        raise AssertionError("the last try returns or raises")

    def _write(self, method: str, url: str, request: str, needs: str, body: Mapping[str, object]) -> Any:
        try:
            answer, content = self._within_limits(method, url, request, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise unreachable(request, may_be_done=False) from error
        except httpx.HTTPError as error:
            raise unreachable(request, may_be_done=True) from error
        if not 200 <= answer.status_code < 300:
            raise refused(f"{method} {request}", needs, answer.status_code, content)
        return self._decoded(request, content) if content else None

    def _within_limits(self, method: str, url: str, request: str, body: object) -> tuple[httpx.Response, bytes]:
        """Exchange, again after the reset if a rate limit refuses it; at most LONGEST_WAIT_SECONDS in all."""
        while True:
            answer, content = self._exchange(method, url, request, body)
            seconds = self._seconds_to_reset(answer, content)
            if seconds is None:
                return answer, content
            until = f"{datetime.fromtimestamp(self._now() + seconds, UTC):%H:%M:%S} UTC"
            if self._waited + seconds > LONGEST_WAIT_SECONDS:
                raise limited(f"{method} {request}", answer.status_code, until)
            self._note(f"GitHub's rate limit is reached; waiting until {until}.")
            self._sleep(seconds)
            self._waited += seconds

    def _seconds_to_reset(self, answer: httpx.Response, content: bytes) -> float | None:
        """Return the seconds until GitHub takes requests again; None if no rate limit refused this one."""
        if not _is_limited(answer, content):
            return None
        self._limits += 1
        after, reset = (_number(answer.headers.get(name, "")) for name in ("retry-after", "x-ratelimit-reset"))
        if after is not None:
            return max(1.0, after)
        if reset is not None and answer.headers.get("x-ratelimit-remaining") == "0":
            return max(1.0, reset + 1 - self._now())
        return _SECONDARY_LIMIT_SECONDS * 2.0 ** (self._limits - 1)

    def _exchange(
        self, method: str, url: str, request: str, body: object, *, with_token: bool = True
    ) -> tuple[httpx.Response, bytes]:
        sent = self._http.build_request(method, url, json=body)
        if not with_token:
            del sent.headers["Authorization"]
        return self._sent(sent, request)


def _body(text: str, variables: Mapping[str, object]) -> dict[str, object]:
    return {"query": text, "variables": dict(variables)}


def _is_limited(answer: httpx.Response, content: bytes) -> bool:
    """Return whether a rate limit refused the request; GraphQL says so in an answer of status 200."""
    if answer.status_code == 200:
        return b'"RATE_LIMITED"' in content and _error_type(content) == "RATE_LIMITED"
    if answer.status_code not in (403, 429):
        return False
    headers = answer.headers
    named = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return named or answer.status_code == 429 or b"rate limit" in content.lower()


def _error_type(content: bytes) -> str:
    try:
        return str(json.loads(content)["errors"][0]["type"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""


def _number(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 12 else None


def _first_error(answer: Any) -> str:
    try:
        message = str(answer["errors"][0]["message"])
    except (KeyError, IndexError, TypeError):
        return ""
    return "".join(letter for letter in message if letter.isprintable())[:200]
