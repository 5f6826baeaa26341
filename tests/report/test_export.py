"""The exported table in files that spreadsheet programs open: no cell is altered, none is a formula."""

from __future__ import annotations

import csv
import io
import re
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.commands.export import WideTable
from reconciler.importing.csv_file import cell_faults
from reconciler.report.export.csv import BYTE_ORDER_MARK, render_csv
from reconciler.report.export.xlsx import render_xlsx
from tests.excel import cells_of, require_excel

HEADINGS = ("id", "misid", "label", "cohort", "default_assessor", "default_assessor in OneFile")
SPOILT = (
    "0042",
    "1/2/2026",
    "12-11-2026",
    "march-2026",
    "1E5",
    "=1+1",
    "+1",
    "-1",
    "@a",
    "true",
    "Sept1",
    "\t=1",
    "#REF!",
)
TEXTS = st.one_of(st.sampled_from(SPOILT), st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=8))


def table(*rows: tuple[str, ...]) -> WideTable:
    return WideTable(HEADINGS, tuple((*row, *[""] * (len(HEADINGS) - len(row))) for row in rows))


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))


@given(TEXTS)
def test_a_spreadsheet_takes_no_cell_for_a_number_a_day_or_a_formula(text: str) -> None:
    """Plain cells begin with a letter and are no month; others are a constant text, or an id, which keeps its value."""
    cell = rows_of(render_csv(table(("200004", text))))[1][1]
    if cell != f'="{text}"':
        assert cell == text
        assert re.fullmatch(r"|[1-9][0-9]{0,14}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[^\W0-9].*", cell) or '"' in cell
    assert cell not in SPOILT


@given(TEXTS)
def test_a_cell_in_csv_that_the_reader_accepts_is_the_same_text(text: str) -> None:
    """The form that keeps a cell as text is one that the reader knows."""
    cell = rows_of(render_csv(table(("200004", text))))[1][1]
    if not list(cell_faults("label", text)):
        assert not list(cell_faults("label", cell))


@settings(max_examples=20)
@given(st.lists(TEXTS.map(str.strip), min_size=1, max_size=3))
def test_a_workbook_has_each_cell_as_the_text_that_it_was(texts: list[str]) -> None:
    """Whatever a cell looks like, it is read back as text; the same table gives the same bytes."""
    require_excel()
    made = table(*(("200004", text) for text in texts))
    content = render_xlsx(made)
    assert [row[:2] for row in cells_of(content)] == [list(HEADINGS[:2]), *(["200004", text] for text in texts)]
    assert render_xlsx(made) == content


def test_a_workbook_has_no_formula_and_a_heading_row_that_stays() -> None:
    """Text that looks like a formula is a string, and the rows scroll under the headings."""
    require_excel()
    content = render_xlsx(table(("200004", "=HYPERLINK(1)"), ("200005", "@SUM(1)")))
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert re.search(r'<pane [^>]*ySplit="1"[^>]*state="frozen"', sheet)


def test_a_workbook_of_no_learner_can_be_opened() -> None:
    """The headings alone are a table as well."""
    require_excel()
    assert cells_of(render_xlsx(table())) == [list(HEADINGS)]
