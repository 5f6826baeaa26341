"""Laws of the charts of bars: no number is lost, words say what the picture shows, and nothing leaves its field."""

from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.html.bar_chart import Bar, age_chart, bar_chart
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
    assert len(drawn) == len(bars) + (target is not None) + (maximum is not None)
    assert all(0 <= x <= width - 100 and 0 <= y < height for x, y in drawn), "with room for what is written beside"
    assert chart.rfind("<line") < chart.index('class="number"'), "no line crosses what is written"
    page = Parsed(chart)
    assert [page.text.count(f": {bar.number}") > 0 for bar in bars] == [True] * len(bars)
    assert {*page.tags} <= {"svg", "title", "desc", "text", "rect", "line"} and not page.fetched


@given(st.lists(st.integers(-5, 4_000).map(lambda hours: timedelta(hours=hours)), max_size=50))
def test_every_age_is_counted_once(ages: list[timedelta]) -> None:
    """By whole days, in four bars."""
    words = re.findall(r"<desc[^>]*>(.*?)</desc>", str(age_chart(ages)))[0]
    counts = [int(part.rpartition(": ")[2]) for part in words.split("; ")]
    assert sum(counts) == len(ages) and len(counts) == 4
    assert counts[3] == len([age for age in ages if age.days > 30])
    assert counts[0] == len([age for age in ages if age.days <= 2])
