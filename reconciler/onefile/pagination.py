"""Exact pagination of one list: no row twice, none missed, for any page size that the server sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.read_cost import end_pages
from reconciler.problems import BadAnswer, Problem, Rejected

USUAL_ROWS = 50  # the page size that clients have used for years

# The first page size of a long list. OneFile's largest page is not known, but clients in use get a whole centre of
# some 800 learners in one unpaged answer, so an answer of this size is nothing new to it. A size that is too large
# costs little: a server that cuts its pages shows its own size, which is then used, and no row of the answer is
# wasted; a server that refuses costs one call, and gets the usual size from then on. A server that accepts it saves
# 19 calls in 20.
LARGE_ROWS = 1000

# The longest list that is read: more rows than an organisation has users, than all its learners have units, and than
# one learner has units. A list that continues has no end, or is not the list that was requested.
MOST_ROWS, MOST_PAGES = 100_000, 2_000
MOST_ROWS_OF_ALL_LEARNERS = 1_000_000
MOST_ROWS_OF_A_LEARNER, MOST_PAGES_OF_A_LEARNER = 2_000, 200


class HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=HasId)


@dataclass
class Paging:
    """Page sizes of one server, for all its lists.

    `rows` is the page size for long lists, and `settled` that the server's answers confirmed it; `seen` is the fullest
    page so far; `trusted` the size that is expected to come in full before it was seen: the usual size, until a list
    shows that this server cuts its pages shorter; `granted` the largest size that was requested and not refused.
    """

    rows: int = LARGE_ROWS
    seen: int = 0
    trusted: int = USUAL_ROWS
    settled: bool = False
    granted: int = USUAL_ROWS

    def note_cut(self, rows: int) -> None:
        """Note that a list continued after a page of so many rows, although more were requested."""
        self.rows, self.settled = rows, True
        self.trusted = min(self.trusted, rows)

    def note_refusal(self) -> None:
        """Note that the server refused a large page."""
        self.rows, self.settled = USUAL_ROWS, True

    def note_page(self, rows: int, size: int) -> None:
        """Note a page of so many rows, of `size` requested."""
        self.seen = max(self.seen, rows)
        self.granted = max(self.granted, size)
        self.settled = self.settled or rows >= self.rows


class _Contradiction(BadAnswer):
    """Two answers about one list contradict each other: it changed while it was read, or an answer was wrong."""


class PagedList(Generic[Row]):
    """A paged list. OneFile sends no totals; its largest page and its answer past the end are not known.

    The pages follow one another without gap: the first is as long as the server makes it, and the others are
    requested in that size. Every row must be new. A list has ended when two answers show it, of these:

    - a page shorter than requested, if this server has sent longer ones;
    - nothing, or the last page again, in place of the next page;
    - a probe of the end, in pages of another size, that shows the last rows again and none after them.

    So one wrong answer (a row too few, a page repeated, another order) cannot make a wrong list, and nor can a row
    that changes its place while the list is read: it appears twice, or pushes another one into the next page. No
    pagination can see a row that leaves the list permanently, so that another moves from an unread page to a read
    one; a caller that misses a row it needs reads that row alone.

    A list of more than `most_rows` rows or `most_pages` pages is an error.
    """

    def __init__(
        self,
        name: str,
        fetch: Callable[[int, int], Awaitable[list[Row]]],
        paging: Paging,
        size: int,
        *,
        most_rows: int = MOST_ROWS,
        most_pages: int = MOST_PAGES,
    ) -> None:
        self.most_rows, self.most_pages = most_rows, most_pages
        self.rows: dict[int, Row] = {}
        self.pages = 0
        self.ended = False
        self.size = size
        self._name = name
        self._fetch = fetch
        self._paging = paging
        self._first_size = size
        self._last: list[int] = []
        self._at_end = False  # True if an answer shows that the list ends with these rows
        self._ahead: dict[int, list[Row]] = {}

    @property
    def is_short(self) -> bool:
        """True if the last page had fewer rows than requested."""
        return self.pages > 0 and len(self._last) < self.size

    @property
    def is_over(self) -> bool:
        """True if an answer showed that the list ends with these rows."""
        return self.ended or self._at_end

    @property
    def looks_ended(self) -> bool:
        """True if the last page was shorter than requested, and shorter than this server's pages."""
        return self.ended or (self.is_short and len(self._last) < max(self._paging.seen, self._paging.trusted))

    async def read(
        self, *, enough: Callable[[Mapping[int, Row]], bool] = lambda _: False, to_the_end: bool = True
    ) -> dict[int, Row]:
        """Read on until the end, or until `enough` of the rows so far; with `to_the_end`, stop only at a probable end.

        If answers contradict each other, the list is read once more from the start. Raises BadAnswer if they do so
        again.
        """
        try:
            return await self._read(enough, to_the_end)
        except _Contradiction:
            self._start_again(self._first_size)
        return await self._read(enough, to_the_end)

    async def read_next(self) -> None:
        """Read one more answer: the next page, or a probe of the end."""
        if self._at_end:
            await self._probe_end()
        else:
            await self._next_page()

    async def settle_size(self) -> None:
        """Read the first page, and the second if needed to know the end or the length of this server's pages."""
        try:
            await self._settle_size()
        except _Contradiction:
            self._start_again(self._first_size)
            await self._settle_size()

    async def probe(self, page: int) -> bool:
        """Fetch that page and return True if the list seems to continue after it; its rows are kept for later."""
        if page not in self._ahead:
            self._ahead[page] = await self._fetch(page, self.size)
        ids = [row.id for row in self._ahead[page]]
        other_pages = (rows for number, rows in self._ahead.items() if number != page)
        is_repeated = ids == self._last or any(ids == [row.id for row in rows] for rows in other_pages)
        return len(ids) == self.size and not is_repeated

    async def fetch_ahead(self, last: int) -> None:
        """Fetch the pages up to `last` a few at a time, for `read`."""

        async def fetch(page: int) -> None:
            self._ahead[page] = await self._fetch(page, self.size)

        await gather_bounded([page for page in range(self.pages + 1, last + 1) if page not in self._ahead], fetch)

    def pages_held(self, last: int) -> int:
        """Count the pages up to `last` that are read or fetched already."""
        return self.pages + sum(self.pages < page <= last for page in self._ahead)

    # ------------------------------------------------------------------ one answer

    async def _read(self, enough: Callable[[Mapping[int, Row]], bool], to_the_end: bool) -> dict[int, Row]:
        while not self.ended:
            if self.pages and enough(self.rows) and (self.looks_ended or not to_the_end):
                break
            await self.read_next()
        return self.rows

    async def _settle_size(self) -> None:
        while not self._at_end and self.pages < 2 and (self.is_short or not self.pages):
            await self.read_next()

    async def _next_page(self) -> None:
        follows_cut = self.is_short  # only the first page may be: if more follows, the server cuts its pages
        if follows_cut:
            self.size = len(self._last)
        page = await self._page(self.pages + 1)
        ids = [row.id for row in page]
        if not ids or ids == self._last:
            self._at_end = True
        elif len({*ids, *self.rows}) < len(ids) + len(self.rows):
            raise self._contradiction("repeated rows between pages")
        elif follows_cut and self.size < USUAL_ROWS < self._first_size:
            self._paging.note_refusal()
            self._start_again(USUAL_ROWS)  # the server cannot handle so large a page
        else:
            self._add_page(page, ids, cut=follows_cut)

    def _add_page(self, page: list[Row], ids: list[int], *, cut: bool) -> None:
        if cut:
            self._paging.note_cut(self.size)
        self._at_end = len(ids) < min(self.size, self._paging.seen)
        self._paging.note_page(len(ids), self.size)
        self.rows |= {row.id: row for row in page}
        self.pages += 1
        self._last = ids
        if len(self.rows) > self.most_rows or self.pages > self.most_pages:
            raise self._endless()

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
            self._paging.note_refusal()  # only now: the refusal may have been of the search itself
            return page

    async def _probe_end(self) -> None:
        """Probe the end with page sizes that this list, or another of this server, has been seen to have."""
        largest = max(min(len(self.rows) - 1, self.size), self._paging.seen)
        known = list(self.rows)
        for number, size in end_pages(len(known), largest):
            ids = [row.id for row in await self._fetch(number, size)]
            match end_probe_result(ids, known, number, size):
                case "again":
                    pass
                case "more" if self.pages == 1 and self.is_short:
                    self._at_end = False  # the list continues: its pages are cut shorter than another's
                    return
                case _:
                    raise self._contradiction("did not end where its pages did")
        self.ended = True  # this is the second answer that shows it

    def _start_again(self, size: int) -> None:
        self.size = self._first_size = size
        self.rows, self.pages, self.ended = {}, 0, False
        self._last, self._at_end, self._ahead = [], False, {}

    def _endless(self) -> BadAnswer:
        what = f"OneFile sent {len(self.rows):,} rows on {self.pages:,} pages, and the list does not end"
        fix = (
            "Run the command again. If it happens again, report it to OneFile support with the time of the call. "
            "This read changed nothing, and its result is not used."
        )
        return BadAnswer(Problem(what, fix, where=self._name))

    def _contradiction(self, what: str) -> _Contradiction:
        return _Contradiction(
            Problem(
                f"OneFile {what}, so the list cannot be trusted",
                "Run the command again. If it happens again, report it to OneFile support with the time of the call. "
                "This read changed nothing, and its result is not used.",
                where=self._name,
            )
        )


def end_probe_result(
    ids: Sequence[int], known: Sequence[int], number: int, size: int
) -> Literal["again", "more", "other"]:
    """Classify a probe of the end: the last of the known rows again and none after them, more rows, or others."""
    again = known[(number - 1) * size : number * size]
    if ids == again or (not again and ids == known[-size:]):  # past the end some servers send the last page once more
        return "again"
    return "more" if ids[: len(again)] == again else "other"
