"""Excel files in tests. The libraries are an extra, so they may be missing, but not in CI."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import pytest


def require_excel() -> None:
    """Skip the test without the extra."""
    if find_spec("xlsxwriter") is None or find_spec("python_calamine") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the extra `excel` is not installed")


def cells_of(content: bytes) -> list[list[Any]]:
    """The cells of a workbook's first sheet."""
    from python_calamine import CalamineWorkbook

    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()


def workbook(*sheets: Sequence[Sequence[object]], edit: Callable[[Any, Any], None] | None = None) -> bytes:
    """A workbook with these sheets; `edit` changes the first."""
    import xlsxwriter

    raw = io.BytesIO()
    book = xlsxwriter.Workbook(raw)
    made = [book.add_worksheet() for _ in sheets]
    for sheet, rows in zip(made, sheets, strict=True):
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    if edit:
        edit(book, made[0])
    book.close()
    return raw.getvalue()


def table_file(name: str, rows: Sequence[Sequence[object]]) -> bytes:
    """The content of a file of this name: a workbook, or CSV. Skips the test if a workbook cannot be made."""
    if name.endswith(".xlsx"):
        require_excel()
        return workbook(rows)
    return "".join(f"{','.join(map(str, row))}\n" for row in rows).encode()
