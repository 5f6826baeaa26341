"""A long list is read if its pages cost less than they save, and otherwise costs at most a few calls."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.list_scan import ListReader
from reconciler.onefile.pagination import PagedList, Paging
from reconciler.onefile.read_cost import page_count
from tests.marks import examples
from tests.onefile.lists import Item, ListServer, servers

PROBES = 14
"""Calls that an estimate can waste: the first page, a refused size, and the probes that find the list's end, at most
two for each time that the guess is doubled or halved."""


def scan(server: ListServer, paging: Paging, capabilities: Capabilities) -> ListReader[Item]:
    return ListReader(
        "things", lambda: PagedList("POST /Things/Search", server.fetch, paging, paging.rows), paging, capabilities
    )


def estimate_and_read(
    server: ListServer, spares: int, guess: int, capabilities: Capabilities, rows: int = 1000
) -> tuple[ListReader[Item], int]:
    """Return the reader after its reading, and its forecast of calls before that."""

    async def main() -> tuple[ListReader[Item], int]:
        reader = scan(server, Paging(rows=capabilities.number("page_rows") or rows), capabilities)
        await reader.estimate(lambda _: spares, guess=lambda _: guess)
        forecast = reader.calls_left
        requests = len(server.requests)
        if reader.chosen:
            await reader.read()
        assert reader.chosen or len(server.requests) == requests
        return reader, forecast

    return asyncio.run(main())


@settings(max_examples=examples(80), deadline=None)
@given(server=servers(), spares=st.integers(0, 60), guess=st.integers(0, 400))
def test_a_list_that_is_read_is_read_whole(server: ListServer, spares: int, guess: int) -> None:
    """For any guess of its length and any probes: all rows, or the list is not read."""
    reader, _ = estimate_and_read(server, spares, guess, Capabilities(), rows=server.rows // 3 + 1)
    assert reader.rows.keys() == (server.ids if reader.chosen else set())


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 4000),
    cap=st.integers(50, 300),
    spares=st.integers(0, 60),
    guess=st.integers(0, 8000),
    past=st.sampled_from(["nothing", "last_again"]),
)
def test_pages_never_cost_much_more_than_they_spare(rows: int, cap: int, spares: int, guess: int, past: str) -> None:
    """However wrong the guess: what the list spares, and the probes."""
    server = ListServer(rows, cap=cap, past=past)  # type: ignore[arg-type]
    reader, _ = estimate_and_read(server, spares, guess, Capabilities())
    assert len(server.requests) <= (spares if reader.chosen else 0) + PROBES


@settings(max_examples=examples(60), deadline=None)
@given(rows=st.integers(1, 30000), cap=st.integers(50, 300), wrong=st.floats(0.9, 1.1))
def test_the_forecast_of_a_list_is_right_to_two_percent(rows: int, cap: int, wrong: float) -> None:
    """Or to two calls, for a guess that is wrong by a tenth, as those from a first page are."""
    server = ListServer(rows, cap=cap)
    requests_before = 0

    async def main() -> int:
        nonlocal requests_before
        reader = scan(server, Paging(), Capabilities())
        await reader.estimate(lambda _: 10**6, guess=lambda _: round(rows * wrong))
        requests_before = len(server.requests)
        forecast = reader.calls_left
        await reader.read()
        return forecast

    forecast = asyncio.run(main())
    spent = len(server.requests) - requests_before
    assert abs(forecast - spent) <= max(2, 0.02 * len(server.requests))


@settings(max_examples=examples(60), deadline=None)
@given(rows=st.integers(1, 6000), cap=st.integers(50, 300))
def test_the_second_time_costs_no_more(rows: int, cap: int) -> None:
    """Once the list's length and the size of its pages are known, nothing is looked for."""
    capabilities, first, second = Capabilities(), ListServer(rows, cap=cap), ListServer(rows, cap=cap)
    estimate_and_read(first, 10**6, rows, capabilities)
    capabilities.set("page_rows", str(min(cap, 1000)))
    reader, _ = estimate_and_read(second, 10**6, 0, capabilities)
    assert reader.whole
    assert len(second.requests) <= len(first.requests)
    assert (
        page_count(rows, cap) + 1
        <= len(second.requests)
        <= page_count(rows, cap) + 2 + (rows <= cap) * (1 + (rows < 3))
    )


def test_a_list_known_to_be_too_long_costs_nothing() -> None:
    """A known length is not measured again."""
    capabilities, server = Capabilities({"rows:things": "40000", "page_rows": "200"}), ListServer(40000, cap=200)
    reader, _ = estimate_and_read(server, 40, 0, capabilities)
    assert not reader.chosen
    assert server.requests == []


def test_a_list_that_looks_far_too_long_is_left_at_its_first_page() -> None:
    """No call is spent on being sure that hundreds of pages are more than forty."""
    server = ListServer(40000, cap=200)
    reader, _ = estimate_and_read(server, 40, 40000, Capabilities(), rows=200)
    assert not reader.chosen
    assert server.requests == [(1, 200)]


def test_a_list_that_is_refused_is_not_asked_for_again() -> None:
    """Two calls the first time, because it may be the size that is refused; none the second."""
    capabilities, server = Capabilities(), ListServer(400, refuses_above=0)
    reader, _ = estimate_and_read(server, 100, 400, capabilities)
    assert not reader.chosen
    assert len(server.requests) == 2
    estimate_and_read(server, 100, 400, capabilities)
    assert len(server.requests) == 2


def test_rows_that_are_no_use_are_not_read() -> None:
    """One look at the first page, and the list is left alone for as long as that is remembered."""
    capabilities, server = Capabilities(), ListServer(400, cap=50)

    async def main() -> None:
        reader = scan(server, Paging(rows=50), capabilities)
        await reader.estimate(lambda _: 100, guess=len, usable=lambda _: False)
        assert not reader.chosen

    asyncio.run(main())
    assert server.requests == [(1, 50)]
    assert capabilities.denies("things")


def test_a_few_wanted_ones_are_not_worth_a_look() -> None:
    """Two calls cannot be made fewer by looking for a cheaper way."""
    server = ListServer(400)
    estimate_and_read(server, 2, 400, Capabilities())
    assert server.requests == []


def test_a_list_that_has_grown_or_shrunk_is_still_read_whole() -> None:
    """The stored length only chooses the strategy; the rows are read."""
    for rows in (90, 110, 450):
        capabilities, server = Capabilities({"rows:things": "300", "page_rows": "50"}), ListServer(rows, cap=50)
        reader, _ = estimate_and_read(server, 100, 0, capabilities)
        assert reader.rows.keys() == server.ids
        assert capabilities.number("rows:things") == rows
