"""However much is wrong, a person sees where to begin, and how much more there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.declared.load import read_declared
from reconciler.problems import MOST_IN_ALL, MOST_OF_A_FILE, Invalid, Problem, Source, bounded, in_order
from tests.declared.files import DAY, SETTINGS, centre

MANY = 3000


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ("learners: []\n", SETTINGS + "".join(f"key{number}: {number}\n" for number in range(MANY))),
        ("learners:\n" + "".join(f"  - {{id: {number}, label: {{}}}}\n" for number in range(1, MANY)), SETTINGS),
        ("learners:\n" + "".join(f"  - {{id: {number}, units: 1, x: 2}}\n" for number in range(1, MANY)), SETTINGS),
        ("learners:\n" + "".join(f"  - {{id: {number}, additional: [k]}}\n" for number in range(1, MANY)), SETTINGS),
    ],
    ids=["unknown keys", "wrong types", "two a line", "unknown handles"],
)
def test_a_file_that_is_wrong_everywhere_prints_a_bounded_report(body: str, settings: str, tmp_path: Path) -> None:
    """The first problems as ever, then how many more there are and from which line on."""
    with pytest.raises(Invalid) as stop:
        read_declared(centre(tmp_path, body, settings=settings), DAY)
    assert len(stop.value.problems) == MOST_OF_A_FILE + 1
    assert " more in this file, from this line on" in stop.value.problems[-1].what
    assert len(str(stop.value)) < 100_000


@given(st.lists(st.tuples(st.sampled_from("abcdefghijklmnop"), st.integers(1, 400)), max_size=3000))
def test_no_problem_is_lost_from_the_count(places: list[tuple[str, int]]) -> None:
    """What is shown and what is counted are all of them; nothing changes where there are few."""
    problems = [Problem("x", "Y.", Source(file, line)) for file, line in places]
    shown, counted = bounded(problems), in_order(problems)
    more = [problem for problem in shown if problem.what != "x"]
    assert len(shown) <= MOST_IN_ALL + 1 + 16
    if len(counted) <= MOST_OF_A_FILE:
        assert shown == counted
    if len(shown) <= MOST_IN_ALL:
        assert len(shown) - len(more) + sum(int(problem.what.split()[0]) for problem in more) == len(counted)
