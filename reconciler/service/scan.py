"""One long list of a server: whether it is offered and worth its pages, learnt as it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Generic

from reconciler.problems import BadAnswer, Rejected
from reconciler.service.facts import Facts
from reconciler.service.paging import PagedList, Paging, Row
from reconciler.service.ways import pages_or_alone, probe_page


class Scan(Generic[Row]):
    """Reads a list by pages as far as that is cheaper than asking for the wanted ones alone, one call each.

    After `survey`, `pages_left` says what `read` will spend. `rows` are those read so far; `whole` says that
    they are all there are.
    """

    def __init__(self, name: str, make: Callable[[], PagedList[Row]], paging: Paging, facts: Facts) -> None:
        self.pages_left = 0
        self._name = name
        self._make = make
        self._paging = paging
        self._facts = facts
        self._list: PagedList[Row] | None = None

    @property
    def rows(self) -> Mapping[int, Row]:
        return self._list.rows if self._list else {}

    @property
    def whole(self) -> bool:
        return self._list is not None and self._list.ended

    async def survey(
        self,
        wanted: int,
        *,
        usable: Callable[[Mapping[int, Row]], bool] = lambda _: True,
        guess: Callable[[Mapping[int, Row]], int] = len,
    ) -> None:
        """Look at the first page and decide. `guess` estimates the list's length from it where it is not known."""
        total = self._facts.number(f"rows:{self._name}")
        if self._facts.get(f"offers:{self._name}") == "no":
            return
        if pages_or_alone(wanted, 0, self._paging.rows, total) == "alone":
            return
        found = await self._first_page()
        if found is None or not usable(found.rows):
            self._facts.learn(f"offers:{self._name}", "no")
            return
        self._list = found
        way = "pages" if found.ended else pages_or_alone(wanted, found.pages, found.size, total)
        if way == "probe" and not await found.reaches(probe_page(wanted, found.pages)):
            way = "pages"
        if way == "pages" and not found.ended:
            rows = total if total is not None else max(guess(found.rows), len(found.rows))
            self.pages_left = max(1, math.ceil(rows / found.size) - found.pages + (rows % found.size == 0))

    async def _first_page(self) -> PagedList[Row] | None:
        found = self._make()
        try:
            await found.more()
            if not found.ended and not found.is_full:
                await found.more()  # the end, or the server's cap: either must be known to count pages
        except Rejected:
            return None
        return found

    async def read(self, missing: Callable[[Mapping[int, Row]], int]) -> None:
        """Read on, where the survey found it worth while, until nobody is missing or the list ends."""
        if self._list and self.pages_left:
            try:
                await self._list.read(enough=lambda rows: missing(rows) == 0, to_the_end=False)
            except BadAnswer:  # the list moved while it was read: once more from the start, then it stands or fails
                self._list = self._make()
                await self._list.read(enough=lambda rows: missing(rows) == 0, to_the_end=False)
        if self.whole:
            self._facts.learn(f"rows:{self._name}", str(len(self.rows)))
