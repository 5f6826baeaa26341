"""When to ask again: delays, bounds and Retry-After, in one place."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reconciler.model.structs import Struct

MINUTE = 60.0


class Backoff(Struct, frozen=True):
    """Bounds of one call: how often it is tried, over how long, and how much throttling it puts up with.

    Waits are first_wait_seconds, then twice that, and so on: no jitter, since the budget already keeps callers apart.
    `total_seconds` counts the exchanges and the waits between them, not the time spent queueing for the budget.
    """

    tries: int = 5
    first_wait_seconds: float = 1.0
    total_seconds: float = 240.0
    throttles: int = 5
    longest_pause_seconds: float = 900.0


class Patience:
    """What is left of a Backoff during one call."""

    def __init__(self, policy: Backoff) -> None:
        self._policy = policy
        self.failures = 0
        self.throttles = 0
        self.spent_seconds = 0.0

    def after_failure(self, took_seconds: float) -> float | None:
        """Seconds to wait before trying again after an exchange that took so long and failed; None: give up."""
        wait_seconds = self._policy.first_wait_seconds * 2.0**self.failures
        self.failures += 1
        self.spent_seconds += took_seconds + wait_seconds
        if self.failures >= self._policy.tries or self.spent_seconds > self._policy.total_seconds:
            return None
        return wait_seconds

    def after_throttle(self, pause: float) -> bool:
        """Whether to wait out that pause and try again after one more 429."""
        self.throttles += 1
        return self.throttles < self._policy.throttles and pause <= self._policy.longest_pause_seconds


def pause_seconds(retry_after: str | None, now: datetime) -> float:
    """How long a 429 asks everybody to wait: its Retry-After (whole seconds, or an HTTP date), obeyed uncapped,
    because asking too early only earns the next 429. One that is missing, unreadable or past means the minute."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return max(1.0, float(text[:12]))
    try:
        when = parsedate_to_datetime(text)
        left = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return MINUTE
    return max(1.0, left) if left > 0 else MINUTE
