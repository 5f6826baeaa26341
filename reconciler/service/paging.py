"""One paged list read exactly: no row twice, none missed, whatever size of page the server really sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from reconciler.problems import BadAnswer, Problem, Rejected

USUAL_ROWS = 50  # the page that clients have asked for and got for years
LARGE_ROWS = 1000  # what a long list asks for first: fewer calls, if the server goes along


class HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=HasId)


@dataclass
class Paging:
    """What one server is known to send in a page: `rows`, what long lists should ask for; `proven`, the most seen."""

    rows: int = LARGE_ROWS
    proven: int = USUAL_ROWS


class PagedList(Generic[Row]):
    """A list under way. OneFile sends no totals, its largest page is not known, nor what comes past the end.

    - A page shorter than asked is the end where the server is known to send longer ones. Elsewhere the next
      page is asked for in the size that came: if it brings rows, the server caps its pages, and now the cap is
      known; sizes up to the cap are contiguous.
    - Past the end comes nothing, or the last page again, twice the same.
    - A row that comes twice otherwise, or rows after a short page, contradict the list: BadAnswer, no guess.
    """

    def __init__(self, name: str, fetch: Callable[[int, int], Awaitable[list[Row]]], paging: Paging, size: int) -> None:
        self.rows: dict[int, Row] = {}
        self.pages = 0
        self.ended = False
        self.size = size
        self._name = name
        self._fetch = fetch
        self._paging = paging
        self._last: set[int] = set()

    @property
    def looks_ended(self) -> bool:
        """The last page was shorter than asked, and this server has sent longer ones."""
        return self.ended or (len(self._last) < self.size and len(self._last) < self._paging.proven)

    @property
    def is_full(self) -> bool:
        """The last page had as many rows as were asked for: there may well be more."""
        return len(self._last) == self.size

    async def reaches(self, page: int) -> bool:
        """Whether there is anything on that page; its rows are not kept."""
        return bool(await self._page(page))

    async def read(self, *, enough: Callable[[Mapping[int, Row]], bool], to_the_end: bool) -> dict[int, Row]:
        """Read on until the end, or until `enough` of the rows so far; with `to_the_end` only at what looks like it."""
        while not self.ended:
            if self.pages and enough(self.rows) and (self.looks_ended or not to_the_end):
                break
            await self.more()
        return self.rows

    async def more(self) -> None:
        """Ask for one more page."""
        short = self.pages > 0 and len(self._last) < self.size
        if short and self.pages == 1:
            self.size = len(self._last)  # if the server caps its pages, this is the cap, and page 2 goes on from it
        page = await self._page(self.pages + 1)
        ids = {row.id for row in page}
        if not page:
            self.ended = True
        elif len(ids) < len(page) or ids & self.rows.keys():
            await self._end_or_contradiction(ids, short)
        elif short and self.pages > 1:
            raise self._contradiction("sent rows after a page that was shorter than asked")
        elif short and self.size < USUAL_ROWS:
            await self._start_again()
        else:
            self._take(page, ids, capped=short)

    def _take(self, page: list[Row], ids: set[int], *, capped: bool) -> None:
        if capped:
            self._paging.rows = self.size
        self.rows |= {row.id: row for row in page}
        self.pages += 1
        self._last = ids
        self._paging.proven = max(self._paging.proven, len(ids))

    async def _page(self, number: int) -> list[Row]:
        try:
            return await self._fetch(number, self.size)
        except Rejected:
            if self.pages or self.size <= USUAL_ROWS:
                raise
            self.size = self._paging.rows = USUAL_ROWS
            return await self._fetch(number, self.size)

    async def _start_again(self) -> None:
        """The server made something odd of a large page: the usual size from now on."""
        self.size = self._paging.rows = USUAL_ROWS
        self.rows, self.pages, self._last = {}, 0, set()
        await self.more()

    async def _end_or_contradiction(self, ids: set[int], short: bool) -> None:
        again = ids == self._last and self.pages > 1 and {row.id for row in await self._page(self.pages + 2)} == ids
        self.ended = again or (short and ids == self._last)
        if not self.ended:
            raise self._contradiction("repeated rows between pages")

    def _contradiction(self, what: str) -> BadAnswer:
        return BadAnswer(
            Problem(
                f"OneFile {what}, so the list cannot be trusted",
                "Nothing was changed by this read, and nothing is concluded from it. Run the command again; "
                "if it happens again, tell OneFile support the time of the call.",
                where=self._name,
            )
        )
