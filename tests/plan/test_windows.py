"""Windows without writes: hours and days in UK time, past midnight and through the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import WEEKDAYS, Window
from reconciler.plan.windows import LONDON, window_at, window_ends, window_words, writable_from

MORNING = Window(time(7), time(7, 30), WEEKDAYS[:5])
NIGHT = Window(time(22), time(6))
VISIT = Window(first=date(2027, 1, 4), last=date(2027, 1, 8), reason="EQA visit")
hours = st.times().map(lambda value: value.replace(second=0, microsecond=0))
windows = st.one_of(
    st.builds(
        Window, hours, hours, st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda days: tuple(sorted(days)))
    ),
    st.dates(date(2026, 1, 1), date(2027, 12, 1)).map(lambda day: Window(first=day, last=day + timedelta(days=3))),
)
moments = st.integers(0, 1_000_000).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("moment", "window", "end"),
    [
        ("2027-01-04T07:00", MORNING, "2027-01-04T07:30"),
        ("2027-01-04T07:30", MORNING, None),
        ("2027-01-03T07:10", MORNING, None),
        ("2027-01-04T23:00", NIGHT, "2027-01-05T06:00"),
        ("2027-01-05T05:59", NIGHT, "2027-01-05T06:00"),
        ("2027-01-08T23:59", VISIT, "2027-01-09T00:00"),
        ("2027-01-09T00:00", VISIT, None),
        ("2027-03-28T01:30", NIGHT, "2027-03-28T06:00"),
    ],
)
def test_a_window_holds_until_its_end(moment: str, window: Window, end: str | None) -> None:
    """The end of hours is excluded, the last day is included."""
    ends = window_ends(window, datetime.fromisoformat(moment).replace(tzinfo=LONDON))
    assert ends == (datetime.fromisoformat(end).replace(tzinfo=LONDON) if end else None)


@given(st.lists(windows, max_size=3), moments)
def test_nothing_holds_at_the_first_writable_moment(listed: list[Window], moment: datetime) -> None:
    """It never comes before now, and it is now if no window holds; only windows without a gap have none."""
    first = writable_from(listed, moment)
    assert first >= moment
    assert (first == moment) == (window_at(listed, moment) is None)


def test_a_window_is_named_as_it_is_written() -> None:
    """With its reason, so that who waits knows what for."""
    assert window_words(MORNING) == "07:00-07:30 on mon, tue, wed, thu, fri"
    assert window_words(VISIT) == "2027-01-04..2027-01-08 (EQA visit)"
