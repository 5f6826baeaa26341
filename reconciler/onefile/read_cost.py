"""Counts, purely, what each way of reading would cost: which pages are worth their call, and where a list's end is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

FEW = 2  # so few calls cannot be saved: looking for a cheaper way costs as much
LARGEST_LOOK = 50  # rows of a second look at a list's end


def page_of(position: int, size: int) -> int:
    """The page, counted from 1, that holds the row at a position counted from 0."""
    return position // size + 1


def page_count(rows: int, size: int) -> int:
    return -(-rows // size)


def pages_worth(positions: Iterable[int], size: int) -> list[int]:
    """The pages that hold at least two of these positions: one call for the page instead of one for each.

    No choice of pages is cheaper: every row that is not on a chosen page costs a call of its own, so a page pays
    exactly where it spares at least as many calls as it costs, whatever is chosen elsewhere.
    """
    held = Counter(page_of(position, size) for position in positions)
    return sorted(page for page, count in held.items() if count > 1)


def end_pages(rows: int, largest: int) -> list[tuple[int, int]]:
    """Where to look (page, size) to see that a list of so many rows ends with them.

    One page that begins among them and reaches past their end shows both the last of them again and any row that
    follows; the size up to `largest` is taken that shows most of them. Where no size does, because all divide the
    rows, it takes two pages of one row: the last one, and the one after it.
    """
    sizes = range(2, min(largest, LARGEST_LOOK) + 1)
    size = max(sizes, key=lambda size: rows % size, default=1)
    if rows % size:
        return [(rows // size + 1, size)]
    return [(page, 1) for page in (rows, rows + 1) if page]


def calls_to_the_end(rows: int, size: int, pages_read: int) -> int:
    """Calls to read a list of so many rows on to its proven end: its pages, and the looks that prove it."""
    return max(0, page_count(rows, size) - pages_read) + (1 if rows % size else 2)
