"""Active users of one role in one organisation, from one unpaged answer that a page confirms."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reconciler.model.slots import OrganisationId, SlotKind, Unread, UserId
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.pagination import USUAL_ROWS, end_probe_result
from reconciler.onefile.read_cost import end_pages, page_of
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import UserRow
from reconciler.problems import BadAnswer, Rejected, Unreachable

ROLL = "roll"


class UserList:
    """The users on one list; `whole` means that nobody else is on it.

    Clients in use get a whole centre in one unpaged answer, so that one call is enough for any number of users. It is
    only taken as complete if a page agrees on the end of the list. Its rows are short; a row of the paged list may have
    more, and the position in the unpaged list gives its page: `rows` are such rows, and `row_kinds` the
    defaults that they carried.
    """

    def __init__(self, reader: Reader, organisation: OrganisationId, role: int, capabilities: Capabilities) -> None:
        self.listed: dict[UserId, UserRow] = {}
        self.rows: dict[UserId, UserRow] = {}
        self.row_kinds: set[SlotKind] = set()
        self.whole = False
        self._reader, self._organisation, self._role, self._capabilities = reader, organisation, role, capabilities
        self._order: list[UserId] = []
        self._places: dict[UserId, int] = {}
        self._pages: set[int] = set()  # those that were read

    async def call(self) -> bool:
        """Request the unpaged list; return True if the server offers it."""
        if self._capabilities.denies(ROLL):
            return False
        try:
            rows = await self._reader.users_unpaged(self._organisation, self._role)
        except (Rejected, BadAnswer, Unreachable):  # a list that is too large for the server or for us does not count
            self._capabilities.suspect(ROLL)
            return False
        self._order = [row.id for row in rows]
        self._places = {user: place for place, user in enumerate(self._order)}
        self.listed |= self._reader.of_role(rows, self._role)
        return len(self._places) == len(rows)

    async def confirm(self) -> bool:
        """Return True if the unpaged list is complete.

        If a page does not agree, the server may use another page size, or the list has moved: both are read once more.
        """
        self.whole = await self._agrees()
        if not self.whole:
            await self.first_page()
            self.whole = await self.call() and await self._agrees()
        if not self.whole:
            self._capabilities.suspect(ROLL)
        return self.whole

    async def first_page(self) -> None:
        """Read one page to learn the fields of its rows and the server's page length."""
        paging, expected = self._reader.paging, len(self._order)
        rows = await self._first(paging.rows)
        if len(rows) < min(USUAL_ROWS, paging.rows, expected):  # the server did not send so large a page
            paging.note_refusal()
            rows = await self._first(USUAL_ROWS)
        if 0 < len(rows) < min(paging.rows, expected):
            paging.note_cut(len(rows))
        self._pages = {1}  # others may have been read in another size
        self.take(rows, whole=False)

    def place(self, user: UserId) -> int | None:
        """Return the user's position on the list, counted from 0."""
        return self._places.get(user)

    def page_of(self, user: UserId) -> int | None:
        """Return the page that should hold this user, in pages of the size that this server sends."""
        place = self.place(user)
        return None if place is None else page_of(place, self._reader.paging.rows)

    async def read_pages(self, pages: Collection[int]) -> bool:
        """Read these pages. Return False if the first does not hold the expected rows; then the others are skipped."""
        left = sorted(set(pages) - self._pages)
        if left and not await self._read_page(left[0]):
            return False

        async def read(page: int) -> None:
            await self._read_page(page)

        await gather_bounded(left[1:], read)
        return True

    def take(self, rows: Iterable[UserRow], *, whole: bool) -> None:
        """Add rows of the paged list that were read by other means; `whole` if they are all there are."""
        users = self._reader.of_role(rows, self._role)
        self.whole = self.whole or whole
        self.rows |= users
        self.listed |= users
        self.row_kinds |= sent(users.values())
        self._reader.listed_fields |= self.row_kinds

    async def _agrees(self) -> bool:
        """Return True if a page past the end of the list repeats its last rows, and nobody after them."""
        for number, size in end_pages(len(self._order), self._reader.paging.seen or len(self._order) - 1):
            rows = await self._reader.users_page(self._organisation, self._role, number, size)
            if end_probe_result([row.id for row in rows], self._order, number, size) != "again":
                return False
        return True

    async def _first(self, size: int) -> list[UserRow]:
        try:
            return await self._reader.users_page(self._organisation, self._role, 1, size)
        except (Rejected, BadAnswer):
            if size <= self._reader.paging.granted:
                raise
            self._reader.paging.note_refusal()
            return await self._reader.users_page(self._organisation, self._role, 1, USUAL_ROWS)

    async def _read_page(self, page: int) -> bool:
        size = self._reader.paging.rows
        rows = await self._reader.users_page(self._organisation, self._role, page, size)
        self._pages.add(page)
        self.take(rows, whole=False)
        return [row.id for row in rows] == self._order[(page - 1) * size : page * size]


def sent(rows: Iterable[UserRow]) -> frozenset[SlotKind]:
    """Return the defaults that at least one of these rows carries."""
    return frozenset(kind for row in rows for kind, held in row.holders.items() if held is not Unread.UNREADABLE)
