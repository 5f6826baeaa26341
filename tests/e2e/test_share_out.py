"""share-out, as its user sees it: a proposal in every format, files edited, a plan, and nothing left of a leaver."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared
from reconciler.plan.policies import check_policies
from reconciler.problems import ExitCode
from reconciler.sharing.build import read_from_files
from tests.e2e.test_replace import files
from tests.e2e.user import Home
from tests.sharing.centres import DAY
from tests.sharing.conftest import solver  # noqa: F401  its fixture is for this file too

KATE, JAMES, XANTHE, YESTIN = "kate-anderson", "james-fayre", "xanthe-kestrelby", "yestin-vaisey"
DIRECTORY = Path("state/staff.yaml")


def change(before: str, after: str, file: Path = DIRECTORY) -> None:
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after), "utf-8")


def test_a_leaver_is_shared_out_and_nothing_is_left(home: Home) -> None:
    """Several heirs, no maximum passed, and after the apply `who` finds no slot in effect or in name."""
    home.declare_demonstration()
    home.run("apply", "--auto-approve")
    ended = home.run("share-out", KATE, "--format", "json")
    assert ended.code == ExitCode.DONE, ended.out + ended.err
    report = ended.json
    heirs = {row["to"] for row in report["learners"]}
    assert len(heirs) > 1
    assert KATE not in heirs
    assert all(row["max"] is None or row["after"] <= row["max"] for row in report["caseloads"])
    assert {row["staff"] for row in report["caseloads"] if row["leaves"]} == {KATE}
    assert report["written"]
    assert report["plan"]["summary"]["update"] > 0
    takers = {(row["label"], row["to"]["staff"]) for row in report["handover"]}
    assert takers == {(row["label"], row["to"]) for row in report["learners"]}
    for file in sorted(Path("state/cohorts").iterdir()):
        assert KATE not in file.read_text("utf-8")
    home.converges()
    steps = home.run("share-out", JAMES, "--no-plan", "--dry-run").out.partition("Next steps")[2]
    assert steps.index("reconciler who james-fayre --read") < steps.index("Sampling") < steps.index("Last, archive")
    held = home.run("who", KATE, "--read", "--format", "csv")
    assert held.out.count("\n") == 1, held.out


def test_a_second_run_finds_nothing_to_give(home: Home) -> None:
    """The leaver holds no slot any longer, so it is refused and no file changes."""
    home.declare_demonstration()
    assert home.run("share-out", KATE, "--no-plan").code == ExitCode.DONE
    before = files(home)
    again = home.run("share-out", KATE, "--no-plan")
    assert again.code == ExitCode.INVALID
    assert "kate-anderson holds no slot in this scope" in again.err
    assert files(home) == before


def test_from_a_day_on_the_day_before_is_the_leavers_last(home: Home) -> None:
    """Dated entries, as with replace, and a plan of the first day."""
    home.declare_demonstration()
    report = home.run("share-out", JAMES, "--from", "2027-06-01", "--no-plan", "--format", "json").json
    assert report["day"] == "2027-06-01"
    day_before = read_declared(Path("state"), DAY.replace(year=2027, month=5, day=31))
    assert any(wanted.handle == JAMES for one in day_before.learners for wanted in one.slots.values())
    first_day = read_declared(Path("state"), DAY.replace(year=2027, month=6, day=1))
    assert not any(wanted.handle == JAMES for one in first_day.learners for wanted in one.slots.values())


def test_a_dry_run_shows_the_difference_and_writes_nothing(home: Home) -> None:
    """The proposal is the same that is written without it."""
    home.declare_demonstration()
    before = files(home)
    ended = home.run("share-out", KATE, "--no-plan", "--dry-run")
    assert ended.code == ExitCode.DONE
    assert "would be shared out among" in ended.out
    assert "\n-    default_assessor: kate-anderson\n" in ended.out
    assert files(home) == before
    kinds = [home.run("share-out", KATE, "--no-plan", "--format", "json", *more).json for more in (["--dry-run"], [])]
    assert kinds[0]["learners"] == kinds[1]["learners"]
    assert files(home) != before


@pytest.mark.parametrize("form", ["text", "markdown", "html", "csv", "json"])
def test_each_format_has_every_learner_with_a_reason(home: Home, form: str) -> None:
    """For a meeting, a spreadsheet or a program."""
    home.declare_demonstration()
    ended = home.run("share-out", JAMES, "--no-plan", "--dry-run", "--format", form)
    assert ended.code == ExitCode.DONE, ended.err
    for label in ("LRN-0042", "LRN-0114", "LRN-0126"):
        assert label in ended.out
    assert "already holds another slot of this learner" in ended.out
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(ended.out)))
        assert {row["from"] for row in rows} == {JAMES}
        assert all(row["why"] and row["to"] for row in rows)


def test_where_nothing_fits_the_rules_in_the_way_are_named(home: Home) -> None:
    """Nothing is written, and the smallest set is shown with what would break."""
    home.declare_demonstration()
    before = files(home)
    ended = home.run("share-out", JAMES, "--to", YESTIN, "--no-plan")
    assert ended.code == ExitCode.BLOCKED
    assert "3 learners of 11 would have nobody: nothing was written." in ended.out
    said = " ".join(ended.out.split())
    assert "Without caseload.max everybody would have somebody. This would break: yestin-vaisey would hold 18" in said
    assert "Reason: nobody may: no room (1)." in said
    assert files(home) == before


def test_competence_in_the_directory_counts(home: Home) -> None:
    """Only who has the standard on the day takes the learning aim."""
    home.declare_demonstration()
    change(
        "demelza-eastlake: {id: 195433, role: assessor,",
        "demelza-eastlake: {id: 195433, role: assessor, competence: [],",
    )
    report = home.run("share-out", JAMES, "--no-plan", "--dry-run", "--format", "json").json
    aims = {
        row["to"] for row in report["learners"] if any(slot["type"] == "learning_aim_assessor" for slot in row["slots"])
    }
    assert aims
    assert "demelza-eastlake" not in aims


def test_a_rebalance_moves_only_what_helps(home: Home) -> None:
    """Nobody leaves: who is above the target gives, and no one ends above theirs who was not."""
    home.declare_demonstration()
    report = home.run("share-out", "--rebalance", "--no-plan", "--format", "json").json
    givers = {giver for row in report["learners"] for giver in row["from"]}
    loads = {row["staff"]: row for row in report["caseloads"]}
    assert givers == {XANTHE, "priya-shah"}
    assert all(loads[giver]["after"] < loads[giver]["before"] for giver in givers)
    assert all(row["after"] <= max(row["target"] or 999, row["before"]) for row in loads.values())
    assert home.run("validate").code == ExitCode.DONE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kate-andersen"], "Did you mean kate-anderson?"),
        ([KATE, "--to", "xanthe"], "'xanthe' is not in staff.yaml"),
        ([KATE, "--to", KATE], "kate-anderson leaves and cannot take learners"),
        ([KATE, "--cohort", "care"], "there is no cohort 'care'"),
        ([KATE, "--learner", "1"], "no cohort file declares a learner '1'"),
        (["robin-tregarth"], "robin-tregarth holds no slot in this scope"),
        ([], "Name who leaves, or use --rebalance alone"),
        ([KATE, "--rebalance"], "Name who leaves, or use --rebalance alone"),
        (["--rebalance", "--to", YESTIN], "nobody in this scope holds more learners than their target"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(home: Home, arguments: list[str], said: str) -> None:
    """Exit 3, with a fix, and the files as they were."""
    home.declare_demonstration()
    before = files(home)
    ended = home.run("share-out", *arguments, "--no-plan")
    assert ended.code == ExitCode.INVALID
    assert said in ended.err
    assert ended.is_decent()
    assert files(home) == before


def test_defaults_that_no_learner_has_are_left_with_a_warning(home: Home) -> None:
    """The next new learner would get the leaver, and only a person can choose who follows."""
    staff = {"kate": {"id": 132757, "role": "assessor"}, "james": {"id": 122762, "role": "assessor"}}
    home.declare({"id": 200004, "default_assessor": "james"}, staff=staff, defaults={"default_assessor": "kate"})
    ended = home.run("share-out", "kate", "--no-plan")
    assert ended.code == ExitCode.DONE, ended.err
    assert "No learner changes hands." in ended.out
    assert "the defaults of c1 still name kate" in ended.err
    assert "`reconciler replace kate --by STAFF --cohort c1`" in ended.err


def generated(home: Home, seed: int) -> dict[str, Any]:
    """A folder of 24 learners, with defaults, additional people and tight maximums; its staff."""
    random = Random(seed)  # noqa: S311  to invent people
    staff: dict[str, Any] = {
        f"assessor-{number}": {
            "id": 1000 + number,
            "role": "assessor",
            "caseload": {"target": random.randint(2, 4), "max": random.randint(4, 5)},
        }
        for number in range(6)
    }
    staff |= {f"iqa-{number}": {"id": 2000 + number, "role": "iqa", "person": f"p{number}"} for number in range(3)}
    staff["assessor-0"]["person"] = "p0"
    learners = [
        {
            "id": 200000 + number,
            **({"default_assessor": f"assessor-{random.randrange(6)}"} if random.random() < 0.6 else {}),
            "learning_aims": [
                {"standard": 41240, "assessor": f"assessor-{random.randrange(6)}", "iqa": f"iqa-{random.randrange(3)}"}
            ],
            **({"additional": [f"assessor-{random.randrange(6)}"]} if random.random() < 0.2 else {}),
        }
        for number in range(24)
    ]
    home.declare(*learners, staff=staff, defaults={"default_assessor": "assessor-1"})
    return staff


def as_proposed(report: dict[str, Any], before: Declared, after: Declared) -> None:
    """Each slot in the report has its heir, and every other slot is as it was."""
    heirs = {
        (row["learner"], slot["type"], slot["key"], slot["from"]): row["to"]
        for row in report["learners"]
        for slot in row["slots"]
    }
    for old, new in zip(before.learners, after.learners, strict=True):
        for slot, wanted in old.slots.items():
            heir = heirs.get((old.id, slot.kind.value, slot.key, wanted.handle), wanted.handle)
            held = {
                one.handle
                for other, one in new.slots.items()
                if other.kind is slot.kind and slot.key in (other.key, wanted.staff)
            }
            assert heir in held, (old.id, slot)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("who", [("assessor-1", "iqa-2"), ("--rebalance",)])
def test_no_edited_file_breaks_what_was_kept(home: Home, seed: int, who: tuple[str, ...]) -> None:
    """Over generated folders: the files say what the report says, and no policy finds anything new."""
    staff = generated(home, seed)
    before = read_declared(Path("state"), DAY)
    ended = home.run("share-out", *who, "--no-plan", "--format", "json")
    after = read_declared(Path("state"), DAY)
    if ended.code == ExitCode.BLOCKED:
        assert json.loads(ended.out)["unplaced"]
        assert after == before
        return
    assert ended.code == ExitCode.DONE, ended.err
    as_proposed(ended.json, before, after)
    found = [
        {
            (finding.policy, finding.staff or "" if finding.policy == "caseload" else finding.what)
            for finding in check_policies(one, read_from_files(one), ())
            if "above the target" not in finding.what  # a wish
        }
        for one in (before, after)
    ]
    assert found[1] - found[0] == set()
    if "--rebalance" not in who:
        gone = {staff[name]["id"] for name in who}
        assert all(gone.isdisjoint(wanted.staff or 0 for wanted in one.slots.values()) for one in after.learners)


def test_generated_folders_are_shared_out_in_part(home: Home) -> None:
    """The test above looks at proposals and at refusals."""
    codes = set()
    for seed in range(8):
        generated(home, seed)
        codes.add(home.run("share-out", "assessor-1", "iqa-2", "--no-plan", "--dry-run").code)
    assert codes == {ExitCode.DONE, ExitCode.BLOCKED}
