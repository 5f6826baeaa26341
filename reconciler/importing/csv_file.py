"""Reads a spreadsheet's CSV into rows of clean cells; refuses cells that the spreadsheet may have altered."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, NamedTuple

from reconciler.model.structs import Struct, field
from reconciler.problems import Problem, Source
from reconciler.text import HIDDEN, listed, nearest, quoted, shown

COLUMNS = ("learner", "slot", "staff", "standard", "unit", "cohort", "label", "from", "until")
REQUIRED = ("learner", "slot", "staff")
SIZE_CAP = 20_000_000
_ALSO = {f"{name}{end}": name for name in ("learner", "staff", "standard", "unit") for end in ("_id", "id")}
_OPTIONAL = tuple(name for name in COLUMNS if name not in REQUIRED)
_KINDS = {name: name for name in COLUMNS} | {"id": "learner", "misid": "learner"}  # any other column is of staff
NEAR = 0.75  # how similar a heading and a column's name must be
_SEPARATORS = (",", ";", "\t")
_KEPT_AS_TEXT = re.compile('="([^"]*)"')  # the formula that keeps 0012 as it is in a spreadsheet
_ERROR_VALUES = re.compile(r"#[A-Z0-9/_]+[!?]?")
_ROUNDED = re.compile(r"[0-9]+([.,][0-9]+)?E[+-]?[0-9]+", re.IGNORECASE)
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›＂＇"
_PLACEHOLDERS = frozenset(
    {"null", "nil", "none", "na", "n/a", "n.a.", "nan", "undefined", "unknown", "tbc", "tba", "tbd", "blank"}
    | {"(blank)", "empty", "(empty)", "true", "false", "?", "??", "???", "-", "--", "–", "—", "."}
)
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*"
_DAY_OR_TIME = re.compile(
    rf"[0-9]{{1,2}}[-/. ]{_MONTH}(?:[-/. ][0-9]{{2,4}})?|{_MONTH}[-/. ][0-9]{{2,4}}"
    r"|[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{2,4}(?: .*)?|[0-9]{4}([/.-])[0-9]{1,2}\2[0-9]{1,2}(?:[ T].*)?"
    r"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Row(Struct, frozen=True):
    """Cells of one row by column, stripped; a missing or empty cell is ""."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


class Sheet(Struct):
    """Rows of a table. `names` are its columns; `unread` has the numbers of those without a known heading.

    `width` is the number of the last column with a heading.
    """

    file: str
    names: tuple[str, ...] = ()
    width: int = 0
    rows: list[Row] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, line: int, what: str, fix: str) -> None:
        self.problems.append(Problem(what, fix, Source(self.file, line)))


Lines = Iterable[tuple[int, Sequence[str]]]
"""Rows of cells, each with its line."""


class Layout(NamedTuple):
    """Headings of a table: whether one `knows` a heading, and the names of the columns by their places.

    `header` adds problems to the sheet, and returns None if it has any.
    """

    knows: Callable[[str], bool]
    header: Callable[[Sequence[str], int, Sheet], dict[int, str] | None]


def read_sheet(raw: bytes, file: str, layout: Callable[[Sequence[str]], Layout] | None = None) -> Sheet:
    """Read a CSV file. Every fault is a problem of the sheet; `rows` leaves out rows with a faulty cell.

    *layout* chooses the layout by the first row; without it, the table has one row for each slot.
    """
    sheet = Sheet(file)
    text = _decoded(raw, sheet)
    if text is None:
        return sheet
    choose = layout or (lambda _: LONG)
    separator, skipped = _separator(text, choose)
    start = 1
    reader = _rows(text, separator)

    def lines() -> Lines:
        nonlocal start
        for cells in reader:
            line, start = start, reader.line_num + 1
            if line > skipped:
                yield line, cells

    try:
        read_lines(lines(), sheet, choose)
    except csv.Error as error:
        what = f"the row that starts here cannot be read: {error}"
        sheet.problem(start, what, "Look for a quote that is not closed, and save the file as CSV again.")
    return sheet


def _decoded(raw: bytes, sheet: Sheet) -> str | None:
    """Decode UTF-8, or UTF-16 with its mark, which spreadsheets call Unicode text."""
    if len(raw) > SIZE_CAP:
        sheet.problem(0, f"the file is larger than {SIZE_CAP // 1_000_000} MB", "Split it, one file for some cohorts.")
        return None
    try:
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        sheet.problem(line, "the file is not UTF-8", "Save it as 'CSV UTF-8' in the spreadsheet program.")
        return None


def read_lines(lines: Lines, sheet: Sheet, layout: Callable[[Sequence[str]], Layout]) -> None:
    """Add the rows below the first one with a text in it, which has the headings."""
    header: dict[int, str] | None = None
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = layout(cells).header(cells, line, sheet)
            if header is None:
                return
            sheet.names = tuple(header.values())
            sheet.width = max(place for place, cell in enumerate(cells, 1) if cell.strip())
        else:
            _add(cells, header, line, sheet)
    if header is None and not sheet.problems:
        sheet.problem(0, "the file is empty", f"Start it with a row of headings: {','.join(REQUIRED)}.")


def _separator(text: str, layout: Callable[[Sequence[str]], Layout]) -> tuple[str, int]:
    """Return the separator with which the first row has most known columns, and how many lines to skip.

    A first line such as `sep=;` names the separator.
    """
    first = text.partition("\n")[0]
    named = re.fullmatch(r'"?sep=(.)"?\r?', first, re.IGNORECASE)
    if named:
        return named[1], 1

    def known(mark: str) -> int:
        cells = _first_row(text, mark)
        return sum(map(layout(cells).knows, cells))

    return max(_SEPARATORS, key=known), 0


