"""One paged list read exactly: no row twice, none missed, whatever size of page the server really sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.read_cost import end_pages
from reconciler.problems import BadAnswer, Problem, Rejected

USUAL_ROWS = 50  # the page that clients have asked for and got for years

# What a long list asks for first. OneFile's largest page is not known, but clients in use do get a whole centre of
# some 800 learners in one unpaged answer, so an answer of this size is nothing new to it. Asking costs little where it
# is too much: a server that cuts its pages to its own size shows that size, which is then used, and no row of the
# answer is wasted; one that refuses costs one call, and is asked for the usual size from then on. Where it is granted,
# it saves 19 calls in 20.
LARGE_ROWS = 1000


class HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=HasId)


@dataclass
class Paging:
    """What is known of one server's pages, whichever list they are of.

    `rows` is what long lists ask for, and `settled` that the server's own answers say so; `seen` is the fullest page
    that came; `trusted` what is taken to come in full without having been seen: the usual size, until a list shows
    that this server cuts its pages shorter; `granted` the largest size that was asked for without being refused.
    """

    rows: int = LARGE_ROWS
    seen: int = 0
    trusted: int = USUAL_ROWS
    settled: bool = False
    granted: int = USUAL_ROWS

    def cut_to(self, rows: int) -> None:
        """A list went on after a page of so many rows, though more were asked for."""
        self.rows, self.settled = rows, True
        self.trusted = min(self.trusted, rows)

    def refused(self) -> None:
        """The server would not answer so large a question."""
        self.rows, self.settled = USUAL_ROWS, True

    def came(self, rows: int, size: int) -> None:
        """A page came of so many rows, where `size` were asked for."""
        self.seen = max(self.seen, rows)
        self.granted = max(self.granted, size)
        self.settled = self.settled or rows >= self.rows


class _Contradiction(BadAnswer):
    """Two answers about one list do not fit together: it moved while it was read, or an answer was wrong."""


class PagedList(Generic[Row]):
    """A list under way. OneFile sends no totals; its largest page is not known, nor what comes past the end.

    The pages follow one another without gap: the first is as long as the server makes it, and the others are
    asked for in that size. Every row must be new. A list has ended when two answers say so, of these:

    - a page shorter than asked, where this server has been seen to send longer ones;
    - nothing, or the last page once more, where the next page should be;
    - a second look at the end, in pages of another size, that shows the last rows again and none after them.

    So one wrong answer (a row too few, a page repeated, another order) cannot make a wrong list, and nor can a row
    that changes its place while the list is read: it turns up twice, or pushes another one into the next page. What
    no paging can see is a row that leaves the list for good and so lets another slip from an unread page to a read
    one; whoever needs a row and misses it asks for it alone.
    """

    def __init__(self, name: str, fetch: Callable[[int, int], Awaitable[list[Row]]], paging: Paging, size: int) -> None:
        self.rows: dict[int, Row] = {}
        self.pages = 0
        self.ended = False
        self.size = size
        self._name = name
        self._fetch = fetch
        self._paging = paging
        self._first_size = size
        self._last: list[int] = []
        self._at_end = False  # whether an answer says that the list ends with these rows
        self._ahead: dict[int, list[Row]] = {}

    @property
    def is_short(self) -> bool:
        """The last page had fewer rows than were asked for."""
        return self.pages > 0 and len(self._last) < self.size

    @property
    def is_over(self) -> bool:
        """An answer said already that the list ends with these rows."""
        return self.ended or self._at_end

    @property
    def looks_ended(self) -> bool:
        """The last page was shorter than asked, and shorter than what this server sends."""
        return self.ended or (self.is_short and len(self._last) < max(self._paging.seen, self._paging.trusted))

    async def read(
        self, *, enough: Callable[[Mapping[int, Row]], bool] = lambda _: False, to_the_end: bool = True
    ) -> dict[int, Row]:
        """Read on until the end, or until `enough` of the rows so far; with `to_the_end` only at what looks like it.

        Where answers contradict one another, the list is read once more from the start. Raises BadAnswer where they
        do so again.
        """
        try:
            return await self._read(enough, to_the_end)
        except _Contradiction:
            self._start_again(self._first_size)
        return await self._read(enough, to_the_end)

    async def more(self) -> None:
        """One more answer: the next page, or a look at the end."""
        if self._at_end:
            await self._look_at_the_end()
        else:
            await self._next_page()

    async def settle_size(self) -> None:
        """Read the first page, and what it takes to know whether that is all or how long this server's pages are."""
        try:
            await self._settle_size()
        except _Contradiction:
            self._start_again(self._first_size)
            await self._settle_size()

    async def look(self, page: int) -> bool:
        """Whether the list goes on after that page, as far as the page itself tells; its rows are kept for later."""
        if page not in self._ahead:
            self._ahead[page] = await self._fetch(page, self.size)
        ids = [row.id for row in self._ahead[page]]
        elsewhere = (rows for number, rows in self._ahead.items() if number != page)
        again = ids == self._last or any(ids == [row.id for row in rows] for rows in elsewhere)
        return len(ids) == self.size and not again

    async def fetch_ahead(self, last: int) -> None:
        """Fetch the pages up to `last` a few at a time, to be read from here."""

        async def fetch(page: int) -> None:
            self._ahead[page] = await self._fetch(page, self.size)

        await gather_bounded([page for page in range(self.pages + 1, last + 1) if page not in self._ahead], fetch)

    def pages_held(self, last: int) -> int:
        """How many of the pages up to `last` are read or fetched already."""
        return self.pages + sum(self.pages < page <= last for page in self._ahead)

    # ------------------------------------------------------------------ one answer

    async def _read(self, enough: Callable[[Mapping[int, Row]], bool], to_the_end: bool) -> dict[int, Row]:
        while not self.ended:
            if self.pages and enough(self.rows) and (self.looks_ended or not to_the_end):
                break
            await self.more()
        return self.rows

    async def _settle_size(self) -> None:
        while not self._at_end and self.pages < 2 and (self.is_short or not self.pages):
            await self.more()

    async def _next_page(self) -> None:
        goes_on_from_cut = self.is_short  # only the first page may be: if more follows, the server cuts its pages
        if goes_on_from_cut:
            self.size = len(self._last)
        page = await self._page(self.pages + 1)
        ids = [row.id for row in page]
        if not ids or ids == self._last:
            self._at_end = True
        elif len({*ids, *self.rows}) < len(ids) + len(self.rows):
            raise self._contradiction("repeated rows between pages")
        elif goes_on_from_cut and self.size < USUAL_ROWS < self._first_size:
            self._paging.refused()
            self._start_again(USUAL_ROWS)  # it made something odd of so large a page
        else:
            self._take(page, ids, cut=goes_on_from_cut)

    def _take(self, page: list[Row], ids: list[int], *, cut: bool) -> None:
        if cut:
            self._paging.cut_to(self.size)
        self._at_end = len(ids) < min(self.size, self._paging.seen)
        self._paging.came(len(ids), self.size)
        self.rows |= {row.id: row for row in page}
        self.pages += 1
        self._last = ids

    async def _page(self, number: int) -> list[Row]:
        if number in self._ahead:
            return self._ahead.pop(number)
        try:
            return await self._fetch(number, self.size)
        except (Rejected, BadAnswer):
            if self.pages or self.size <= self._paging.granted:
                raise
            self.size = self._first_size = USUAL_ROWS
            page = await self._fetch(number, self.size)
            self._paging.refused()  # only now: it may have been the search itself that was refused
            return page

    async def _look_at_the_end(self) -> None:
        """In sizes that this list, or another of this server, has been seen to come in."""
        largest = max(min(len(self.rows) - 1, self.size), self._paging.seen)
        known = list(self.rows)
        for number, size in end_pages(len(known), largest):
            ids = [row.id for row in await self._fetch(number, size)]
            match shown_at_end(ids, known, number, size):
                case "again":
                    pass
                case "more" if self.pages == 1 and self.is_short:
                    self._at_end = False  # it goes on: this list's pages are cut shorter than another's
                    return
                case _:
                    raise self._contradiction("did not end where its pages did")
        self.ended = True  # this is the second answer that says so

    def _start_again(self, size: int) -> None:
        self.size = self._first_size = size
        self.rows, self.pages, self.ended = {}, 0, False
        self._last, self._at_end, self._ahead = [], False, {}

    def _contradiction(self, what: str) -> _Contradiction:
        return _Contradiction(
            Problem(
                f"OneFile {what}, so the list cannot be trusted",
                "Nothing was changed by this read, and nothing is concluded from it. Run the command again; "
                "if it happens again, tell OneFile support the time of the call.",
                where=self._name,
            )
        )


def shown_at_end(ids: Sequence[int], known: Sequence[int], number: int, size: int) -> Literal["again", "more", "other"]:
    """What a look at the end showed: the last of the known rows again and none after them, more, or something else."""
    again = known[(number - 1) * size : number * size]
    if ids == again or (not again and ids == known[-size:]):  # past the end some servers send the last page once more
        return "again"
    return "more" if ids[: len(again)] == again else "other"
