"""Reads an Excel workbook into rows of clean cells, as csv_file does; refuses formulas and a spreadsheet's errors."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from reconciler.importing.csv_file import SIZE_CAP, Layout, Sheet, read_lines
from reconciler.problems import Problem, ReconcilerError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

UNPACKED_CAP = 200_000_000
"""Bytes of all parts of the largest workbook that is read."""
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_WHOLE = 10**15  # a spreadsheet keeps fifteen digits of a number
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)>\s*(<(?:\w+:)?f\b)?")
_ROW = re.compile(rb'\br="[A-Z]+([0-9]+)"')
_SAVE = "Save it as an Excel workbook (.xlsx) without a password, or as 'CSV UTF-8'."


def is_workbook(raw: bytes) -> bool:
    """Return True for a workbook of any version of Excel."""
    return raw.startswith((_ZIP, _OLE))


def read_workbook(raw: bytes, file: str, layout: Callable[[Sequence[str]], Layout]) -> Sheet:
    """Read the only sheet of a workbook that has cells. Every fault is a problem of the sheet.

    Raises ReconcilerError if the extra is not installed.
    """
    sheet = Sheet(file)
    formulas = _formulas(raw, sheet)
    rows = None if formulas is None else _rows(raw, sheet)
    if rows is not None:
        lines = ((line, [_text(cell) for cell in cells]) for line, cells in rows)
        read_lines(lines, sheet, layout)
        for line in sorted(formulas or ()):
            what = "the row has a formula, or a spreadsheet's error"
            sheet.problem(line, what, "Put its value there: copy the cells, and paste them as values.")
    return sheet


def _formulas(raw: bytes, sheet: Sheet) -> set[int] | None:
    """Return the rows with a formula or an error, of which the reader shows only the last value, or nothing."""
    if len(raw) > SIZE_CAP or raw.startswith(_OLE):
        sheet.problem(0, "the file is too large, has a password, or is of an old version of Excel", _SAVE)
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            if sum(part.file_size for part in parts.infolist()) > UNPACKED_CAP:
                sheet.problem(0, f"the workbook unpacks to more than {UNPACKED_CAP // 1_000_000} MB", "Split it.")
                return None
            names = [name for name in parts.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
            return {row for name in names for row in _formula_rows(parts.read(name))}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        sheet.problem(0, "the file is no Excel workbook", _SAVE)
        return None


def _formula_rows(xml: bytes) -> Iterator[int]:
    for attributes, formula in _CELL.findall(xml):
        place = _ROW.search(attributes)
        if formula or b't="e"' in attributes:
            yield int(place[1]) if place else 0


def _rows(raw: bytes, sheet: Sheet) -> list[tuple[int, list[Any]]] | None:
    """Return the rows of the only sheet with cells, each with its number."""
    calamine = _library()
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
        filled = [(table, rows) for table in sheets if (rows := _cells(table))]
    except calamine.CalamineError:
        sheet.problem(0, "the workbook cannot be read", _SAVE)
        return None
    if len(filled) > 1:
        sheet.problem(0, f"{len(filled)} sheets have cells", "Keep only the sheet that should be read.")
        return None
    return filled[0][1] if filled else []


def _cells(table: CalamineSheet) -> list[tuple[int, list[Any]]]:
    return list(enumerate(table.to_python(skip_empty_area=False), 1)) if table.end else []


def _library() -> Any:
    try:
        import python_calamine  # only for workbooks
    except ImportError as error:
        what = "reading an Excel file needs the library python-calamine, which is not installed"
        fix = "Run: pip install 'onefile-reconciler[excel]'. Or save the table as 'CSV UTF-8'."
        raise ReconcilerError(Problem(what, fix)) from error
    return python_calamine


def _text(cell: object) -> str:
    """Return a cell as a CSV file would have it, but for days, which are unambiguous."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if abs(cell) >= _WHOLE:
            return f"{cell:.1E}"
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
