"""Excel workbooks are read as tables are, and what a workbook hides is refused with its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.importing.excel_file import is_workbook, read_workbook
from reconciler.importing.wide_layout import layout_of
from tests.excel import require_excel, workbook


@pytest.fixture(autouse=True)
def _excel() -> None:
    require_excel()


ROWS: Sequence[Sequence[object]] = [["misid", "label", "cohort", "default_assessor"], ["A1", "x", "care", "kate"]]


def problems(raw: bytes) -> list[tuple[int, str]]:
    sheet = read_workbook(raw, "t.xlsx", layout_of({}))
    return [(problem.source.line if problem.source else 0, problem.what) for problem in sheet.problems]


def test_cells_are_read_as_a_table_has_them() -> None:
    """Whole numbers are ids, texts keep their zeros, empty sheets do not count, and lines are the workbook's."""
    rows = [["id", "misid", "cohort"], [], [200001, "0042", "care"], ["", "0043", "care"]]
    sheet = read_workbook(workbook(rows, []), "t.xlsx", layout_of({}))
    assert sheet.problems == []
    assert [(row.line, row["id"], row["misid"]) for row in sheet.rows] == [(3, "200001", "0042"), (4, "", "0043")]


@pytest.mark.parametrize(
    ("place", "write", "what"),
    [
        (
            0,
            lambda _, sheet: sheet.write_formula(1, 0, "=1+1", None, 2),
            "the row has a formula, or a spreadsheet's error",
        ),
        (0, lambda _, sheet: sheet.write_number(1, 0, 12e19), "misid: the spreadsheet has rounded this number"),
        (
            0,
            lambda book, sheet: sheet.write_datetime(
                1, 0, datetime(2027, 2, 1, tzinfo=UTC).replace(tzinfo=None), book.add_format({"num_format": "d/m/yy"})
            ),
            "misid: the cell is a day or a time, and the spreadsheet may have made it one",
        ),
        (2, lambda _, sheet: sheet.write_boolean(1, 2, True), "cohort: the cell has a placeholder, 'true'"),
    ],
)
def test_what_a_spreadsheet_has_made_of_a_cell_is_refused(
    place: int, write: Callable[[Any, Any], None], what: str
) -> None:
    """A formula's last value is not taken: nobody has seen it."""
    assert ROWS[1][place]
    assert problems(workbook(ROWS, edit=write)) == [(2, what)]


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (
            lambda: b"\xd0\xcf\x11\xe0 an old or locked workbook",
            "the file is too large, has a password, or is of an old version of Excel",
        ),
        (lambda: b"PK\x03\x04 no archive", "the file is no Excel workbook"),
        (lambda: workbook(ROWS)[:-40], "the file is no Excel workbook"),
        (lambda: workbook(ROWS, ROWS), "2 sheets have cells"),
        (lambda: workbook([]), "the file is empty"),
    ],
)
def test_a_file_that_is_no_readable_workbook_is_refused(made: Callable[[], bytes], what: str) -> None:
    """With a fix, and never a traceback."""
    assert is_workbook(made())
    assert problems(made()) == [(0, what)]
