"""Headings of a table with one row for each learner."""

from __future__ import annotations

import pytest

from reconciler.importing.csv_file import Sheet, read_sheet
from reconciler.importing.wide_layout import layout_of
from reconciler.model.slots import Slot, SlotKind, UnitId
from reconciler.model.table_columns import column_of, headings

SLOTS = [
    Slot(SlotKind.DEFAULT_ASSESSOR),
    Slot(SlotKind.DEFAULT_EMPLOYER),
    Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240),
    Slot(SlotKind.UNIT_IQA, UnitId("BA] 302.iqa")),
]


def sheet_of(text: str, **columns: str) -> Sheet:
    return read_sheet(
        text.encode(), "t.csv", layout_of({name.replace("_", " "): value for name, value in columns.items()})
    )


def test_every_heading_of_an_export_is_read_as_what_it_is() -> None:
    """One piece defines the headings for both; what is beside a slot is left out."""
    assert [column.slot for name in headings(SLOTS)[4:] if (column := column_of(name, {}))] == SLOTS
    for name in headings(SLOTS)[4:]:
        for end in (" in OneFile", " since"):
            column = column_of(f"{name}{end}", {})
            assert column
            assert column.meaning == "ignore"


def test_the_settings_say_what_a_heading_means() -> None:
    """In capitals or not; a column to ignore is not unread."""
    sheet = sheet_of(
        "TRAINEE ID,Main  Officer,Notes\nA1,kate,x\n",
        Trainee_ID="misid",
        Main_Officer="default_assessor",
        Notes="ignore",
    )
    assert (sheet.problems, sheet.unread, sheet.names) == ([], [], ("misid", "default_assessor"))


@pytest.mark.parametrize("heading", ["Name", "Notes", "Start", "Level", "Email", "Course ID", "Status", "ULN", "State"])
def test_a_heading_of_another_kind_is_left_alone(heading: str) -> None:
    """Other columns are counted as unread, and no more."""
    sheet = sheet_of(f"misid,cohort,{heading}\nA1,care,x\n")
    assert (sheet.problems, sheet.unread) == ([], [3])


@pytest.mark.parametrize("heading", ["cohrt", "Defualt assessor", "default employr", "additonal", "lable"])
def test_a_slip_in_a_heading_is_refused(heading: str) -> None:
    """Else the column would be left out without anybody noticing."""
    assert "is almost" in sheet_of(f"misid,learning_aim[1].iqa,{heading}\nA1,,x\n").problems[0].what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("cohort,default_assessor\ncare,kate\n", "no column says who the learner is"),
        ("learner,id,cohort\n1,1,care\n", "learner is beside id or misid"),
        ("id,misid,label\n1,A1,x\n", "no column says who is assigned, or the cohort"),
        ("id,id,cohort\n1,1,care\n", "2 columns are id"),
        (
            "id,Tutor,Case owner\n1,kate,kate\n",
            "the settings do not say what the headings mean: 'Tutor' and 'Case owner'",
        ),
    ],
)
def test_headings_that_are_not_clear_are_refused(text: str, what: str) -> None:
    """With their line."""
    (problem,) = sheet_of(text).problems
    assert (problem.what, problem.source and problem.source.line) == (what, 1)


def test_likely_headings_are_suggested_only_if_no_other_column_is_that() -> None:
    """The lines can be pasted into the settings."""
    sheet = sheet_of("Trainee ID,Main Officer\nA1,kate\n")
    lines = ("import:", "  columns:", "    Trainee ID: misid", "    Main Officer: default_assessor")
    assert [problem.lines for problem in sheet.problems] == [lines]
    assert sheet_of("misid,default_assessor,Tutor\nA1,kate,x\n").problems == []
