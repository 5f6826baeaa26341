"""A paged list is read exactly or not at all, for any length, any pages of the server, and one wrong answer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.onefile.pagination import LARGE_ROWS, USUAL_ROWS, PagedList, Paging
from reconciler.onefile.read_cost import page_count
from reconciler.problems import BadAnswer, Rejected
from tests.marks import examples
from tests.onefile.lists import Item, ListServer, servers

sizes = st.sampled_from([1, 2, 3, 7, 10, 49, 50, 100, 1000])


def listing(server: ListServer, size: int, paging: Paging | None = None) -> PagedList[Item]:
    return PagedList("POST /Things/Search", server.fetch, paging or Paging(rows=size), size)


def read(server: ListServer, size: int, paging: Paging | None = None) -> dict[int, Item]:
    return asyncio.run(listing(server, size, paging).read())


@settings(max_examples=examples(200), deadline=None)
@given(server=servers(), size=sizes)
@example(server=ListServer(50, past="last_again"), size=50)  # one page, exactly full, and then again
@example(server=ListServer(100, past="last_again"), size=50)
@example(server=ListServer(1), size=1)
@example(server=ListServer(0), size=50)
def test_an_honest_server_s_list_is_read_whole(server: ListServer, size: int) -> None:
    """Any length, any cut of the pages, anything past the end, sizes refused: every row, in the server's order."""
    assert list(read(server, size).values()) == server.items


@settings(max_examples=examples(200), deadline=None)
@given(server=servers(faults=1), size=sizes)
@example(server=ListServer(4, cap=3, faults={1: "short_page"}), size=1000)
@example(server=ListServer(2, cap=1, faults={1: "repeated_page"}), size=50)
@example(server=ListServer(51, faults={1: "short_page"}), size=50)  # the last page loses its only row
@example(server=ListServer(101, faults={2: "short_page"}, past="last_again"), size=50)
@example(server=ListServer(1, faults={0: "short_page"}), size=50)
@example(server=ListServer(60, faults={1: "row_moves"}, moves=(55, 0)), size=10)
@example(server=ListServer(60, faults={1: "row_moves"}, moves=(0, 55)), size=10)
def test_one_wrong_answer_never_makes_a_wrong_list(server: ListServer, size: int) -> None:
    """A page repeated, cut short, a row missing, another order, nothing, or a row that moved: exact, or an error."""
    with suppress(BadAnswer):
        assert read(server, size).keys() == server.ids


@settings(max_examples=examples(100), deadline=None)
@given(server=servers(faults=1, refusals=False), size=sizes, seen=st.integers(0, 60))
def test_what_other_lists_showed_of_the_pages_does_not_change_that(server: ListServer, size: int, seen: int) -> None:
    """A server known to send pages as long as its cut, or as long as asked: one wrong answer makes no wrong list."""
    paging = Paging(rows=size, seen=min(seen, server.cap))
    with suppress(BadAnswer):
        assert read(server, size, paging).keys() == server.ids


@pytest.mark.parametrize("fault", ["repeated_page", "short_page", "lost_row", "changed_order", "nothing"])
@pytest.mark.parametrize("place", range(4))
def test_a_single_wrong_answer_among_pages_is_survived(fault: str, place: int) -> None:
    """Three full pages and a short one: whichever answer is wrong, the list is read again and comes out right."""
    server = ListServer(35, cap=10, faults={place: fault})  # type: ignore[dict-item]  # parametrised as text
    assert read(server, 10).keys() == server.ids


def test_a_server_that_ignores_the_page_number_is_an_error() -> None:
    """The same rows under every number are no list with an end."""

    class Stuck(ListServer):
        async def fetch(self, page: int, size: int) -> list[Item]:
            return await super().fetch(min(page, 1), size)

    with pytest.raises(BadAnswer, match="cannot be trusted"):
        read(Stuck(120), 50)


def test_a_list_that_keeps_moving_is_an_error() -> None:
    """A list that differs each time is not used."""
    server = ListServer(40, faults=dict.fromkeys(range(100), "row_moves"), moves=(39, 0))
    with pytest.raises(BadAnswer):
        read(server, 10)


@settings(max_examples=examples(100), deadline=None)
@given(server=servers(refusals=False).filter(lambda server: server.cap >= USUAL_ROWS), needed=st.integers(0, 140))
def test_enough_is_whole_unless_the_page_was_full(server: ListServer, needed: int) -> None:
    """Reading until a row is there, to what looks like the end: every row of the list, at the usual size."""

    def enough(rows: Mapping[int, Item]) -> bool:
        return 1000 + needed in rows

    assert asyncio.run(listing(server, USUAL_ROWS).read(enough=enough)).keys() == server.ids


