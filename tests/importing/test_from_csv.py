"""Rows of a table become slots only where they can be meant in one way; every other row is told, at its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from reconciler.importing.csv_cells import known_to_files
from reconciler.importing.csv_file import read_sheet
from reconciler.importing.existing_state import Existing, read_existing
from reconciler.importing.from_csv import CsvImport, import_sheet
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Declared
from reconciler.model.slots import Role, UserId
from reconciler.runtime.state_files import cohort_text, staff_text
from tests.declared.files import AIM, AIM_IQA, DEFAULT, EMPLOYER, PRIYA, UNIT, UNIT_IQA, additional, centre, holders
from tests.declared.files import read as read_files

HEAD = "learner,slot,staff,standard,unit,cohort,label,from,until\n"
ACCOUNTS = [
    CensusStaff(UserId(1), Role.ASSESSOR, "MIS-1", "Kate Anderson", "kate@college.example"),
    CensusStaff(UserId(2), Role.ASSESSOR, "MIS-2", "James Fayre", "james@college.example"),
    CensusStaff(UserId(3), Role.IQA, "", "James Fayre", "james@college.example"),
    CensusStaff(UserId(4), Role.EMPLOYER, "", "Morgan Bellweather", "office@acme.example"),
    CensusStaff(UserId(5), Role.EMPLOYER, "", "Ada Thorn", "office@acme.example"),
    CensusStaff(UserId(6), Role.OBSERVER, "2", "Lee Okehampton", ""),
]
LISTED = {one.id: one for one in ACCOUNTS}


def table(*lines: str, existing: Existing | None = None, cohort: str = "care") -> CsvImport:
    sheet = read_sheet((HEAD + "".join(f"{line}\n" for line in lines)).encode(), "t.csv")
    return import_sheet(sheet, existing or Existing(), LISTED, cohort=cohort)


def declared(made: CsvImport, folder: Path, day: date) -> Declared:
    """Read the files made from the import."""
    assert made.problems == ()
    [cohort] = made.cohorts
    body = cohort_text(cohort).partition("cohort: care\n")[2]
    return read_files(folder, body, day, staff=staff_text(made.staff))


def told(*lines: str, existing: Existing | None = None, cohort: str = "care") -> list[str]:
    return [
        f"{problem.place()}: {problem.what}" for problem in table(*lines, existing=existing, cohort=cohort).problems
    ]


def test_every_kind_of_slot_is_understood(tmp_path: Path) -> None:
    """By its full word, or by assessor and iqa where a standard or a unit says which."""
    made = table(
        "200004,Default assessor,1",
        "200004,default_employer,4",
        "200004,assessor,kate@college.example,41240",
        "200004,learning aim IQA,3,41240",
        "200004,unit-assessor,MIS-1,,KS_COMM1",
        "id:200004,iqa,james@college.example,,KS_COMM1",
        "200004,additional,6",
    )
    expected = {DEFAULT: 1, EMPLOYER: 4, AIM: 1, AIM_IQA: 3, UNIT: 1, UNIT_IQA: 3, additional(6): 6}
    assert holders(declared(made, tmp_path, date(2026, 12, 1))) == expected


def test_days_and_nobody_are_understood(tmp_path: Path) -> None:
    """A day as in the files, or as a British spreadsheet has it where it can be read one way only."""
    made = table(
        "200004,default_assessor,1,,,,,,31/12/2026",
        "200004,default_assessor,2,,,,,2027-01-01,2027-01-31",
        "200004,default_assessor,nobody,,,,,2027-02-01,",
    )
    days = {date(2026, 12, 31): 1, date(2027, 1, 31): 2, date(2027, 2, 1): None}
    for day, holder in days.items():
        assert holders(declared(made, tmp_path, day)) == {DEFAULT: holder}


def test_learners_are_declared_by_id_or_misid_with_their_label() -> None:
    """In cohorts of their own where the rows say so."""
    made = table("200004,additional,6,,,arts,LRN-1", "LRN00042,additional,6", "misid:0042,additional,6")
    assert made.problems == ()
    found = {cohort.name: [(one.id, one.misid, one.label) for one in cohort.learners] for cohort in made.cohorts}
    assert found == {"arts": [(200004, None, "LRN-1")], "care": [(None, "0042", ""), (None, "LRN00042", "")]}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("Ada Thorn,additional,6", "learner: the cell looks like a name (names are not accepted)"),
        ("0042,additional,6", "learner: '0042' may be an id or a MISID"),
        ("200004.0,additional,6", "learner: '200004.0' may be an id or a MISID"),
        (",additional,6", "learner: the cell is empty"),
        ("200004,,6", "slot: the cell is empty"),
        ("200004,tutor,1", "slot: the cell names no slot"),
        ("200004,assessor,1", "slot: 'assessor' needs a standard or a unit"),
        ("200004,iqa,3,41240,KS 1", "slot: 'iqa' takes a standard or a unit, not both"),
        ("200004,default_assessor,1,41240", "standard: default_assessor has no standard"),
        ("200004,unit_iqa,3,41240,KS 1", "standard: unit_iqa has no standard"),
        ("200004,learning_aim_iqa,3", "standard: the cell is empty"),
        ("200004,assessor,1,Care", "standard: the cell is not an id, a whole number"),
        ("200004,additional,", "staff: the cell is empty"),
        ("200004,additional,nobody", "staff: nobody cannot be an additional person"),
        (
            "200004,default_assessor,Kate Anderson",
            "staff: not a known handle, id, e-mail address or MISID",
        ),
        ("200004,default_assessor,kate", "staff: 'kate' is not a handle in staff.yaml, nor a known MISID"),
        ("200004,default_assessor,77", "staff: no active member of staff has the id 77"),
        ("200004,default_employer,office@acme.example", "staff: 2 accounts may be meant: 4, 5"),
        ("200004,additional,james@college.example", "staff: 2 accounts may be meant: 2, 3"),
        ("200004,additional,2", "staff: 2 accounts may be meant: 2, 6"),
        ("200004,default_assessor,3", "learner 200004: default_assessor must have role trainee_assessor or assessor"),
        ("200004,additional,6,,,Care L3", "cohort: 'Care L3' is not a cohort name"),
        ("200004,additional,6,,,,,01/02/2027", "from: 01/02/2027 is ambiguous (1 February or 2 January)"),
        ("200004,additional,6,,,,,46387", "from: the cell is not a day"),
        ("200004,additional,6,,,,,30/02/2027", "from: the cell is not a day"),
        ("200004,additional,6,,,,,2027-02-02,2027-02-01", "learner 200004: additional: the entry ends on 2027-02-01"),
    ],
)
def test_a_row_that_may_mean_two_things_is_refused(row: str, what: str) -> None:
    """With the reason, at its line; and what may be a name is not repeated."""
    [problem] = told(row)
    assert problem.startswith(f"t.csv:2: {what}"), problem
    assert "Thorn" not in problem and "Anderson" not in problem


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        (("200004,default_assessor,1", "200004,default_assessor,1"), 3, "overlap on every day"),
        (("200004,default_assessor,1,,,,,,2027-01-31", "200004,default_assessor,2,,,,,2027-02-02"), 3, "on 2027-02-01"),
        (("200004,additional,6", "200004,additional,6"), 3, "the row on line 2 names this additional person already"),
        (("200004,additional,6,,,arts", "200004,additional,1,,,care"), 3, "is declared twice; first at t.csv:2"),
        (
            ("200004,additional,6,,,,one", "200004,additional,1,,,,two"),
            3,
            "the row on line 2 has another for the same learner",
        ),
        (
            ("200004,additional,6,,,,one", "200009,additional,1,,,,one"),
            3,
            "is also the label of the learner at t.csv:2",
        ),
        (("6,additional,1", "7,additional,6"), 2, "this id is observer-6's"),
    ],
)
def test_rows_that_contradict_one_another_are_refused(rows: tuple[str, ...], line: int, what: str) -> None:
    """As validate would refuse the files, but at the table's line."""
    [problem] = told(*rows)
    assert problem.startswith(f"t.csv:{line}: ") and what in problem


