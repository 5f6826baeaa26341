"""Laws of charts: no number is lost, words say what the picture shows, and nothing leaves its field."""

from __future__ import annotations

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.html.bar_chart import Bar, age_chart, bar_chart
from reconciler.report.html.time_chart import Series, time_chart
from tests.pages_of_a_site import Parsed
from tests.report.html.test_html import HOSTILE

BARS = st.lists(
    st.builds(
        Bar, st.sampled_from(["this week", "from 30 Nov", *HOSTILE]), st.integers(0, 900), st.sampled_from(["", "high"])
    ),
    min_size=1,
    max_size=9,
)


@given(BARS, st.none() | st.integers(1, 900), st.none() | st.integers(1, 900))
def test_every_bar_is_inside_and_in_words(bars: list[Bar], target: int | None, maximum: int | None) -> None:
    """Bars and bounds keep to the picture; the text alternative has each number, and a label adds no element."""
    chart = str(bar_chart("bars", "Learners", bars, target=target, maximum=maximum))
    width, height = map(float, re.findall(r'viewBox="0 0 (\d+) (\d+)"', chart)[0])
    drawn = [
        (float(x) + float(long), float(y))
        for x, y, long in re.findall(r'<rect class="\w+" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', chart)
    ]
    drawn += [
        (float(x), float(y)) for x, y in re.findall(r'<line class="\w+" x1="([\d.]+)" x2="[\d.]+" y1="(\d+)"', chart)
    ]
    assert len(drawn) == len(bars) + len({target, maximum} - {None})
    assert all(0 <= x <= width - 100 and 0 <= y < height for x, y in drawn), "with room for what is written beside"
    assert chart.rfind("<line") < chart.index('class="number"'), "no line crosses what is written"
    page = Parsed(chart)
    assert [page.text.count(f": {bar.number}") > 0 for bar in bars] == [True] * len(bars)
    assert {*page.tags} <= {"svg", "title", "desc", "text", "rect", "line"} and not page.fetched


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 200))
def test_the_names_of_bounds_never_overlap(target: int, more: int, learners: int) -> None:
    """Equal bounds have one line with both names."""
    chart = str(bar_chart("bars", "Learners", [Bar("now", learners)], target=target, maximum=target + more))
    names = re.findall(r'<text class="quiet" x="([\d.]+)" y="11" text-anchor="(\w+)">([a-z ]+)<', chart)
    if not more:
        assert [name for _, _, name in names] == ["target and max"]
    else:
        (left, before, _), (right, after, _) = names
        assert (before, after) == ("end", "start") and float(left) + 4 <= float(right)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 200))
def test_the_names_of_lines_over_time_never_overlap(target: int, more: int, learners: int) -> None:
    """However near the bounds are, and wherever they are: in the picture, the maximum's first."""
    day = date(2026, 11, 29)
    points = [(day, learners)]
    chart = str(time_chart(Series("Learners", day, day, date(2027, 5, 1), points, points, target, target + more)))
    names = re.findall(r'<text x="341" y="([\d.]+)">(\w+)<', chart)
    places = {name: float(y) for y, name in names}
    assert 22 <= places["max"] <= places["target"] - 13 <= 172 - 13


@given(st.lists(st.integers(-5, 4_000).map(lambda hours: timedelta(hours=hours)), max_size=50))
def test_every_age_is_counted_once(ages: list[timedelta]) -> None:
    """By whole days, in four bars."""
    words = re.findall(r"<desc[^>]*>(.*?)</desc>", str(age_chart(ages)))[0]
    counts = [int(part.rpartition(": ")[2]) for part in words.split("; ")]
    assert sum(counts) == len(ages) and len(counts) == 4
    assert counts[3] == len([age for age in ages if age.days > 30])
    assert counts[0] == len([age for age in ages if age.days <= 2])
