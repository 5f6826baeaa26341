"""Placements of the declared default employers, read in the fewest calls, only if the policy is on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.model.slots import UserId
from reconciler.observed.user_list import UserList
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.read_cost import FEW, pages_worth
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import UserRow

_SHOWN = "shows:placements"


class Placements:
    """Placements from rows of the employers' list or, if this server's rows lack them, from each own record."""

    def __init__(
        self,
        wanted: Collection[UserId],
        rows: Mapping[UserId, UserRow],
        register: UserList,
        reader: Reader,
        capabilities: Capabilities,
    ) -> None:
        self._wanted, self._rows = wanted, rows
        self._register, self._reader, self._capabilities = register, reader, capabilities
        self._pages: list[int] = []

    async def survey(self) -> None:
        """Choose between pages of the list and records; read one page if the server's rows are not known yet."""
        if len(self._unknown()) <= FEW or not self._register.listed or self._capabilities.get(_SHOWN) == "no":
            return
        if self._capabilities.get(_SHOWN) is None:
            await self._register.first_page()
            self._learn()
        if self._capabilities.get(_SHOWN) == "yes":
            places = (self._register.place(user) for user in self._unknown())
            self._pages = pages_worth([place for place in places if place is not None], self._reader.paging.rows)

    @property
    def calls_left(self) -> int:
        on_pages = {user for user in self._unknown() if self._register.page_of(user) in self._pages}
        return len(self._pages) + len(self._unknown() - on_pages)

    async def read(self, needed: Collection[UserId]) -> dict[UserId, int | None]:
        """Read the placements of the needed employers, None if there is none or OneFile does not show it."""
        if self._pages:
            await self._register.read_pages(self._pages)
            self._learn()
        placements = {user: self._placement(user) for user in needed}

        async def ask(user: UserId) -> None:
            row = await self._reader.user(user)
            placements[user] = row.placement if row else None

        await gather_bounded(sorted(user for user, placement in placements.items() if placement is None), ask)
        return placements

    def _unknown(self) -> set[UserId]:
        return {user for user in self._wanted if self._placement(user) is None}

    def _placement(self, user: UserId) -> int | None:
        rows = (self._register.rows.get(user), self._rows.get(user))
        return next((row.placement for row in rows if row and row.placement is not None), None)

    def _learn(self) -> None:
        shown = any(row.placement is not None for row in self._register.rows.values())
        self._capabilities.set(_SHOWN, "yes" if shown else "no")
