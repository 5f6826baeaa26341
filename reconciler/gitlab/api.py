"""GitLab client: bounded, with retries for reads; writes are sent once, the token to one host only.

Redirects are not followed, nothing is logged, and every httpx exception is mapped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from reconciler.github.forge_client import LONGEST_PAUSE_SECONDS, TRIES, ForgeClient
from reconciler.gitlab.environment import TOKEN, PipelineEnvironment
from reconciler.problems import Problem, ReconcilerError

_AGAIN = "Run the job again. If the error persists, check GitLab's status."


class Refused(ReconcilerError):
    """An answer of GitLab that refuses the request, with its status."""

    def __init__(self, problem: Problem, status: int) -> None:
        super().__init__(problem)
        self.status = status


class GitLab(ForgeClient):
    """Client for one job; a context manager. Raises Refused for a refusal, else ReconcilerError."""

    def __init__(self, pipeline: PipelineEnvironment, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api_url, self._sleep = pipeline.api_url, sleep
        super().__init__({"PRIVATE-TOKEN": pipeline.token}, unreadable)

    def get(self, path: str) -> Any:
        return self._read(path)[0]

    def pages(self, path: str, *, most: int) -> list[Any]:
        """Return a whole list. One longer than `most` is an error: rows not read must not count as absent."""
        return self._whole_list(path, most, self._read)

    def send(self, method: str, path: str, body: Mapping[str, object]) -> Any:
        """Send a change once: if the answer is lost, it may or may not have been made."""
        try:
            answer, content = self._exchange(method, path, body)
        except httpx.HTTPError as error:
            what = "GitLab did not answer, so this may or may not have been done"
            raise ReconcilerError(Problem(what, _AGAIN, where=f"{method} {path}")) from error
        if not 200 <= answer.status_code < 300:
            raise _refused(method, path, answer.status_code, content)
        return self._decoded(path, content)

    def _read(self, path: str) -> tuple[Any, bool]:
        """Return the decoded answer, and whether another page follows it."""
        for tries in range(1, TRIES + 1):
            try:
                answer, content = self._exchange("GET", path, None)
            except httpx.HTTPError as error:
                if tries == TRIES:
                    raise ReconcilerError(Problem("GitLab did not answer", _AGAIN, where=f"GET {path}")) from error
                self._sleep(2.0 ** (tries - 1))
                continue
            if answer.status_code == 200:
                return self._decoded(path, content), "next" in answer.links
            after = answer.headers.get("retry-after", "")
            seconds = float(after) if after.isdecimal() and len(after) < 6 else 2.0 ** (tries - 1)
            is_passing = answer.status_code == 429 or answer.status_code >= 500
            if tries == TRIES or not is_passing or seconds > LONGEST_PAUSE_SECONDS:
                raise _refused("GET", path, answer.status_code, content)
            self._sleep(seconds)
        raise AssertionError("the last try returns or raises")

    def _exchange(self, method: str, path: str, body: object) -> tuple[httpx.Response, bytes]:
        return self._sent(self._http.build_request(method, self._api_url + path, json=body), path)


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