def test_all_rows_are_told_at_once() -> None:
    """And one that is refused makes no talk of gaps between the others."""
    found = told(
        "200004,default_assessor,1,,,,,,2027-01-31",
        "200004,default_assessor,kate,,,,,2027-02-01,2027-02-28",
        "200004,default_assessor,2,,,,,2027-03-01",
        "x y,slot,,,,,,46387,",
        cohort="",
    )
    assert [problem.split(":")[1] for problem in sorted(found)] == ["2", "3", "3", "4", "5", "5", "5", "5"]


@pytest.mark.parametrize(
    "rows",
    [
        ["200004,default_assessor,3"],
        ["200004,default_assessor,1", "200004,default_assessor,2"],
        ["200004,default_assessor,1,,,,,2027-02-02,2027-02-01"],
        ["200004,additional,6,,,arts", "200004,additional,1,,,care"],
        ["6,additional,1", "7,additional,6"],
    ],
    ids=["role", "overlap", "turned days", "two cohorts", "a learner who is staff"],
)
@pytest.mark.parametrize(
    "other",
    ["x y,default_assessor,1", "200004,additional,who", "200009,slot,1", "200009,default_assessor,,,,,,46387"],
    ids=["nobody knows whose", "the same learner's", "another's", "another's, twice"],
)
def test_what_is_wrong_with_a_row_is_told_beside_any_other(rows: list[str], other: str) -> None:
    """Nobody corrects a table to be told more of what was wrong with it before."""
    assert set(told(*rows)) | {told_at.replace(":2: ", f":{len(rows) + 2}: ") for told_at in told(other)} == set(
        told(*rows, other)
    )


