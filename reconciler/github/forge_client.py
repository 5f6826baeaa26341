"""Client of a forge's API, as GitHub's and GitLab's share it: opening, closing, bounded exchanges, the walk over pages.

Redirects are not followed with the token, and nothing is logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from math import isfinite
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler import __version__
from reconciler.problems import ReconcilerError

PAGE = 100  # the most that either forge gives at once
TRIES = 4
LONGEST_PAUSE_SECONDS = 60.0
"""The longest pause before a read is tried again."""
_LARGEST_ANSWER_BYTES = 20_000_000

# At DEBUG httpcore logs headers, including the token.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True

Unreadable = Callable[[str, str], ReconcilerError]
"""Makes the error for an answer that cannot be used, from the request and the reason."""


class ForgeClient:
    """Client for one job; a context manager. `headers` have the token."""

    def __init__(self, headers: Mapping[str, str], unreadable: Unreadable) -> None:
        self._unreadable = unreadable
        self._http = httpx.Client(
            headers={**headers, "User-Agent": f"onefile-reconciler/{__version__}"},
            timeout=30.0,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def _whole_list(self, path: str, most: int, read: Callable[[str], tuple[Any, bool]]) -> list[Any]:
        """Return a whole list; `read` returns one page, and whether another follows it.

        One longer than `most` is an error: rows not read must not count as absent.
        """
        listed: list[Any] = []
        for page in range(1, most // PAGE + 2):
            request = f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={page}"
            rows, more = read(request)
            if not isinstance(rows, list):
                raise self._unreadable(request, "it is not a list")
            listed += rows
            if not more:
                return listed
        raise self._unreadable(path, f"there are more than {most} rows")

    def _sent(self, request: httpx.Request, name: str) -> tuple[httpx.Response, bytes]:
        """Send a request once; return the answer with its content. Raises the error for one that is too large."""
        content = b""
        with closing(self._http.send(request, stream=True)) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise self._unreadable(name, "it is too large")
        return answer, content

    def _decoded(self, request: str, content: bytes) -> Any:
        try:
            return json.loads(content, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(request, "it is not JSON") from error


def _finite(text: str) -> float:
    """Parse a number. Raises ValueError for one that is too large, which would be infinite."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number
