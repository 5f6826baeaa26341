"""export, as its user sees it: a table of who is declared, in name, and of who holds what, since when."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import KATE, LEARNER, STAFF, Home
from tests.excel import cells_of, require_excel

LABELLED: Mapping[str, object] = {**LEARNER, "label": "LRN-0042"}
NOBODY_THERE: Mapping[str, object] = {"misid": "LRN00005", "default_assessor": None}


def exported(home: Home, *arguments: str) -> list[dict[str, str]]:
    ended = home.run("export", "--csv", "table.csv", *arguments)
    assert ended.code == ExitCode.DONE, ended.err
    with (home.path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_learner_is_one_row_with_a_column_for_each_slot(home: Home) -> None:
    """A slot that is not declared is empty; one that must be empty says so; additional people share a column."""
    first, second = exported(home.declare(NOBODY_THERE, LABELLED))
    assert (first["id"], first["misid"], first["default_assessor"]) == ("", "LRN00005", "nobody")
    assert not any(value for name, value in first.items() if name not in ("misid", "cohort", "default_assessor"))
    assert (second["id"], second["misid"], second["label"], second["cohort"]) == ("200004", "", "LRN-0042", "c1")
    assert second["learning_aim[41242].iqa"] == "priya" and second["unit[BA_301].assessor"] == "kate"
    assert second["additional"] == "lee"


def test_who_holds_a_slot_is_shown_as_recorded_without_a_call(home: Home) -> None:
    """Before the first run nothing is known, and there is no column for it; after an apply the day is there too."""
    (before,) = exported(home.declare(LABELLED))
    assert not any(name.endswith((" in OneFile", " since")) for name in before)
    home.run("apply", "--auto-approve")
    home.declare({**LABELLED, "default_assessor": "kate"})
    (row,) = exported(home)
    assert (row["default_assessor"], row["default_assessor in OneFile"]) == ("kate", "james")
    assert row["default_assessor since"].count("-") == 2
    assert row["additional in OneFile"] == "lee"


def test_who_holds_a_slot_is_read_if_asked(home: Home) -> None:
    """OneFile's own answer, before any run has recorded one."""
    ended = home.declare(LABELLED).run("export", "--csv", "table.csv", "--read", "--format", "json")
    assert ended.json["read"] is True and "Reading OneFile" in ended.err
    (row,) = exported(home, "--read")
    assert row["default_employer in OneFile"] == "mentor"


def test_somebody_who_is_covered_is_named_in_name(home: Home) -> None:
    """The table has what the entries say: brought back, it must not make the stand-in the holder."""
    cover = {"by": "james", "from": "2020-01-01", "reason": "leave"}
    staff = {**STAFF, "kate": {"id": KATE, "role": "assessor", "cover": [cover]}}
    home.declare({**LABELLED, "default_assessor": "kate", "additional": ["kate", "james"]}, staff=staff)
    (row,) = exported(home)
    assert row["default_assessor"] == "kate"
    assert row["additional"].split(";") == ["james", "kate"]


def test_the_workbook_has_the_same_table(home: Home) -> None:
    """Both files of one command agree cell by cell."""
    require_excel()
    rows = exported(home.declare(LABELLED), "--xlsx", "table.xlsx")
    headings, *cells = cells_of((home.path / "table.xlsx").read_bytes())
    assert [dict(zip(headings, row, strict=True)) for row in cells] == rows
    assert (home.path / "table.xlsx").stat().st_mode & 0o077 == 0


def test_only_the_scope_is_exported(home: Home) -> None:
    """One learner of two."""
    assert [row["misid"] for row in exported(home.declare(NOBODY_THERE, LABELLED), "--learner", "LRN00005")] == [
        "LRN00005"
    ]


@pytest.mark.parametrize("label", ["=1+1", "-", "n/a", "12/05/2026"])
def test_a_label_that_would_not_come_back_is_left_out(label: str, home: Home) -> None:
    """An empty cell changes nothing when the table is read."""
    (row,) = exported(home.declare({**LEARNER, "label": label}))
    assert row["label"] == ""


def test_a_learner_whom_no_cell_can_name_is_reported(home: Home) -> None:
    """Their MISID would be refused when the table is read, so there is no row, and a warning."""
    ended = home.declare(LABELLED, {"misid": "=7", "default_assessor": "kate"}).run("export", "--csv", "table.csv")
    assert ended.code == ExitCode.DONE
    assert "no cell can hold this MISID" in ended.err and "c1.yaml" in ended.err
    assert len(exported(home)) == 1


def test_nothing_is_written_without_a_file_or_to_a_folder(home: Home) -> None:
    """Misuse is told before anything is read."""
    home.declare()
    assert home.run("export").code == ExitCode.INVALID
    Path(home.path / "folder").mkdir()
    refused = home.run("export", "--csv", "folder")
    assert refused.code == ExitCode.INVALID and "another path for the table" in refused.err
    assert home.run("export", "--csv", "same", "--xlsx", "same").code == ExitCode.INVALID


def test_a_missing_library_is_said_before_any_work(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix names the extra, and the way without it."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    ended = home.declare().run("export", "--xlsx", "table.xlsx", "--csv", "table.csv")
    assert ended.code == ExitCode.ERROR and "onefile-reconciler[excel]" in ended.err
    assert not (home.path / "table.csv").exists()
