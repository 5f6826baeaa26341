"""The cost model is right: no choice of pages is cheaper, and the probe of the end shows it."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.onefile.read_cost import end_pages, page_count, page_of, pages_worth

places = st.sets(st.integers(0, 40), max_size=12)


@given(places=places, size=st.integers(1, 15))
def test_no_choice_of_pages_is_cheaper(places: set[int], size: int) -> None:
    """Pages chosen plus a call for everybody who is on none of them: the least of every possible choice."""

    def cost(pages: set[int]) -> int:
        return len(pages) + sum(page_of(place, size) not in pages for place in places)

    every = {page_of(place, size) for place in places}
    least = min(cost(set(some)) for count in range(len(every) + 1) for some in combinations(sorted(every), count))
    assert cost(set(pages_worth(places, size))) == least


@given(rows=st.integers(1, 3000), largest=st.integers(-1, 1200))
def test_a_look_at_the_end_reaches_past_it(rows: int, largest: int) -> None:
    """The last known row and the place of a row that followed it are both looked at, in no size beyond the largest."""
    looked = [place for page, size in end_pages(rows, largest) for place in range((page - 1) * size, page * size)]
    assert {rows - 1, rows} <= set(looked)
    assert all(size <= max(1, largest) for _, size in end_pages(rows, largest))


@given(rows=st.integers(3, 3000))
def test_nearly_every_look_is_one_call(rows: int) -> None:
    """From three rows on, some size up to the rows already seen does both."""
    assert len(end_pages(rows, rows - 1)) == 1 or rows in (4, 6)


@given(rows=st.integers(0, 5000), size=st.integers(1, 1000))
def test_the_last_row_is_on_the_last_page(rows: int, size: int) -> None:
    """Pages are counted from 1, rows from 0."""
    assert page_count(rows, size) == (page_of(rows - 1, size) if rows else 0)
