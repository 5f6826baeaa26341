"""Reader of one long list, if the server supports it and its pages are cheaper than single requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic

from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.pagination import PagedList, Paging, Row
from reconciler.onefile.read_cost import FEW, calls_to_the_end, page_count
from reconciler.problems import Rejected

Rows = Mapping[int, Row]


class ListReader(Generic[Row]):
    """Reads a paged list if the server supports it and it is cheaper than single requests.

    After `estimate`, `calls_left` is the number of calls that `read` will make. `rows` are those read so far, and
    `whole` is True if there are no others. The list's length is measured before it is relied on, so that the pages
    never cost more calls than they save; an estimate wastes at most the first page, and a few probes past the end.
    """

    def __init__(
        self, name: str, make: Callable[[], PagedList[Row]], paging: Paging, capabilities: Capabilities
    ) -> None:
        self.calls_left = 0
        self._name = name
        self._make = make
        self._paging = paging
        self._capabilities = capabilities
        self._list: PagedList[Row] | None = None
        self._sure_pages = 0  # these exist, so they can be fetched concurrently

    @property
    def rows(self) -> Rows[Row]:
        return self._list.rows if self._list else {}

    @property
    def whole(self) -> bool:
        return self._list is not None and self._list.ended

    @property
    def chosen(self) -> bool:
        """True if the list is read, now or later."""
        return self.whole or self.calls_left > 0

    async def estimate(
        self,
        calls_saved: Callable[[Rows[Row]], int],
        *,
        guess: Callable[[Rows[Row]], int],
        usable: Callable[[Rows[Row]], bool] = lambda _: True,
    ) -> None:
        """Read the first page and decide if the list is worth reading.

        `calls_saved` counts the calls that the whole list saves, if all of it is like the rows so far (at first there
        are none); `guess` estimates its length in rows from them.
        """
        total = self._capabilities.number(f"rows:{self._name}")
        at_most = calls_saved({})
        if at_most <= FEW or self._capabilities.denies(self._name) or (total or 0) > at_most * self._paging.rows:
            return
        candidate = self._make()
        try:
            await candidate.settle_size()
            offered = usable(candidate.rows)
        except Rejected:
            offered = False
        if not offered:
            self._capabilities.deny(self._name)
            return
        if await self._is_worth_it(candidate, total, guess(candidate.rows), calls_saved(candidate.rows)):
            self._list = candidate
        else:
            self.calls_left = 0

    async def _is_worth_it(self, candidate: PagedList[Row], total: int | None, guess: int, calls_saved: int) -> bool:
        """Decide if the rest of the list saves its own calls; set `calls_left`, within 2 % of its pages."""
        limit = candidate.pages + calls_saved
        if candidate.is_over:
            self.calls_left = int(not candidate.ended)
            return True
        if total:
            rows, self._sure_pages = max(total, len(candidate.rows)), total // candidate.size
        else:
            measured = await self._measure(candidate, page_count(guess, candidate.size), limit)
            if measured is None:
                return False
            self._sure_pages, beyond = measured
            rows = (self._sure_pages + beyond) * candidate.size // 2
        pages = page_count(rows, candidate.size)
        self.calls_left = calls_to_the_end(rows, candidate.size, candidate.pages_held(pages))
        return pages <= limit

    async def _measure(self, candidate: PagedList[Row], guess: int, limit: int) -> tuple[int, int] | None:
        """Find a page before the list's end and one after it, close together; return None if it exceeds `limit`.

        Fetched pages are kept, so that only probes past the end are wasted. A guess of more than twice the limit is
        enough to give up: no call is spent on certainty.
        """
        if guess > 2 * limit:
            return None
        within, beyond, step = candidate.pages, None, max(1, guess // 16)
        page = max(guess, within + 1)
        while beyond is None or beyond - within > max(1, within // 50):
            page = min(page, limit + 1) if beyond is None else (within + beyond) // 2
            if not await candidate.probe(page):
                beyond = page
            elif page > limit:
                return None
            else:
                within, page, step = page, page + step, 2 * step
        return within, beyond

    async def read(self) -> None:
        """Read to the end, if `estimate` chose the list."""
        if self._list is not None:
            if not self._list.ended:
                await self._list.fetch_ahead(self._sure_pages)
            await self._list.read()
            self._capabilities.set(f"rows:{self._name}", str(len(self.rows)))