def _rows(text: str, separator: str) -> Any:
    """Return csv's reader; typeshed has no public name for its type."""
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _first_row(text: str, separator: str) -> list[str]:
    """Return the first row with a text in it, among the first rows; nothing if the separator does not fit."""
    try:
        return next((row for row in islice(_rows(text, separator), 20) if any(map(str.strip, row))), [])
    except csv.Error:
        return []


def _column(cell: str) -> str:
    name = re.sub("[^a-z0-9]+", "_", cell.strip().strip('"').lower()).strip("_")
    return _ALSO.get(name, name)


def _header(cells: Sequence[str], line: int, sheet: Sheet) -> dict[int, str] | None:
    names = {place: _column(cell) for place, cell in enumerate(cells)}
    known = {place: name for place, name in names.items() if name in COLUMNS}
    sheet.unread += [place + 1 for place, cell in enumerate(cells) if cell.strip() and place not in known]
    for name in sorted({name for name in known.values() if list(known.values()).count(name) > 1}):
        sheet.problem(line, f"two columns are called {name}", "Rename or remove one of them.")
    for name in (name for name in REQUIRED if name not in known.values()):
        near = [place for place in sheet.unread if nearest(names[place - 1], [name])]
        hint = f"Rename column {near[0]} to {name}" if near else f"Add a column {name}"
        sheet.problem(line, f"the first row has no column {name}", f"{hint}; the columns are {listed(COLUMNS, 'and')}.")
    for name in (name for name in _OPTIONAL if name not in known.values()):
        for place in (place for place in sheet.unread if _is_near(names[place - 1], name)):
            what = f"the heading of column {place} is almost {name}, so the column would not be read"
            fix = f"Rename column {place} to {name}, or give it a different name if it is something else."
            sheet.problem(line, what, fix)
    return None if sheet.problems else known


LONG = Layout(lambda cell: _column(cell) in COLUMNS, _header)
"""One row for each slot."""


def is_long(cells: Sequence[str]) -> bool:
    """Return True for the headings of a table with one row for each slot."""
    return "slot" in map(_column, cells)


def _is_near(heading: str, name: str) -> bool:
    """Return True for a heading with a slip, such as `untill`, or with more words, such as `until_date`."""
    return name in heading.split("_") or SequenceMatcher(None, heading, name).ratio() >= NEAR


def _add(cells: Sequence[str], header: Mapping[int, str], line: int, sheet: Sheet) -> None:
    if any(cell.strip() for cell in cells[sheet.width :]):
        sheet.problem(
            line, "the row has more cells than the first row has headings", "Name the column, or clear the cells."
        )
        return
    row = {name: cells[place].strip() for place, name in header.items() if place < len(cells)}
    faults = [fault for name, cell in row.items() for fault in islice(cell_faults(name, cell), 1)]
    for what, fix in faults:
        sheet.problem(line, what, fix)
    if not faults:
        sheet.rows.append(Row(line, {name: _plain(cell) for name, cell in row.items()}))


def _plain(cell: str) -> str:
    kept = _KEPT_AS_TEXT.fullmatch(cell)
    return kept[1].strip() if kept else cell


def cell_faults(name: str, cell: str) -> Iterator[tuple[str, str]]:
    """Yield the faults of a cell. Its text is not repeated, because it may be somebody's name."""
    text, kind = _plain(cell), _KINDS.get(name, "staff")
    if kind != "staff" and text.casefold() in _PLACEHOLDERS:
        yield f"{name}: the cell has a placeholder, {quoted(text)}", "Write the value, or clear the cell."
    if text[:1] in ("=", "+", "-", "@"):
        yield f"{name}: the cell is a formula", "Put its value there, as text."
    elif set(text) == {"#"}:
        fix = "Make the column wider, and save the file as CSV again."
        yield f"{name}: the column is too narrow for the spreadsheet to show this cell", fix
    elif _ERROR_VALUES.fullmatch(text):
        yield f"{name}: the cell has a spreadsheet's error, {shown(text)}", "Correct the formula that it came from."
    elif text.startswith("'"):
        yield f"{name}: the cell begins with an apostrophe", "Remove it."
    elif text and (text[0] in _QUOTES or text[-1] in _QUOTES):
        yield f"{name}: the cell has quotes around its text", "Remove the quotes."
    elif "�" in text:
        yield f"{name}: the cell has a character that was lost (�)", "Enter it again, and save as 'CSV UTF-8'."
    elif _ROUNDED.fullmatch(text):
        yield (
            f"{name}: the spreadsheet has rounded this number",
            "Format the column as text, and enter the number again.",
        )
    elif kind in ("learner", "unit", "cohort", "label") and text is cell and _DAY_OR_TIME.fullmatch(text):
        fix = 'Format the column as text, and enter the id again; if it is right as it is, enter it as ="id".'
        yield f"{name}: the cell is a day or a time, and the spreadsheet may have made it one", fix
    elif kind in ("learner", "unit", "label") and _EMAIL.fullmatch(text):
        what = f"{name}: the cell is an e-mail address"
        yield what, "Write an id; write a MISID with @ in it as misid:…." if kind == "learner" else "Write an id."
    elif not text.isprintable() or HIDDEN.search(text):
        yield (
            f"{name}: the cell has characters that cannot be shown",
            "Enter it again, without line breaks.",
        )
