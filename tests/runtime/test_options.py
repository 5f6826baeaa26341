"""Laws of the day that a command is for: London's, whatever the machine's, on the nights of the clocks too."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from onefile_sandbox.clock import VirtualClock
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2027-01-31T23:59:59Z", date(2027, 1, 31)),
        ("2027-02-01T00:00:00Z", date(2027, 2, 1)),
        ("2027-03-27T23:59:00Z", date(2027, 3, 27)),
        ("2027-03-28T00:59:00Z", date(2027, 3, 28)),  # the clocks go forward at one
        ("2027-03-28T22:59:00Z", date(2027, 3, 28)),
        ("2027-03-28T23:00:00Z", date(2027, 3, 29)),
        ("2027-06-30T23:30:00Z", date(2027, 7, 1)),
        ("2027-10-30T22:59:00Z", date(2027, 10, 30)),
        ("2027-10-30T23:00:00Z", date(2027, 10, 31)),
        ("2027-10-31T23:30:00Z", date(2027, 10, 31)),  # they went back: this day has 25 hours
        ("2027-11-01T00:00:00Z", date(2027, 11, 1)),
    ],
)
def test_the_day_is_londons(instant: str, day: date) -> None:
    """In summer London's midnight is eleven at night in UTC, in winter it is midnight."""
    assert Environment(clock=VirtualClock(datetime.fromisoformat(instant))).today() == day


def test_a_day_that_is_asked_for_wins() -> None:
    """`--at` is a day, and has no hour."""
    clock = VirtualClock(datetime(2027, 6, 30, 23, 30, tzinfo=UTC))
    assert Options(at=date(2027, 1, 1)).day(Environment(clock=clock).today()) == date(2027, 1, 1)
