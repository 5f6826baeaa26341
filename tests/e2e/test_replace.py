"""replace and fmt, as their user sees them: files edited in place, refused as a whole, planned, and handed over."""

from __future__ import annotations

import json
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.declared import Declared
from reconciler.problems import ExitCode
from tests.e2e.user import STAFF, Home

KATE, XANTHE = "kate-anderson", "xanthe-kestrelby"
COHORT = Path("state/cohorts/business-admin-l3-2026.yaml")


def files(home: Home) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted((home.path / "state").rglob("*.yaml"))}


def test_replacing_somebody_leaves_them_no_slot_and_plans_it(home: Home) -> None:
    """After the apply nobody the files name is still with who left; the list says who hands over to whom."""
    staff = {**STAFF, "lou": {"id": 163757, "role": "assessor", "cover": [{"by": "kate", "from": "2999-01-01"}]}}
    home.declare(staff=staff, defaults={"default_assessor": "kate"})
    home.converges()
    ended = home.run("replace", "kate", "--by", "lou")
    assert ended.code == ExitCode.DONE, ended.out + ended.err
    assert "learner 200004: assessor of learning aim 41242: kate -> lou" in ended.out
    assert "[ ] learner 200004: from kate to lou (assessor of learning aim 41242, assessor of unit BA_301)" in ended.out
    assert "OneFile does not move open tasks" in " ".join(ended.out.split())
    assert "warning: kate also holds lou's slots by cover from 2999-01-01 on" in ended.err
    assert b"kate" not in files(home)[(home.path / "state" / "cohorts" / "c1.yaml").as_posix()]
    home.converges()


