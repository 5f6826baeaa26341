"""A spreadsheet's CSV: whatever the program that saved it, the same rows; whatever it altered, refused at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.importing.csv_file import COLUMNS, REQUIRED, read_sheet
from reconciler.importing.existing_state import read_existing
from reconciler.importing.from_csv import import_sheet
from reconciler.problems import in_order
from tests.declared.files import DAY, centre

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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("place", range(4))
def test_a_heading_with_a_line_break_is_read_wherever_it_is(separator: str, place: int) -> None:
    """Spreadsheets put one into a cell, in quotes, whichever separator they write."""
    names = ["learner", "slot", "staff", "unit"]
    names[place] = f'"{names[place]}\n"'
    body = separator.join(["200004", "unit_assessor", "kate", "KS 1"])
    assert rows(f"{separator.join(names)}\n{body}\n") == [ROW]


@pytest.mark.parametrize("heading", ["LearnerID", "learner_id", "Learner Id", "LEARNER-ID"])
def test_ids_are_known_by_the_names_that_onefile_gives_them(heading: str) -> None:
    """LearnerID, StandardID and UnitID, as its API and its exports spell them."""
    assert rows(f"{heading},slot,staff,UnitID,StandardID\n200004,unit_assessor,kate,KS 1,\n") == [ROW]


SLIPS = st.sampled_from([name for name in COLUMNS if name not in REQUIRED]).flatmap(
    lambda name: st.tuples(st.just(name), st.integers(1, len(name) - 1), st.sampled_from(["double", "swap", "more"]))
)


@given(SLIPS)
def test_a_heading_with_a_slip_is_never_passed_over(slip: tuple[str, int, str]) -> None:
    """A column that almost has a known name is named by its number, or the sheet has no problem and reads it."""
    name, place, kind = slip
    heading = {
        "double": name[:place] + name[place - 1] + name[place:],
        "swap": name[: place - 1] + name[place] + name[place - 1] + name[place + 1 :],
        "more": f"{name} (as agreed)",
    }[kind]
    problems = read_sheet(f"learner,slot,staff,{heading}\n".encode(), "t.csv").problems
    assert heading == name or any(f"column 4 is almost {name}" in problem.what for problem in problems)


@pytest.mark.parametrize("heading", ["Name", "Notes", "Start", "Team", "Email", "Programme", "Status"])
def test_a_heading_of_another_kind_is_left_alone(heading: str) -> None:
    """Other columns are counted as unread, and no more."""
    sheet = read_sheet(f"learner,slot,staff,{heading}\n".encode(), "t.csv")
    assert (sheet.problems, sheet.unread) == ([], [4])


@pytest.mark.parametrize(
    "case", sorted((Path(__file__).parents[1] / "cases" / "csv").glob("*.csv")), ids=lambda case: case.stem
)
def test_every_problem_of_a_csv_case_is_reported_at_once(case: Path, tmp_path: Path) -> None:
    """All problems of a table, each at its line; the text file beside it has them."""
    state = centre(tmp_path, "learners: []\n")
    sheet = read_sheet(case.read_bytes(), case.name)
    result = import_sheet(sheet, read_existing(state, DAY), {}, cohort="c1")
    lines = "".join(f"{problem}\n" for problem in in_order([*sheet.problems, *result.problems]))
    assert lines == case.with_suffix(".txt").read_text("utf-8")
