"""Retry policy: backoff, bounds, and Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reconciler.model.structs import Struct
from reconciler.ratelimit import LONGEST_PAUSE_SECONDS, WINDOW_SECONDS


class Backoff(Struct, frozen=True):
    """Bounds of one call: the number of tries, the total time, and the number and length of pauses after a 429.

    Waits are first_wait_seconds, then twice that, and so on: no jitter, because the rate limit already keeps callers
    apart. `total_seconds` counts the exchanges and the waits between them, not the time spent queueing for the rate
    limit.
    """

    tries: int = 5
    first_wait_seconds: float = 1.0
    total_seconds: float = 240.0
    throttles: int = 5
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS


class RetryState:
    """Retry state of one call."""

    def __init__(self, policy: Backoff) -> None:
        self._policy = policy
        self.failures = 0
        self.throttles = 0
        self.spent_seconds = 0.0

    def after_failure(self, took_seconds: float) -> float | None:
        """Return the seconds to wait after an exchange that took so long and failed; None: give up."""
        wait_seconds = self._policy.first_wait_seconds * 2.0**self.failures
        self.failures += 1
        self.spent_seconds += took_seconds + wait_seconds
        if self.failures >= self._policy.tries or self.spent_seconds > self._policy.total_seconds:
            return None
        return wait_seconds

    def after_throttle(self, pause: float) -> bool:
        """Decide if the call waits for that pause and tries again after one more 429."""
        self.throttles += 1
        return self.throttles < self._policy.throttles and pause <= self._policy.longest_pause_seconds


def pause_seconds(retry_after: str | None, now: datetime) -> float:
    """Return the pause that a 429 asks for: its Retry-After (whole seconds, or an HTTP date).

    There is no upper bound, because a call that is sent too early gets the next 429. A value that is missing,
    unreadable or in the past means one minute.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return max(1.0, float(text[:12]))
    try:
        when = parsedate_to_datetime(text)
        left = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return WINDOW_SECONDS
    return max(1.0, left) if left > 0 else WINDOW_SECONDS
