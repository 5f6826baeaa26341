"""The exported table as CSV that a spreadsheet program opens without altering a cell."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.commands.export import WideTable

BYTE_ORDER_MARK = "\ufeff"
"""Sign by which spreadsheet programs know UTF-8."""
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_ALTERED = re.compile(rf"\W.*|[0-9].*|{_MONTH}[-/. ]?[0-9].*|true|false", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile("[1-9][0-9]{0,14}")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def render_csv(table: WideTable) -> str:
    """Render the table; a cell that would be taken for a number, a day or a formula is kept as text by `="…"`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.headings)
    writer.writerows([_cell(cell) for cell in row] for row in table.rows)
    return f"{BYTE_ORDER_MARK}{text.getvalue()}"


def _cell(text: str) -> str:
    if not _ALTERED.fullmatch(text) or _NUMBER.fullmatch(text) or _DAY.fullmatch(text):
        return text
    return f'="{text}"' if '"' not in text else text
