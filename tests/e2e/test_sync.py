"""sync, as its user sees it: files are brought up to a table, or every row that is not clear is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.problems import ExitCode
from tests.e2e.user import Home
from tests.editing.test_sync import IDS, centres
from tests.excel import require_excel, workbook

CASES = Path(__file__).parents[1] / "cases" / "sync"
LEADERS = Path("state/cohorts/team-leader-l3-2026.yaml")
ADMIN = Path("state/cohorts/business-admin-l3-2026.yaml")


@pytest.fixture
def centre(home: Home) -> Home:
    return home.declare_demonstration()


def table(home: Home, text: str, name: str = "table.csv") -> str:
    (home.path / name).write_text(text, encoding="utf-8")
    return name


def read(home: Home, path: Path) -> str:
    return (home.path / path).read_text("utf-8")


@pytest.mark.parametrize("case", sorted(CASES.glob("*.csv")), ids=lambda case: case.stem)
def test_a_table_gives_the_edits_or_the_problems_of_its_case(centre: Home, case: Path) -> None:
    """Tables with the columns of other systems, and tables that a spreadsheet has spoilt."""
    columns = case.with_suffix(".columns")
    if columns.exists():
        settings = centre.path / "state" / "settings.yaml"
        settings.write_text(settings.read_text("utf-8") + columns.read_text("utf-8"), encoding="utf-8")
    before = {path: path.read_text("utf-8") for path in (centre.path / "state").rglob("*.yaml")}
    (centre.path / case.name).write_bytes(case.read_bytes())
    ended = centre.run("sync", case.name, "--dry-run")
    assert f"{ended.out}{ended.err}exit {ended.code:d}\n" == case.with_suffix(".txt").read_text("utf-8")
    assert {path: path.read_text("utf-8") for path in (centre.path / "state").rglob("*.yaml")} == before


def test_a_table_is_synced_once(centre: Home) -> None:
    """--check exits 2 until the table is synced."""
    name = table(centre, "id,cohort,default_assessor\n200002,team-leader-l3-2026,james-fayre\n")
    assert centre.run("sync", name, "--check").code == ExitCode.CHANGES
    assert "200002" in read(centre, ADMIN)
    assert centre.run("sync", name).code == ExitCode.DONE
    assert "200002" not in read(centre, ADMIN)
    assert "label: LRN-0102\n    default_assessor: james-fayre\n" in read(centre, LEADERS)
    assert centre.run("sync", "--table", name, "--check").code == ExitCode.DONE
    assert centre.run("validate").code == ExitCode.DONE


def test_what_table_and_files_both_changed_is_a_conflict(centre: Home) -> None:
    """It is shown with the three values and left alone; the table's other news is written."""
    row = "id,default_assessor\n200001,{}\n200003,{}\n"
    centre.run("sync", table(centre, row.format("kate-anderson", "kate-anderson")))
    path = centre.path / ADMIN
    path.write_text(
        read(centre, ADMIN).replace("label: LRN-0101", "label: LRN-0101\n    default_assessor: robin-tregarth")
    )
    ended = centre.run("sync", table(centre, row.format("demelza-eastlake", "demelza-eastlake")))
    assert ended.code == ExitCode.STALE
    words = "default_assessor: last sync kate-anderson, now demelza-eastlake, files robin-tregarth"
    assert words in ended.out
    assert "default_assessor: robin-tregarth" in read(centre, ADMIN)
    assert "label: LRN-0103\n    default_assessor: demelza-eastlake" in read(centre, ADMIN)
    quiet = centre.run("sync", "table.csv", "--quiet")
    assert quiet.code == ExitCode.STALE
    assert words in quiet.err and quiet.out == ""
    path.write_text(read(centre, ADMIN).replace("robin-tregarth", "demelza-eastlake"))
    assert centre.run("sync", "table.csv").code == ExitCode.DONE


def test_what_only_the_files_changed_is_kept(centre: Home) -> None:
    """A table that still has the old value does not undo a reviewed change."""
    name = table(centre, "id,default_assessor\n200001,kate-anderson\n")
    centre.run("sync", name)
    path = centre.path / ADMIN
    path.write_text(
        read(centre, ADMIN).replace("label: LRN-0101", "label: LRN-0101\n    default_assessor: robin-tregarth")
    )
    ended = centre.run("sync", name)
    assert (ended.code, "Kept, because only the files have changed" in ended.out) == (ExitCode.DONE, True)
    assert "default_assessor: robin-tregarth" in read(centre, ADMIN)