def test_from_a_day_on_both_days_count(home: Home) -> None:
    """The day before is the leaver's last; the plan is of the first day, and of those learners alone."""
    home.declare_demonstration()
    home.run("apply", "--auto-approve")
    said = home.run("replace", KATE, "--by", XANTHE, "--from", "2027-03-01", "--learner", "200009", "--format", "json")
    assert said.code == ExitCode.DONE, said.out + said.err
    report = said.json
    assert report["plan"]["day"] == "2027-03-01"
    assert {row["learner_id"] for row in report["plan"]["resource_changes"]} == {200009}
    assert [row["to"]["staff"] for row in report["handover"]] == [XANTHE]
    before = home.plan("--at", "2027-02-28", "--learner", "200009")["summary"]
    assert (before["update"], before["create"]) == (0, 0)
    text = COHORT.read_text("utf-8")
    assert text.count("- {staff: kate-anderson, until: 2027-02-28}") == 1
    assert text.count("{staff: xanthe-kestrelby, from: 2027-03-01}") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kate-andersen", "--by", XANTHE], "Did you mean kate-anderson?"),
        ([KATE, "--by", KATE], "cannot replace themselves"),
        ([KATE, "--by", "priya-shah"], "priya-shah is an IQA, but"),
        ([KATE, "--by", XANTHE, "--cohort", "care"], "there is no cohort 'care'"),
        ([KATE, "--by", XANTHE, "--learner", "1"], "no cohort file declares a learner '1'"),
        (["james-fayre", "--by", XANTHE, "--cover", "--from", "2027-04-01"], "when kate-anderson (line 11) does so"),
        ([KATE, "--by", "james-fayre", "--cover", "--from", "2027-02-01"], "cover is circular on 2027-02-01"),
        ([KATE, "--by", XANTHE, "--cover", "--from", "2027-02-02", "--until", "2027-02-01"], "before it starts"),
        ([KATE, "--by", XANTHE, "--until", "2027-02-02"], "--until and --reason need --cover"),
        (["robin-tregarth", "--by", XANTHE], "robin-tregarth holds no slot in this scope"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(home: Home, arguments: list[str], said: str) -> None:
    """Handles, roles, scopes, overlaps and circles: exit 3, the files as they were, told of the files themselves."""
    home.declare_demonstration()
    before = files(home)
    ended = home.run("replace", *arguments)
    assert ended.code == ExitCode.INVALID
    assert said in ended.err
    assert "reconciler-new-" not in ended.err
    assert ended.is_decent()
    assert files(home) == before


def test_a_dry_run_shows_the_difference_only(home: Home) -> None:
    """It reads OneFile no more than it writes files."""
    home.declare_demonstration()
    before = files(home)
    ended = home.run("replace", KATE, "--by", XANTHE, "--dry-run")
    assert ended.code == ExitCode.DONE
    assert "\n-  default_assessor: kate-anderson\n+  default_assessor: xanthe-kestrelby\n" in ended.out
    assert "from kate-anderson to xanthe-kestrelby" in ended.out
    assert files(home) == before
    assert not (home.path / ".reconciler").exists()


def test_cover_is_one_entry_in_the_directory(home: Home) -> None:
    """Every slot stays whose it is, and the stand-in shows in the plan of those days."""
    home.declare_demonstration()
    before = files(home)
    ended = home.run(
        *("replace", "james-fayre", "--by", XANTHE, "--cover", "--from", "2027-05-01"),
        *("--until", "2027-05-31", "--reason", "training", "--no-plan", "--format", "markdown"),
    )
    assert ended.code == ExitCode.DONE, ended.err
    assert ended.out.startswith("`xanthe-kestrelby covers james-fayre from 2027-05-01 until 2027-05-31.`")
    assert "- [ ] `LRN-0114: from james-fayre to xanthe-kestrelby`" in ended.out
    changed = {name for name, text in files(home).items() if before[name] != text}
    assert [Path(name).name for name in changed] == ["staff.yaml"]
    line = "      - {by: xanthe-kestrelby, from: 2027-05-01, until: 2027-05-31, reason: training}\n"
    assert line in Path("state/staff.yaml").read_text("utf-8")


def test_fmt_says_what_it_would_do_and_does_it_once(home: Home) -> None:
    """--check exits 2 and writes nothing; then the file is written for the same readers, and nothing is left to do."""
    home.declare()
    file = home.path / "state" / "cohorts" / "c1.yaml"
    file.chmod(0o640)
    plan = home.plan()["resource_changes"]
    before = files(home)
    assert home.run("fmt", "--check").code == ExitCode.CHANGES
    assert files(home) == before
    assert home.run("fmt", "--format", "json").json == {
        "files": 3,
        "changed": [f"state/{name}" for name in ("settings.yaml", "staff.yaml", "cohorts/c1.yaml")],
        "written": True,
        "schemas": [],
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert home.run("fmt", "--check").code == ExitCode.DONE
    again = home.plan()["resource_changes"]
    assert [{**row, "source": None} for row in plan] == [{**row, "source": None} for row in again]


def test_fmt_leaves_alone_what_is_not_valid(home: Home) -> None:
    """What cannot be understood is not moved about."""
    home.declare({"id": 200004, "default_assessor": "nobody-known"})
    before = files(home)
    assert home.run("fmt").code == ExitCode.INVALID
    assert files(home) == before


def test_all_files_are_written_or_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second of two files cannot be written, the first is put back."""
    from reconciler.runtime import edit_journal as edits

    home.declare_demonstration()
    before, write, done = files(home), edits.write_whole, []

    def failing(text: str, path: Path, **options: Any) -> None:
        """The journal of the edit, and the first file, are written."""
        if path.suffix == ".yaml":
            if done and path not in done:
                raise OSError("the disk is full")
            done.append(path)
        write(text, path, **options)

    monkeypatch.setattr(edits, "write_whole", failing)
    assert home.run("replace", KATE, "--by", XANTHE, "--no-plan").code == ExitCode.ERROR
    assert done
    assert files(home) == before


def test_json_files_stay_json(home: Home) -> None:
    """A file that another program wrote can be read by it again."""
    home.declare()
    ended = home.run("replace", "kate", "--by", "james", "--from", "2027-01-01", "--no-plan")
    assert ended.code == ExitCode.DONE, ended.err
    cohort = json.loads((home.path / "state" / "cohorts" / "c1.yaml").read_text("utf-8"))
    assert cohort["learners"][0]["units"][0]["assessor"] == [
        {"staff": "kate", "until": "2026-12-31"},
        {"staff": "james", "from": "2027-01-01"},
    ]


def test_the_handover_list_is_there_for_any_saved_plan(home: Home) -> None:
    """In each form of its own; formats that it does not have are refused."""
    home.declare()
    home.run("plan", "--out", "plan.json")
    assert "Handover: check in OneFile" in home.run("show", "plan.json", "--handover").out
    rows = home.run("show", "plan.json", "--handover", "--format", "json").json["handover"]
    assert {row["to"]["staff"] for row in rows} <= {"kate", "james", "priya", "mentor"}
    assert home.run("show", "plan.json", "--handover", "--format", "markdown").out.startswith("### Handover")
    assert home.run("show", "plan.json", "--handover", "--format", "annotations").code == ExitCode.INVALID


def test_a_replacement_as_markdown_is_one_page(home: Home) -> None:
    """The edit, the plan and the list, in this order."""
    home.declare()
    home.converges()
    out = home.run("replace", "kate", "--by", "james", "--format", "markdown").out
    places = [out.index(part) for part in ("kate is replaced by james", "<!-- onefile-reconciler plan", "### Handover")]
    assert places == sorted(places)


def test_line_ends_and_the_byte_order_mark_stay(home: Home) -> None:
    """A file from another system changes in the line that had to change, and in nothing else."""
    home.declare()
    file = home.path / "state" / "cohorts" / "c1.yaml"
    lines = ["# care", "version: 1", "cohort: c1", "learners:", "  - id: 200004  # first", "    default_assessor: kate"]
    text = "\ufeff" + "".join(f"{line}\r\n" for line in lines)
    file.write_bytes(text.encode())
    assert home.run("replace", "kate", "--by", "james", "--no-plan").code == ExitCode.DONE
    assert file.read_bytes() == text.replace("kate", "james").encode()
    assert home.run("fmt", "--check").code == ExitCode.CHANGES  # for the two files that are JSON
    assert "c1.yaml" not in home.run("fmt").out


def test_a_file_that_changes_meanwhile_is_not_written_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody saves while the command runs is theirs."""
    from reconciler.runtime.state_edits import Edits

    home.declare()
    file, declared = home.path / "state" / "cohorts" / "c1.yaml", Edits.declared

    def saved_meanwhile(self: Edits, day: date) -> Declared:
        file.write_text(file.read_text("utf-8") + "\n# saved by somebody\n", "utf-8")
        return declared(self, day)

    monkeypatch.setattr(Edits, "declared", saved_meanwhile)
    ended = home.run("replace", "kate", "--by", "james", "--no-plan")
    assert ended.code == ExitCode.ERROR
    assert "the file was changed while this command ran" in ended.err
    assert "kate" in file.read_text("utf-8")
