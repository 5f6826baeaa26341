"""A conversation with GitHub: bounded, reads repeated where that helps, writes sent once, the token to one host only.

Redirects are not followed, nothing is logged, and no exception of httpx leaves.
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

# At DEBUG httpcore logs headers, the token's among them.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True


class GitHub:
    """Speaks for one workflow run; a context manager.

    `needs`, with each request, is the permission that it takes, such as `pull-requests: write`, to be told where it
    lacks. Every method raises Refused for an answer that is a refusal, else ReconcilerError.
    """

    def __init__(self, surroundings: WorkflowEnvironment, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api_url = surroundings.api_url
        self._graphql_url = surroundings.graphql_url
        self._sleep = sleep
        self._http = httpx.Client(
            headers={
                "Authorization": f"Bearer {surroundings.token}",
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
        """A whole list. One longer than `most` is an error: what is not seen must not count as absent."""
        found: list[Any] = []
        for page in range(1, most // PAGE + 2):
            asked = f"{path}?per_page={PAGE}&page={page}"
            rows, more = self._read("GET", self._api_url + asked, asked, needs, None)
            if not isinstance(rows, list):
                raise unreadable(asked, "it is not a list")
            found += rows
            if not more:
                return found
        raise unreadable(path, f"there are more than {most}")

    def query(self, text: str, variables: Mapping[str, object], *, needs: str) -> Any:
        """The data of a GraphQL query, which reads only."""
        return self._data(self._read("POST", self._graphql_url, "/graphql", needs, _ask(text, variables))[0])

    def mutate(self, text: str, variables: Mapping[str, object], *, needs: str) -> Any:
        """The data of a GraphQL mutation, sent once."""
        return self._data(self._write("POST", self._graphql_url, "/graphql", needs, _ask(text, variables)))

    def send(self, method: str, path: str, body: Mapping[str, object], *, needs: str) -> Any:
        """Ask for a change, once: after an answer that was lost it may or may not have been done."""
        return self._write(method, self._api_url + path, path, needs, body)

    # ------------------------------------------------------------------ one exchange

    def _data(self, answer: Any) -> Any:
        """GraphQL answers 200 with errors beside data. Either may be part of a whole: any error ends it."""
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise unreadable("/graphql", _first_error(answer) or "it holds no data")
        if answer.get("errors"):
            raise unreadable("/graphql", _first_error(answer) or "it tells of errors")
        return answer["data"]

    def _read(self, method: str, url: str, asked: str, needs: str, body: object) -> tuple[Any, bool]:
        """The decoded answer, and whether another page follows it."""
        for tried in range(1, _TRIES + 1):
            last = tried == _TRIES
            try:
                answer, content = self._exchange(method, url, asked, body)
            except httpx.HTTPError as error:
                if last:
                    raise unreachable(asked, may_be_done=False) from error
                self._sleep(2.0 ** (tried - 1))
                continue
            if answer.status_code == 200:
                return _decoded(asked, content), "next" in answer.links
            wait_seconds = _worth_waiting(answer, tried)
            if last or wait_seconds is None:
                raise refused(f"{method} {asked}", needs, answer.status_code, content)
            self._sleep(wait_seconds)
        raise AssertionError("the last try returns or raises")

    def _write(self, method: str, url: str, asked: str, needs: str, body: Mapping[str, object]) -> Any:
        try:
            answer, content = self._exchange(method, url, asked, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise unreachable(asked, may_be_done=False) from error
        except httpx.HTTPError as error:
            raise unreachable(asked, may_be_done=True) from error
        if not 200 <= answer.status_code < 300:
            raise refused(f"{method} {asked}", needs, answer.status_code, content)
        return _decoded(asked, content) if content else None

    def _exchange(self, method: str, url: str, asked: str, body: object) -> tuple[httpx.Response, bytes]:
        content = b""
        with self._http.stream(method, url, json=body) as answer:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise unreadable(asked, "it is far larger than such answers are")
        return answer, content


def _ask(text: str, variables: Mapping[str, object]) -> dict[str, object]:
    return {"query": text, "variables": dict(variables)}


def _decoded(asked: str, content: bytes) -> Any:
    try:
        return json.loads(content, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise unreadable(asked, "it is not JSON") from error


def _finite(text: str) -> float:
    """Raises ValueError for a number too large to be one: it would be infinite, and no count of anything."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _worth_waiting(answer: httpx.Response, tried: int) -> float | None:
    """Seconds to wait before the same read may do better, or None."""
    told = answer.headers.get("retry-after", "")
    seconds = float(told) if told.isdecimal() and len(told) < 7 else None
    throttled = answer.status_code == 429 or (answer.status_code == 403 and seconds is not None)
    if not throttled and answer.status_code < 500:
        return None
    wait_seconds = 2.0 ** (tried - 1) if seconds is None else seconds
    return wait_seconds if wait_seconds <= _LONGEST_WAIT_SECONDS else None


def _first_error(answer: Any) -> str:
    try:
        said = str(answer["errors"][0]["message"])
    except (KeyError, IndexError, TypeError):
        return ""
    return "".join(one for one in said if one.isprintable())[:200]
