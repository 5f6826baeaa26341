"""The exported table as an Excel workbook; the only module that knows the library that writes it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.problems import Problem, ReconcilerError

if TYPE_CHECKING:
    from reconciler.commands.export import WideTable

SHEET = "Learners"
_WIDEST = 40  # characters
_MADE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Time of making in the file, always the same: the same table gives the same bytes."""
_AS_TEXT = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}


def check_library() -> None:
    """Raise ReconcilerError if the extra `excel` is not installed."""
    _library()


def render_xlsx(table: WideTable) -> bytes:
    """Render the table. Every cell is text, so that no id is altered and nothing is a formula."""
    library, file = _library(), io.BytesIO()
    book = library.Workbook(file, {"in_memory": True, **_AS_TEXT})
    book.set_properties({"created": _MADE})
    sheet = book.add_worksheet(SHEET)
    _fill(sheet, table, _Formats(book))
    book.close()
    return file.getvalue()


class _Formats:
    """Looks of the cells: text everywhere; columns that are for people only are grey."""

    def __init__(self, book: Any) -> None:
        text = {"num_format": "@"}
        self.heading = book.add_format({**text, "bold": True, "bottom": 1, "bg_color": "#DCE6F1"})
        self.cell = book.add_format(text)
        self.information_heading = book.add_format({**text, "italic": True, "bottom": 1, "font_color": "#595959"})
        self.information = book.add_format({**text, "font_color": "#595959"})


def _fill(sheet: Any, table: WideTable, formats: _Formats) -> None:
    for place, heading in enumerate(table.headings):
        is_read = place not in table.information
        cells = [row[place] for row in table.rows]
        look = formats.cell if is_read else formats.information
        sheet.set_column(place, place, _width(heading, cells), look)
        sheet.write_string(0, place, heading, formats.heading if is_read else formats.information_heading)
        for line, cell in enumerate(cells, 1):
            if cell:
                sheet.write_string(line, place, cell, look)
    sheet.freeze_panes(1, table.headings.index("cohort") + 1)
    sheet.autofilter(0, 0, len(table.rows), len(table.headings) - 1)
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})


def _width(heading: str, cells: list[str]) -> int:
    """Return the width of a column in characters; the heading's button needs some."""
    return min(_WIDEST, max(len(heading) + 4, *(len(cell) + 2 for cell in cells), 0))


def _library() -> Any:
    try:
        import xlsxwriter
    except ImportError:
        what = "writing an Excel file needs the library XlsxWriter, which is not installed"
        fix = "Run: pip install 'onefile-reconciler[excel]'. Or use --csv."
        raise ReconcilerError(Problem(what, fix)) from None
    return xlsxwriter