def test_the_store_keeps_no_misid(centre: Home) -> None:
    """Only ids, and a digest in place of a MISID; and yet the next sync knows the learner."""
    name = table(centre, "misid,default_assessor\nLRN00028,kate-anderson\n")
    assert centre.run("sync", name).code == ExitCode.DONE
    assert all(b"LRN00028" not in path.read_bytes() for path in (centre.path / ".reconciler").iterdir())
    path = centre.path / LEADERS
    path.write_text(
        read(centre, LEADERS).replace("default_assessor: kate-anderson", "default_assessor: yestin-vaisey", 1)
    )
    assert "Kept, because only the files have changed" in centre.run("sync", name).out


def test_leavers_are_reported_and_removed_within_the_limits(centre: Home) -> None:
    """A table with one learner of a cohort would remove all others: the limit stops it."""
    before = read(centre, ADMIN)
    name = table(centre, "id,cohort\n200001,business-admin-l3-2026\n")
    ended = centre.run("sync", name)
    assert (ended.code, "Not removed without --remove" in ended.out) == (ExitCode.DONE, True)
    assert read(centre, ADMIN) == before
    stopped = centre.run("sync", name, "--remove")
    assert (stopped.code, read(centre, ADMIN)) == (ExitCode.BLOCKED, before)
    rows = [line.split("id: ")[1] for line in before.splitlines() if "- id: " in line]
    centre.run(
        "sync", table(centre, "id\n".replace("id", "id,cohort") + "".join(f"{row},\n" for row in rows[:-1])), "--remove"
    )
    assert f"id: {rows[-1]}" not in read(centre, ADMIN)
    assert f"id: {rows[-2]}" in read(centre, ADMIN)


def test_new_staff_are_added_only_if_asked(centre: Home) -> None:
    """Accounts are found in OneFile by their id; nobody is found by a name."""
    name = table(centre, "id,default_assessor\n200001,165780\n")
    refused = centre.run("sync", name)
    assert refused.code == ExitCode.INVALID
    unknown = "no active member of staff has the id 165780" in refused.err
    assert unknown or "account 165780 is not in staff.yaml" in refused.err


def test_a_workbook_is_read_like_a_table_and_formulas_are_refused(centre: Home) -> None:
    """Numbers are ids, days are days, and a formula's last value is not taken."""
    require_excel()
    rows = [["id", "cohort", "default_assessor"], [200002, "team-leader-l3-2026", 122762]]
    (centre.path / "table.xlsx").write_bytes(workbook(rows))
    assert centre.run("sync", "table.xlsx").code == ExitCode.DONE
    assert "label: LRN-0102\n    default_assessor: james-fayre\n" in read(centre, LEADERS)

    def formulas(_: Any, sheet: Any) -> None:
        sheet.write_formula(2, 1, "=B2", None, "kate-anderson")
        sheet.write_formula(3, 1, "=1/0", None, "#DIV/0!")

    rows = [["id", "default_assessor"], [200003, "kate-anderson"], [200004], [200005]]
    (centre.path / "table.xlsx").write_bytes(workbook(rows, edit=formulas))
    ended = centre.run("sync", "table.xlsx")
    assert ended.code == ExitCode.INVALID
    assert [line for line in ended.err.splitlines() if line.startswith("table.xlsx:")] == [
        f"table.xlsx:{line}: the row has a formula, or a spreadsheet's error" for line in (3, 4)
    ]


@given(centres())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_comes_back_of_an_export_unchanged_edits_nothing(home: Home, texts: dict[str, str]) -> None:
    """Whatever is declared: now, from a day on, until a day, or not managed."""
    state = home.path / "state"
    (state / "cohorts").mkdir(parents=True, exist_ok=True)
    (state / "settings.yaml").write_text("version: 1\norganisation: 5740\n", encoding="utf-8")
    members = "".join(f"  {handle}: {{id: {user}, role: assessor}}\n" for handle, user in IDS.items())
    (state / "staff.yaml").write_text(f"version: 1\nstaff:\n{members}", encoding="utf-8")
    for cohort, text in texts.items():
        (state / "cohorts" / f"{cohort}.yaml").write_bytes(text.encode())
    assert home.run("export", "--csv", "table.csv").code == ExitCode.DONE
    ended = home.run("sync", "table.csv", "--check", "--remove")
    assert (ended.code, "No file needs a change." in ended.out) == (ExitCode.DONE, True), ended.err