@settings(max_examples=200, deadline=None)
@given(rows=st.integers(1, 40), cap=st.integers(1, 12), longer=st.integers(1, 60))
def test_once_a_short_cut_is_known_it_is_not_taken_for_an_end(rows: int, cap: int, longer: int) -> None:
    """After one list showed that pages are cut below the usual size, a page of that size does not end another list."""
    paging = Paging()
    first = ListServer(cap + longer, cap=cap)
    read(first, LARGE_ROWS, paging)
    server = ListServer(rows, cap=cap)
    listed = asyncio.run(listing(server, USUAL_ROWS, paging).read(enough=bool))
    assert listed.keys() == server.ids


def test_stopping_when_enough_stops() -> None:
    """If the end is not needed, no page is read after the needed page."""
    server = ListServer(500)
    asyncio.run(listing(server, 50).read(enough=lambda rows: 1060 in rows, to_the_end=False))
    assert server.requests == [(1, 50), (2, 50)]


# ------------------------------------------------------------------ what it costs


def calls(server: ListServer, size: int, paging: Paging | None = None) -> int:
    read(server, size, paging)
    return len(server.requests)


@settings(max_examples=examples(150), deadline=None)
@given(rows=st.integers(1, 400), cap=st.integers(50, 200), past=st.sampled_from(["nothing", "last_again"]))
def test_the_end_of_a_long_list_costs_at_most_two_looks(rows: int, cap: int, past: str) -> None:
    """Beyond its pages it costs one probe of the end, one more if no page was short, and a third for one or two rows.

    No page can begin in a list of one or two rows and reach past its end.
    """
    server = ListServer(rows, cap=cap, past=past)  # type: ignore[arg-type]
    assert calls(server, LARGE_ROWS) <= page_count(rows, cap) + 2 + (rows < 3)


def test_a_short_list_costs_two_calls_where_longer_pages_were_seen() -> None:
    """The page, and one look at its end; a first short page of an unknown server costs one more."""
    assert calls(ListServer(30), 50, Paging(seen=50)) == 2
    assert calls(ListServer(30), 50) == 3


def test_a_refused_size_costs_one_call_once() -> None:
    """Later long lists of the server are read in the usual size; lists that were not refused keep their size."""
    paging = Paging()
    server = ListServer(120, refuses_above=50)
    assert read(server, LARGE_ROWS, paging).keys() == server.ids
    assert server.requests[:2] == [(1, LARGE_ROWS), (1, USUAL_ROWS)]
    assert paging.rows == USUAL_ROWS


def test_a_search_that_is_refused_says_nothing_of_sizes() -> None:
    """If the usual size is refused too, the search itself is not offered."""
    paging = Paging()
    with pytest.raises(Rejected):
        read(ListServer(120, refuses_above=0), LARGE_ROWS, paging)
    assert paging.rows == LARGE_ROWS


def test_a_small_answer_to_a_large_question_is_asked_for_in_the_usual_size() -> None:
    """A server that falls back to pages of ten is read in pages of fifty, if it grants those."""

    class Odd(ListServer):
        async def fetch(self, page: int, size: int) -> list[Item]:
            return await super().fetch(page, 10 if size > 50 else size)

    server, paging = Odd(230), Paging()
    assert read(server, LARGE_ROWS, paging).keys() == server.ids
    assert paging.rows == USUAL_ROWS
    assert len(server.requests) == 2 + 5 + 1


@settings(max_examples=examples(100), deadline=None)
@given(server=servers(refusals=False), size=sizes, ahead=st.integers(0, 20))
def test_fetching_ahead_and_looking_around_change_nothing(server: ListServer, size: int, ahead: int) -> None:
    """Pages that were fetched before their turn, or looked at past the end, make the same list."""

    async def main(listed: PagedList[Item]) -> dict[int, Item]:
        await listed.settle_size()
        for page in (ahead, ahead // 2, 2 * ahead):
            if page > listed.pages:
                await listed.probe(page)
        await listed.fetch_ahead(ahead)
        return await listed.read()

    assert asyncio.run(main(listing(server, size))).keys() == server.ids


@pytest.mark.parametrize("bound", [{"most_rows": 120}, {"most_pages": 2}])
def test_a_list_without_an_end_is_an_error(bound: dict[str, int]) -> None:
    """More rows, or more pages, than an organisation can have: the error has both numbers."""
    numbers = itertools.count(1)

    async def fetch(page: int, size: int) -> list[Item]:
        return [Item(next(numbers)) for _ in range(size)]

    with pytest.raises(BadAnswer, match="OneFile sent 150 rows on 3 pages, and the list does not end"):
        asyncio.run(PagedList("POST /Things/Search", fetch, Paging(), USUAL_ROWS, **bound).read())
    assert next(numbers) == 151


def test_a_contradiction_names_the_search_and_says_that_nothing_was_changed() -> None:
    """The error has a place, a fault and a fix."""
    server = ListServer(40, faults=dict.fromkeys(range(100), "row_moves"), moves=(39, 0))
    with pytest.raises(BadAnswer) as raised:
        read(server, 10)
    (problem,) = raised.value.problems
    assert problem.where == "POST /Things/Search"
    assert "changed nothing" in problem.fix
