"""adopt, as its user sees it: what somebody did in OneFile becomes the declaration, or is left with a reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World
from reconciler.problems import ExitCode
from reconciler.runtime.environment import LONDON
from tests.e2e.user import STAFF, Ended, Home, new_folder
from tests.marks import examples

ORGANISATION = 5740
COHORT = Path("state/cohorts/business-admin-l3-2026.yaml")


def somebody_edits(folder: Path, *asked: Mapping[str, object]) -> None:
    """Edits in the web pages of the embedded OneFile."""
    world, now = World.open(folder / ".reconciler" / "sandbox.jsonl"), datetime.now(UTC)
    for one in asked:
        world.commit(lambda one=one: edit(world, one, now), now, "somebody")
    world.close()


TWINS: Mapping[str, object] = {
    **{name: STAFF[name] for name in ("priya", "mentor")},
    "kate": {"id": 132757, "role": "assessor", "person": "one"},
    "kate-as-iqa": {"id": 136481, "role": "iqa", "person": "one"},
}


@pytest.fixture
def applied(home: Home) -> Home:
    home.declare_demonstration()
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    return home


def difference(home: Home, *arguments: str) -> list[str]:
    """The lines that adopt would take away and bring."""
    ended = home.run("adopt", "--dry-run", *arguments)
    rows = [line for line in ended.out.splitlines() if line[:1] in ("+", "-")]
    return [row.rstrip() for row in rows if not row.startswith(("+++", "---"))]


# ------------------------------------------------------------------ the law


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A centre as it stands after an apply, to be copied."""
    with new_folder() as folder, pytest.MonkeyPatch.context() as patch:
        from reconciler.cli.main import run

        shutil.copytree(Path(__file__).parents[2] / "state", folder / "state")
        patch.chdir(folder)
        assert run(["apply", "--auto-approve", "--quiet"]) == ExitCode.DONE
        yield folder


