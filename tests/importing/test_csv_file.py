"""A spreadsheet's CSV: whatever the program that saved it, the same rows; whatever it altered, refused at its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.importing.csv_file import read_sheet

PLAIN = "learner,slot,staff,unit\n200004,unit_assessor,kate,KS 1\n"
ROW = {"learner": "200004", "slot": "unit_assessor", "staff": "kate", "unit": "KS 1"}


def rows(raw: bytes | str) -> list[dict[str, str]]:
    sheet = read_sheet(raw.encode() if isinstance(raw, str) else raw, "t.csv")
    assert sheet.problems == []
    return [{name: cell for name, cell in row.cells.items() if cell} for row in sheet.rows]


def told(raw: bytes | str) -> list[str]:
    sheet = read_sheet(raw.encode() if isinstance(raw, str) else raw, "t.csv")
    return [f"{problem.place()}: {problem.what}" for problem in sheet.problems]


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        PLAIN.encode("utf-8-sig"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t").encode("utf-16"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        "sep=|\r\n" + PLAIN.replace(",", "|"),
        "\n,,,\n" + PLAIN + ",,,\n\n",
        " Learner ID , SLOT,Staff-Id,unit_id\n 200004,unit_assessor , kate,KS 1\n",
        '"unit","learner","slot","staff"\n"KS 1","200004","unit_assessor","kate"\n',
        'learner,slot,staff,unit\n"=""200004""",unit_assessor,kate,KS 1\n',
        "Name,learner,slot,staff,unit,Notes\nAda,200004,unit_assessor,kate,KS 1,=A1\n",
        "learner,slot,staff,unit\n200004,unit_assessor,kate,KS 1,,,\n",
        "learner,slot,staff,unit\n\u00a0200004,unit_assessor,kate,KS 1",
    ],
)
def test_the_same_rows_whatever_saved_them(raw: bytes | str) -> None:
    """Separators, marks, quotes, order and case of the header, and what other columns hold, make no difference."""
    assert rows(raw) == [ROW]


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("=VLOOKUP(A1)", "the cell is a formula"),
        ("@kate", "the cell is a formula"),
        ("-1", "the cell is a formula"),
        ("#REF!", "a spreadsheet's error"),
        ("#N/A", "a spreadsheet's error"),
        ("'0012", "begins with an apostrophe"),
        ("1.32757E+05", "rounded this number"),
        ('"two\nlines"', "cannot be shown"),
        ("zero\u200bwidth", "cannot be shown"),
    ],
)
def test_what_a_spreadsheet_may_have_altered_is_refused_at_its_line(cell: str, what: str) -> None:
    """The sound rows around it are read, and the cell's text is not repeated."""
    sheet = read_sheet(f"{PLAIN}{cell},additional,kate,\n200005,additional,kate,\n".encode(), "t.csv")
    [problem] = sheet.problems
    assert problem.place() == "t.csv:3"
    assert problem.what.startswith("learner: ") and what in problem.what
    assert len(sheet.rows) == 2


@pytest.mark.parametrize(
    ("raw", "where_and_what"),
    [
        ("", "t.csv: the file is empty"),
        ("learner,slot\n1,2\n", "t.csv:1: the first row has no column staff"),
        ("learner,slot,staff,Staff ID\n", "t.csv:1: two columns are called staff"),
        (b"learner,slot,staff\n1,additional,Zo\xeb\n", "t.csv:2: the file is not UTF-8"),
        (PLAIN + '200005,"additional,kate,\n', "t.csv:3: the row that starts here cannot be read"),
        (PLAIN + "200005,additional,kate,,more\n", "t.csv:3: the row has more cells than the first row has headings"),
    ],
)
def test_a_table_that_is_none_says_where_and_why(raw: bytes | str, where_and_what: str) -> None:
    """One problem, at the line where a person would look."""
    [problem] = told(raw)
    assert problem.startswith(where_and_what)


def test_a_column_with_nearly_the_right_name_is_pointed_at() -> None:
    """By its number: a header is not repeated."""
    [problem] = read_sheet(b"x,lerner,slot,staff\n1,2,3,4\n", "t.csv").problems
    assert "Rename column 2 to learner" in problem.fix


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: ("learner,slot,staff\n" + text).encode()))
def test_no_bytes_end_in_anything_but_rows_and_problems(raw: bytes) -> None:
    """A spreadsheet may hold anything."""
    sheet = read_sheet(raw, "t.csv")
    assert sheet.problems or all(set(row.cells) >= {"learner"} or row.cells for row in sheet.rows)
