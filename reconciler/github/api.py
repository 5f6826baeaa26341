"""GitHub client: bounded, with retries for reads; writes are sent once, the token to one host only.

Redirects are not followed, nothing is logged, and every httpx exception is mapped.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from math import isfinite
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler import __version__
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import refused, unreachable, unreadable

PAGE = 100  # the most that GitHub gives at once
_TRIES = 4
_LONGEST_WAIT_SECONDS = 60.0
_LARGEST_ANSWER_BYTES = 20_000_000

# At DEBUG httpcore logs headers, including the token.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True


class GitHub:
    """Client for one workflow run; a context manager.

    `needs` is the permission that a request takes, such as `pull-requests: write`, named in the error if it is
    missing. Every method raises Refused for an answer that is a refusal, else ReconcilerError.
    """

    def __init__(self, workflow: WorkflowEnvironment, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api_url = workflow.api_url
        self._graphql_url = workflow.graphql_url
        self._sleep = sleep
        self._http = httpx.Client(
            headers={
                "Authorization": f"Bearer {workflow.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": f"onefile-reconciler/{__version__}",
            },
            timeout=30.0,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, *, needs: str) -> Any:
        return self._read("GET", self._api_url + path, path, needs, None)[0]

    def pages(self, path: str, *, needs: str, most: int) -> list[Any]:
        """Return a whole list. One longer than `most` is an error: rows not read must not count as absent."""
        listed: list[Any] = []
        for page in range(1, most // PAGE + 2):
            request = f"{path}?per_page={PAGE}&page={page}"
            rows, more = self._read("GET", self._api_url + request, request, needs, None)
            if not isinstance(rows, list):
                raise unreadable(request, "it is not a list")
            listed += rows
            if not more:
                return listed
        raise unreadable(path, f"there are more than {most}")

    def query(self, text: str, variables: Mapping[str, object], *, needs: str) -> Any:
        """Return the data of a GraphQL query, which reads only."""
        return self._data(self._read("POST", self._graphql_url, "/graphql", needs, _body(text, variables))[0])

    def mutate(self, text: str, variables: Mapping[str, object], *, needs: str) -> Any:
        """Return the data of a GraphQL mutation, sent once."""
        return self._data(self._write("POST", self._graphql_url, "/graphql", needs, _body(text, variables)))

    def send(self, method: str, path: str, body: Mapping[str, object], *, needs: str) -> Any:
        """Send a change once: if the answer is lost, it may or may not have been made."""
        return self._write(method, self._api_url + path, path, needs, body)

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
        for tries in range(1, _TRIES + 1):
            last = tries == _TRIES
            try:
                answer, content = self._exchange(method, url, request, body)
            except httpx.HTTPError as error:
                if last:
                    raise unreachable(request, may_be_done=False) from error
                self._sleep(2.0 ** (tries - 1))
                continue
            if answer.status_code == 200:
                return _decoded(request, content), "next" in answer.links
            wait_seconds = _retry_delay(answer, tries)
            if last or wait_seconds is None:
                raise refused(f"{method} {request}", needs, answer.status_code, content)
            self._sleep(wait_seconds)
        raise AssertionError("the last try returns or raises")

    def _write(self, method: str, url: str, request: str, needs: str, body: Mapping[str, object]) -> Any:
        try:
            answer, content = self._exchange(method, url, request, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise unreachable(request, may_be_done=False) from error
        except httpx.HTTPError as error:
            raise unreachable(request, may_be_done=True) from error
        if not 200 <= answer.status_code < 300:
            raise refused(f"{method} {request}", needs, answer.status_code, content)
        return _decoded(request, content) if content else None

    def _exchange(self, method: str, url: str, request: str, body: object) -> tuple[httpx.Response, bytes]:
        content = b""
        with self._http.stream(method, url, json=body) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise unreadable(request, "it is too large")
        return answer, content


def _body(text: str, variables: Mapping[str, object]) -> dict[str, object]:
    return {"query": text, "variables": dict(variables)}


def _decoded(request: str, content: bytes) -> Any:
    try:
        return json.loads(content, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise unreadable(request, "it is not JSON") from error


def _finite(text: str) -> float:
    """Parse a number. Raises ValueError for one that is too large, which would be infinite."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _retry_delay(answer: httpx.Response, tries: int) -> float | None:
    """Return the seconds to wait before the read is retried, or None if a retry is of no use."""
    retry_after = answer.headers.get("retry-after", "")
    seconds = float(retry_after) if retry_after.isdecimal() and len(retry_after) < 7 else None
    throttled = answer.status_code == 429 or (answer.status_code == 403 and seconds is not None)
    if not throttled and answer.status_code < 500:
        return None
    wait_seconds = 2.0 ** (tries - 1) if seconds is None else seconds
    return wait_seconds if wait_seconds <= _LONGEST_WAIT_SECONDS else None


def _first_error(answer: Any) -> str:
    try:
        message = str(answer["errors"][0]["message"])
    except (KeyError, IndexError, TypeError):
        return ""
    return "".join(letter for letter in message if letter.isprintable())[:200]