@settings(max_examples=examples(4), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_after_adopting_nothing_that_was_adopted_is_pending(
    template: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Whatever is edited in OneFile: what is adopted is in sync, what is left is told, and nothing else has changed."""
    with new_folder() as folder, pytest.MonkeyPatch.context() as patch:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        patch.chdir(folder)
        home = Home(folder, capsys)
        somebody_edits(folder, *_edits(folder, data))
        before = {row["address"]: row for row in home.plan()["resource_changes"]}
        extra = data.draw(st.lists(st.sampled_from(["--all", "--add-staff"]), unique=True))
        adoption = home.run("adopt", "--format", "json", *extra).json
        after = {row["address"]: row for row in home.plan()["resource_changes"]}
        adopted = {row["address"] for row in adoption["adopted"]}
        drifted = {address for address, row in before.items() if row["reason"] == "drift"}
        told = {address for address in drifted if any(address in one["what"] for one in adoption["problems"])}
        assert drifted == (adopted & drifted) | told
        for address, row in after.items():
            change = row["change"]
            if address in adopted:
                assert change["actions"] == ["no-op"]
                assert _id(change["after"]) == _id(before[address]["change"]["before"])
            else:
                assert _id(change["after"]) == _id(before[address]["change"]["after"])
        assert home.run("validate").code == ExitCode.DONE
        assert home.run("fmt", "--check").code == ExitCode.DONE


def _id(holder: Mapping[str, Any] | None) -> int | None:
    return holder["staff_id"] if holder else None


def _edits(folder: Path, data: st.DataObject) -> list[dict[str, object]]:
    """Some slots of declared learners given to others of fitting roles, known to the files or not, or to nobody."""
    world = World.open(folder / ".reconciler" / "sandbox.jsonl")
    people = {role: [u["ID"] for u in world.users.values() if u["Role"] == role] for role in (4, 5, 10, 40)}
    learners = [u["ID"] for u in world.users.values() if u["Role"] == 1 and u["OrganisationID"] == ORGANISATION]
    assessors = st.one_of(st.none(), st.sampled_from(people[5][:6] + people[4][:2]))
    iqas = st.one_of(st.none(), st.sampled_from(people[10][:4]))
    defaults = st.fixed_dictionaries({}, optional={"DefaultAssessorID": assessors})
    slots = st.fixed_dictionaries({}, optional={"AssessorID": assessors, "IVID": iqas})
    asked: list[dict[str, object]] = []
    for user in data.draw(st.lists(st.sampled_from(learners), unique=True, min_size=1, max_size=12)):
        asked.append({"user": user, "set": data.draw(defaults)})
        for aim in world.aims_of.get(user, [])[:1]:
            asked.append({"user": user, "standard": aim["StandardID"], "set": data.draw(slots)})
        for unit in world.units_of.get(user, [])[:1]:
            asked.append({"user": user, "unit": unit["UnitID"], "set": data.draw(slots)})
    if data.draw(st.booleans()):  # a whole cohort moves at once
        new = data.draw(st.sampled_from(people[5][:3]))
        asked += [{"user": user, "set": {"DefaultAssessorID": new}} for user in learners]
    world.close()
    return [one for one in asked if one["set"]]


# ------------------------------------------------------------------ how it is said


def test_an_own_entry_changes_where_it_stands_and_nobody_is_null(applied: Home) -> None:
    """Drift of one slot is one line of one file."""
    somebody_edits(
        applied.path,
        {"user": 200014, "set": {"DefaultAssessorID": None}},
        {"user": 200009, "standard": 41240, "set": {"AssessorID": 195433}},
    )
    assert difference(applied) == [
        "-    learning_aims: [{standard: 41240, assessor: kate-anderson}]",
        "+    learning_aims: [{standard: 41240, assessor: demelza-eastlake}]",
        "-    default_assessor: james-fayre",
        "+    default_assessor: null",
    ]


def test_a_dated_entry_gives_way_from_today_to_its_end(home: Home) -> None:
    """Who was there before and who comes later stay declared."""
    today = datetime.now(LONDON).date()
    ends, follows = today + timedelta(30), today + timedelta(31)
    entries = [{"staff": "kate", "until": f"{ends}"}, {"staff": "lou", "from": f"{follows}"}]
    home.declare(
        {"id": 200004, "default_assessor": entries}, staff={**STAFF, "lou": {"id": 163757, "role": "assessor"}}
    )
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultAssessorID": 122762}})
    assert home.run("adopt").code == ExitCode.DONE
    cohort = json.loads((home.path / "state" / "cohorts" / "c1.yaml").read_text("utf-8"))
    assert cohort["learners"][0]["default_assessor"] == [
        {"staff": "kate", "until": f"{today - timedelta(1)}"},
        {"staff": "james", "from": f"{today}", "until": f"{ends}"},
        {"staff": "lou", "from": f"{follows}"},
    ]


def test_what_all_heirs_of_a_default_share_changes_the_default(home: Home) -> None:
    """One line of the cohort's defaults; one learner alone gets an entry of their own."""
    home.declare({"id": 200004}, {"id": 200005}, defaults={"default_assessor": "james"})
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultAssessorID": 132757}})
    assert difference(home) == ['-   "id": 200004', '+   "id": 200004,', '+   "default_assessor": "kate"']
    somebody_edits(home.path, {"user": 200005, "set": {"DefaultAssessorID": 132757}})
    assert difference(home) == ['-  "default_assessor": "james"', '+  "default_assessor": "kate"']
    report = home.run("adopt", "--format", "json").json
    assert [row["in_defaults"] for row in report["adopted"]] == [True, True]
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE


def test_pending_changes_are_no_drift(home: Home) -> None:
    """What the files ask for and nobody applied yet is only given up when that is asked."""
    home.declare()
    assert (
        home.run("adopt").out
        == "Nothing to adopt. 1 of 7 declared slots are watched, 5 not yet, 1 is not shown by OneFile.\n"
    )
    assert home.run("adopt", "--all", "--dry-run").out.count("the files said") > 0
    address = "learner[200004].default_assessor"
    ended = home.run("adopt", "--address", address, "--format", "json")
    assert [row["address"] for row in ended.json["adopted"]] == [address]


# ------------------------------------------------------------------ what cannot be said


def left(ended: Ended) -> str:
    assert ended.code == ExitCode.INCOMPLETE, ended.out + ended.err
    assert ended.is_decent()
    return ended.err


def test_a_cover_in_force_keeps_the_permanent_holder(home: Home) -> None:
    """The file has no place for a third person while somebody stands in."""
    today = datetime.now(LONDON).date().isoformat()
    staff = {
        "kate": {"id": 132757, "role": "assessor"},
        "james": {"id": 122762, "role": "assessor", "cover": [{"by": "kate", "from": today}]},
        "xanthe": {"id": 163757, "role": "assessor"},
    }
    home.declare({"id": 200004, "default_assessor": "james"}, staff=staff)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    before = (home.path / "state" / "cohorts" / "c1.yaml").read_bytes()
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultAssessorID": 163757}})
    assert "a cover is in force" in left(home.run("adopt"))
    assert (home.path / "state" / "cohorts" / "c1.yaml").read_bytes() == before


def test_somebody_who_is_covered_cannot_be_adopted(home: Home) -> None:
    """The files would ask for the stand-in, not for who is there."""
    today = datetime.now(LONDON).date().isoformat()
    staff = {
        "kate": {"id": 132757, "role": "assessor"},
        "james": {"id": 122762, "role": "assessor", "cover": [{"by": "kate", "from": today}]},
    }
    home.declare({"id": 200004, "default_assessor": "kate"}, staff=staff)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultAssessorID": 122762}})
    assert "james is covered by kate today" in left(home.run("adopt"))


@pytest.mark.parametrize(("account", "handle"), [(163757, "assessor-163757"), (135510, "trainee-assessor-135510")])
def test_a_stranger_is_added_only_when_asked(home: Home, account: int, handle: str) -> None:
    """The handle is made of role and id, and the role is the one under which OneFile lists the account."""
    home.declare({"id": 200004, "default_assessor": "james"})
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultAssessorID": account}})
    assert f"OneFile has account {account}, which is not in staff.yaml" in left(home.run("adopt"))
    ended = home.run("adopt", "--add-staff", "--format", "json")
    assert ended.code == ExitCode.DONE, ended.err
    assert [row["now"] for row in ended.json["adopted"]] == [handle]
    staff = json.loads((home.path / "state" / "staff.yaml").read_text("utf-8"))["staff"]
    assert staff[handle] == {"id": account, "role": handle.rpartition("-")[0].replace("-", "_")}


def test_what_onefile_does_not_show_cannot_be_adopted(applied: Home) -> None:
    """The record of what we put there is no reading."""
    (address,) = (
        row["address"] for row in applied.plan("--learner", "200004")["resource_changes"] if row["type"] == "additional"
    )
    COHORT.write_text(COHORT.read_text("utf-8").replace("  additional: [observer-lee]\n", ""), "utf-8")
    ended = applied.run("adopt", "--address", address, "--learner", "200004")
    assert "OneFile does not show who holds it" in left(ended)


def test_an_address_that_is_not_declared_is_refused(applied: Home) -> None:
    """With the nearest that is."""
    ended = applied.run("adopt", "--address", "learner[200004].default_asessor")
    assert ended.code == ExitCode.INVALID
    assert "Did you mean learner[200004].default_assessor?" in ended.err


def test_markdown_serves_a_pull_request(applied: Home) -> None:
    """Each slot is an item, in code, under its cohort."""
    somebody_edits(applied.path, {"user": 200014, "set": {"DefaultAssessorID": None}})
    out = applied.run("adopt", "--format", "markdown").out
    assert out.startswith("### `business-admin-l3-2026`\n\n- `LRN-0114: default assessor: the files said james-fayre, ")
    assert json.dumps(out).count("\\u001b") == 0


def test_a_learner_who_could_not_be_read_keeps_the_default_and_is_told(home: Home) -> None:
    """Nobody knows what they hold, so the default that they share is not changed for the others' sake."""
    lost = {"misid": "LRN-of-nobody"}
    home.declare({"id": 200004}, lost, defaults={"default_assessor": "james"})
    home.run("apply", "--auto-approve")
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultAssessorID": 132757}})
    ended = home.run("adopt", "--format", "json")
    assert [(row["now"], row["in_defaults"]) for row in ended.json["adopted"]] == [("kate", False)]
    assert "has MISID LRN-of-nobody" in ended.err


def test_what_a_policy_says_of_the_adopted_is_told(home: Home) -> None:
    """The files tell the truth; the plan of them is blocked until somebody decides."""
    home.declare(
        {"id": 200004, "learning_aims": [{"standard": 41242, "assessor": "kate", "iqa": "priya"}]}, staff=TWINS
    )
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    somebody_edits(home.path, {"user": 200004, "standard": 41242, "set": {"IVID": 136481}})
    ended = home.run("adopt")
    assert "reconciler-new-" not in ended.out + ended.err  # places are those of the files, not of the copy
    assert ended.code == ExitCode.DONE
    assert "policy iqa_independent" in ended.err
    assert home.run("plan").code == ExitCode.BLOCKED
