"""One long list of a server: whether it is offered and worth its pages, learnt as it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic

from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.pagination import PagedList, Paging, Row
from reconciler.onefile.read_cost import FEW, calls_to_the_end, page_count
from reconciler.problems import Rejected

Rows = Mapping[int, Row]


class ListReader(Generic[Row]):
    """Reads a list by pages where that is cheaper than asking for the wanted ones alone, one call each.

    After `survey`, `calls_left` says what `read` will spend. `rows` are those read so far; `whole` says that they are
    all there are. The list's length is asked for before it is relied on, so that the pages never cost more than what
    they spare; what a survey costs in vain is the first page, and a few looks past the end.
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
        self._sure_pages = 0  # these are there, so they can be fetched at once

    @property
    def rows(self) -> Rows[Row]:
        return self._list.rows if self._list else {}

    @property
    def whole(self) -> bool:
        return self._list is not None and self._list.ended

    @property
    def chosen(self) -> bool:
        """Whether the list is read, now or later."""
        return self.whole or self.calls_left > 0

    async def survey(
        self,
        calls_saved: Callable[[Rows[Row]], int],
        *,
        guess: Callable[[Rows[Row]], int],
        usable: Callable[[Rows[Row]], bool] = lambda _: True,
    ) -> None:
        """Look at the first page and decide. `calls_saved` counts the calls that the whole list saves, if all of it
        is like the rows so far (at first there are none); `guess` estimates its length in rows from them."""
        total = self._capabilities.number(f"rows:{self._name}")
        at_most = calls_saved({})
        if at_most <= FEW or self._capabilities.denies(self._name) or (total or 0) > at_most * self._paging.rows:
            return
        found = self._make()
        try:
            await found.settle_size()
            offered = usable(found.rows)
        except Rejected:
            offered = False
        if not offered:
            self._capabilities.deny(self._name)
            return
        if await self._is_worth_it(found, total, guess(found.rows), calls_saved(found.rows)):
            self._list = found
        else:
            self.calls_left = 0

    async def _is_worth_it(self, found: PagedList[Row], total: int | None, guess: int, calls_saved: int) -> bool:
        """Whether the rest of the list costs at most what it calls_saved; and what it costs, to 2 % of its pages."""
        limit = found.pages + calls_saved
        if found.is_over:
            self.calls_left = int(not found.ended)
            return True
        if total:
            rows, self._sure_pages = max(total, len(found.rows)), total // found.size
        else:
            measured = await self._measure(found, page_count(guess, found.size), limit)
            if measured is None:
                return False
            self._sure_pages, beyond = measured
            rows = (self._sure_pages + beyond) * found.size // 2
        pages = page_count(rows, found.size)
        self.calls_left = calls_to_the_end(rows, found.size, found.pages_held(pages))
        return pages <= limit

    async def _measure(self, found: PagedList[Row], guess: int, limit: int) -> tuple[int, int] | None:
        """A page that the list reaches past and one that it does not, close together; None where it passes `limit`.

        Pages met on the way are kept, so that only looks past the end are spent in vain. A guess that is wrong by
        less than half is enough to tell that the limit is passed: no call is spent on being sure of it.
        """
        if guess > 2 * limit:
            return None
        within, beyond, step = found.pages, None, max(1, guess // 16)
        page = max(guess, within + 1)
        while beyond is None or beyond - within > max(1, within // 50):
            page = min(page, limit + 1) if beyond is None else (within + beyond) // 2
            if not await found.look(page):
                beyond = page
            elif page > limit:
                return None
            else:
                within, page, step = page, page + step, 2 * step
        return within, beyond

    async def read(self) -> None:
        """Read on to the end, where the survey found it worth while."""
        if self._list is not None:
            if not self._list.ended:
                await self._list.fetch_ahead(self._sure_pages)
            await self._list.read()
            self._capabilities.set(f"rows:{self._name}", str(len(self.rows)))
