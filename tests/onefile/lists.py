"""A server's long list that behaves as badly as possible, without a network, for tests of pagination."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hypothesis import strategies as st

from reconciler.problems import Problem, Rejected

Fault = Literal["repeated_page", "short_page", "lost_row", "changed_order", "row_moves", "nothing"]


@dataclass(frozen=True)
class Item:
    id: int


@dataclass
class ListServer:
    """`rows` items, never more than `cap` a page; pages that are cut keep to the size asked for, or to their own.

    `faults` are by the number of the answer, counted from 0: a repeated page, a page without its last row or without
    some other row, the whole list the other way round, nothing at all; with `row_moves` one row changes its place
    before that answer and stays there.
    """

    rows: int
    cap: int = 10**6
    past: Literal["nothing", "last_again"] = "nothing"
    offset: Literal["own", "asked"] = "own"
    refuses_above: int = 10**6
    faults: dict[int, Fault] = field(default_factory=dict)
    moves: tuple[int, int] = (0, 0)
    requests: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.items = [Item(1000 + place) for place in range(self.rows)]

    @property
    def ids(self) -> set[int]:
        return {item.id for item in self.items}

    async def fetch(self, page: int, size: int) -> list[Item]:
        fault = self.faults.get(len(self.requests))
        self.requests.append((page, size))
        if size > self.refuses_above:
            raise Rejected(Problem("too many rows", "ask for fewer"), status=400)
        if fault == "row_moves" and self.items:
            start, end = (place % len(self.items) for place in self.moves)
            self.items.insert(end, self.items.pop(start))
        if fault == "repeated_page":
            page = max(1, page - 1)
        items = self._page(self.items[::-1] if fault == "changed_order" else self.items, page, size)
        if fault == "short_page":
            return items[:-1]
        if fault == "lost_row":
            return items[: len(items) // 2] + items[len(items) // 2 + 1 :]
        return [] if fault == "nothing" else items

    def _page(self, items: list[Item], page: int, size: int) -> list[Item]:
        most = min(size, self.cap)
        step = most if self.offset == "own" else size
        last = max(1, -(-len(items) // step))
        if page > last and self.past == "last_again":
            page = last
        return items[step * (page - 1) :][:most]


counts = st.one_of(st.integers(0, 12), st.integers(0, 130))


@st.composite
def servers(draw: st.DrawFn, *, faults: int = 0, refusals: bool = True) -> ListServer:
    """Generate any list, any cut of its pages, any behaviour past the end, and up to so many wrong answers."""
    rows = draw(counts)
    refuses = st.just(10**6) if not refusals else st.sampled_from([10**6, 50])
    kinds = st.sampled_from(["repeated_page", "short_page", "lost_row", "changed_order", "row_moves", "nothing"])
    return ListServer(
        rows,
        cap=draw(st.one_of(st.just(10**6), st.integers(1, 12), st.integers(1, max(1, rows)))),
        past=draw(st.sampled_from(["nothing", "last_again"])),
        offset=draw(st.sampled_from(["own", "asked"])),
        refuses_above=draw(refuses),
        faults=draw(st.dictionaries(st.integers(0, 8), kinds, max_size=faults, min_size=faults)),
        moves=(draw(st.integers(0, 200)), draw(st.integers(0, 200))),
    )
