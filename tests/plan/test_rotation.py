"""Rotation: nobody waits longer than the days, and each day has its share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.slots import UserId
from reconciler.plan.rotation import to_read

START = datetime(2026, 11, 23, 6, tzinfo=UTC)


@given(
    learners=st.integers(1, 40),
    days=st.integers(2, 28),
    hours=st.lists(st.integers(-2, 2), min_size=40, max_size=40),
    joining=st.lists(st.integers(0, 50), max_size=5),
)
def test_everybody_is_read_within_the_days(learners: int, days: int, hours: list[int], joining: list[int]) -> None:
    """By a run each day, some hours early or late; whoever joins is read by the next run."""
    read_at: dict[UserId, datetime] = {}
    users = [UserId(number) for number in range(1, learners + 1)]
    for day, late in enumerate(hours):
        users += [UserId(1000 + place) for place, joins in enumerate(joining) if joins == day]
        now = START + timedelta(days=day, hours=late)
        chosen = to_read(users, read_at, now, days)
        read_at |= dict.fromkeys(chosen, now)
        assert read_at.keys() == set(users)
        tomorrow = START + timedelta(days=day + 1, hours=2)
        assert tomorrow - min(read_at.values()) <= timedelta(days=days, hours=4)


@given(learners=st.integers(1, 500), days=st.integers(2, 28))
def test_a_day_reads_its_share_and_no_more(learners: int, days: int) -> None:
    """After a first reading of everybody, also in the weeks after."""
    users = [UserId(number) for number in range(1, learners + 1)]
    read_at = dict.fromkeys(users, START)
    for day in range(1, 3 * days):
        now = START + timedelta(days=day)
        chosen = to_read(users, read_at, now, days)
        assert len(chosen) <= -(-learners // days)
        read_at |= dict.fromkeys(chosen, now)


def test_days_without_a_run_are_made_up_for() -> None:
    """The next run reads all who have waited too long."""
    users = [UserId(number) for number in range(70)]
    read_at = {user: START + timedelta(days=user // 10) for user in users}
    assert to_read(users, read_at, START + timedelta(days=20), 7) == set(users)
