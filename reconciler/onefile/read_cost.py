"""Cost model for reading strategies: pages worth fetching and probes of a list's end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

FEW = 2  # so few calls cannot be saved: looking for a cheaper way costs as much
LARGEST_PROBE = 50  # rows of a second look at a list's end


def page_of(position: int, size: int) -> int:
    """Return the page, counted from 1, that holds the row at a position counted from 0."""
    return position // size + 1


def page_count(rows: int, size: int) -> int:
    return -(-rows // size)


def pages_worth(positions: Iterable[int], size: int) -> list[int]:
    """Return the pages that hold at least two of these positions: one call for the page instead of one for each.

    No choice of pages is cheaper: every row that is not on a chosen page costs a call of its own, so a page pays
    exactly if it saves at least as many calls as it costs, whatever else is chosen.
    """
    held = Counter(page_of(position, size) for position in positions)
    return sorted(page for page, count in held.items() if count > 1)


def end_pages(rows: int, largest: int) -> list[tuple[int, int]]:
    """Return the pages (page, size) that prove that a list of so many rows ends with them.

    One page that begins among them and reaches past their end shows both the last of them again and any row that
    follows; the size up to `largest` that shows most of them is taken. If no size does, because all divide the
    rows, it takes two pages of one row: the last row, and the next.
    """
    sizes = range(2, min(largest, LARGEST_PROBE) + 1)
    size = max(sizes, key=lambda size: rows % size, default=1)
    if rows % size:
        return [(rows // size + 1, size)]
    return [(page, 1) for page in (rows, rows + 1) if page]


def calls_to_the_end(rows: int, size: int, pages_read: int) -> int:
    """Return the calls to read a list of so many rows to its proven end: its pages, and the probes of the end."""
    return max(0, page_count(rows, size) - pages_read) + (1 if rows % size else 2)
