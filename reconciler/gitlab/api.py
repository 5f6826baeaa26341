"""GitLab client: bounded, with retries for reads; writes are sent once, the token to one host only.

Redirects are not followed, nothing is logged, and every httpx exception is mapped.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler import __version__
from reconciler.gitlab.environment import TOKEN, PipelineEnvironment
from reconciler.problems import Problem, ReconcilerError

PAGE = 100  # the most that GitLab gives at once
_TRIES = 4
_LONGEST_PAUSE_SECONDS = 60.0
_LARGEST_ANSWER_BYTES = 20_000_000
_AGAIN = "Run the job again. If the error persists, check GitLab's status."

# At DEBUG httpcore logs headers, including the token.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True


class Refused(ReconcilerError):
    """An answer of GitLab that refuses the request, with its status."""

    def __init__(self, problem: Problem, status: int) -> None:
        super().__init__(problem)
        self.status = status


class GitLab:
    """Client for one job; a context manager. Raises Refused for a refusal, else ReconcilerError."""

    def __init__(self, pipeline: PipelineEnvironment, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api_url, self._sleep = pipeline.api_url, sleep
        self._http = httpx.Client(
            headers={"PRIVATE-TOKEN": pipeline.token, "User-Agent": f"onefile-reconciler/{__version__}"},
            timeout=30.0,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        return self._read(path)[0]

    def pages(self, path: str, *, most: int) -> list[Any]:
        """Return a whole list. One longer than `most` is an error: rows not read must not count as absent."""
        listed: list[Any] = []
        for page in range(1, most // PAGE + 2):
            rows, more = self._read(f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={page}")
            if not isinstance(rows, list):
                raise unreadable(path, "it is not a list")
            listed += rows
            if not more:
                return listed
        raise unreadable(path, f"there are more than {most} rows")

    def send(self, method: str, path: str, body: Mapping[str, object]) -> Any:
        """Send a change once: if the answer is lost, it may or may not have been made."""
        try:
            answer, content = self._exchange(method, path, body)
        except httpx.HTTPError as error:
            what = "GitLab did not answer, so this may or may not have been done"
            raise ReconcilerError(Problem(what, _AGAIN, where=f"{method} {path}")) from error
        if not 200 <= answer.status_code < 300:
            raise _refused(method, path, answer.status_code, content)
        return _decoded(path, content)

    def _read(self, path: str) -> tuple[Any, bool]:
        """Return the decoded answer, and whether another page follows it."""
        for tries in range(1, _TRIES + 1):
            try:
                answer, content = self._exchange("GET", path, None)
            except httpx.HTTPError as error:
                if tries == _TRIES:
                    raise ReconcilerError(Problem("GitLab did not answer", _AGAIN, where=f"GET {path}")) from error
                self._sleep(2.0 ** (tries - 1))
                continue
            if answer.status_code == 200:
                return _decoded(path, content), "next" in answer.links
            after = answer.headers.get("retry-after", "")
            seconds = float(after) if after.isdecimal() and len(after) < 6 else 2.0 ** (tries - 1)
            is_passing = answer.status_code == 429 or answer.status_code >= 500
            if tries == _TRIES or not is_passing or seconds > _LONGEST_PAUSE_SECONDS:
                raise _refused("GET", path, answer.status_code, content)
            self._sleep(seconds)
        raise AssertionError("the last try returns or raises")

    def _exchange(self, method: str, path: str, body: object) -> tuple[httpx.Response, bytes]:
        content = b""
        with closing(
            self._http.send(self._http.build_request(method, self._api_url + path, json=body), stream=True)
        ) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise unreadable(path, "it is too large")
        return answer, content


def unreadable(request: str, why: str) -> ReconcilerError:
    """Report an answer that lacks what GitLab promises. Nothing may be concluded from it."""
    return ReconcilerError(Problem(f"GitLab's answer cannot be used: {why}", _AGAIN, where=request))


def text_of(row: Any, request: str, name: str) -> str:
    """Return a text of an answer."""
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise unreadable(request, f"it shows no {name}")
    return value


def _refused(method: str, path: str, status: int, content: bytes) -> Refused:
    message, fix = _message(content), _AGAIN
    if status in (401, 403):
        what = "GitLab does not accept the token" if status == 401 else f"the token may not do this{message}"
        fix = f"Set {TOKEN} to a project access token with the role Developer and the scope `api` that has not expired."
    elif status == 404:
        what = "GitLab does not have this, or does not show it to this token"
        fix = f"Check that {TOKEN} is a token of this project."
    else:
        what = f"GitLab answered {status}{message}"
    return Refused(Problem(what, fix, where=f"{method} {path}"), status)


def _message(content: bytes) -> str:
    try:
        answer = json.loads(content)
        text = str(answer.get("message") or answer.get("error") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    text = "".join(letter for letter in text if letter.isprintable())[:200]
    return f": {text}" if text else ""


def _decoded(request: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise unreadable(request, "it is not JSON") from error
