"""The waits and bounds of retries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.onefile.retry import Backoff, RetryState, pause_seconds
from tests.onefile.servers import START


def test_waits_double_until_the_tries_are_used_up() -> None:
    """Five tries have four waits between them, each twice the one before; the same every time."""
    state = RetryState(Backoff())
    assert [state.after_failure(0.3) for _ in range(6)] == [1, 2, 4, 8, None, None]


@given(st.lists(st.floats(0, 120), min_size=1, max_size=20), st.integers(1, 10))
def test_no_wait_passes_the_total(took: list[float], tries: int) -> None:
    """Whatever each try takes, no further wait is granted that would pass the total time or the tries."""
    policy = Backoff(tries=tries, total_seconds=200)
    state = RetryState(policy)
    spent, granted = 0.0, 0
    for seconds in took:
        wait_seconds = state.after_failure(seconds)
        if wait_seconds is None:
            break
        granted += 1
        spent += seconds + wait_seconds
    assert spent <= 200
    assert granted < tries


def test_throttles_are_counted_apart_from_failures() -> None:
    """Four 429s are put up with, the fifth is not; nor is one that asks for more than the longest pause."""
    state = RetryState(Backoff())
    assert [state.after_throttle(60) for _ in range(5)] == [True, True, True, True, False]
    assert not RetryState(Backoff()).after_throttle(901)
    assert state.after_failure(0) == 1


@given(st.text(max_size=40))
def test_no_retry_after_can_break_the_pause(text: str) -> None:
    """Any header at all means a finite pause of at least a second."""
    assert 1 <= pause_seconds(text, START) < 1e12


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), (" 120 ", 120), ("Mon, 23 Nov 2026 14:01:00 -0000", 60), ("Monday, 23-Nov-26 14:05:00 GMT", 300)],
)
def test_retry_after_is_read_in_its_several_forms(header: str, seconds: float) -> None:
    """Whole seconds, and dates as HTTP writes and wrote them."""
    assert pause_seconds(header, START) == seconds
    assert pause_seconds("Mon, 23 Nov 2026 14:01:00 GMT", START - timedelta(hours=1)) == 3660