def test_a_row_that_is_refused_for_its_day_is_also_refused_for_its_holder() -> None:
    """Both are told, each once."""
    found = told("200004,default_assessor,3,,,,,46387,")
    assert [words.partition(": ")[2].partition(":")[0] for words in found] == ["from", "learner 200004"]


def test_who_is_declared_already_is_not_declared_again(tmp_path: Path) -> None:
    """By id, MISID or label; the handles of the files are used as they are."""
    body = "learners: [{id: 200004, label: LRN-1}, {misid: M2, label: LRN-2}]\n"
    existing = read_existing(centre(tmp_path, body), date(2026, 12, 1))
    for learner in ("200004", "M2", "LRN-1", "misid:M2"):
        [problem] = told(f"{learner},additional,observer-lee", existing=existing, cohort="arts")
        assert "care.yaml:3" in problem
    assert told("misid:LRN-1,additional,observer-lee,,,arts,LRN-2", existing=existing) != []
    made = table("200005,default_assessor,kate-anderson", "200005,default_employer,140022", existing=existing)
    assert made.problems == ()
    assert "default_employer: acme-mentor" in cohort_text(made.cohorts[0])


def test_the_documentations_table_is_understood(tmp_path: Path) -> None:
    """Every row of it, in a centre whose staff.yaml has the documentation's people."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "importing-a-table.md").read_text("utf-8")
    text = page.partition('```csv title="assignments.csv"\n')[2].partition("```")[0]
    priya = CensusStaff(UserId(PRIYA), Role.IQA, "", "Priya Shah", "priya.shah.118204@staff.example.org")
    existing = read_existing(centre(tmp_path, "learners: []\n"), date(2026, 12, 1))
    made = import_sheet(read_sheet(text.encode(), "t.csv"), existing, {priya.id: priya}, cohort="arts")
    assert made.problems == ()
    assert [len(one.slots.held) + len(one.slots.additional) for one in made.cohorts[0].learners] == [3, 2]


def test_onefile_is_not_asked_where_the_files_know_everybody(tmp_path: Path) -> None:
    """By handle or id; for an e-mail address, a MISID or a new id it has to be."""
    known = read_existing(centre(tmp_path, "learners: []\n"), date(2026, 12, 1)).staff or {}
    assert known_to_files(["kate-anderson", "132757", "nobody", ""], known)
    for text in ("kate@college.example", "MIS-1", "99"):
        assert not known_to_files([text], known)
