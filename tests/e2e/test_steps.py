"""Steps that only a person can do: since when, whose, how; and over once a reading or a person says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.clock import SystemClock
from reconciler.model.slots import Site
from reconciler.problems import ExitCode
from reconciler.store import OpenIssue, Store
from tests.e2e.user import LEARNER, LEE, SETTINGS, Home, Served, point_at, served

OWNED: Mapping[str, object] = {**SETTINGS, "manual_steps": {"owner": "quality-lead"}}
ADDITIONAL, UNIT = f"learner[200004].additional[{LEE}]", "learner[200004].unit[BA_301].assessor"
LATER = timedelta(days=3, hours=1)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as server:
        point_at(monkeypatch, server.url)
        yield server


def let_days_pass(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + LATER)


def removed(home: Home) -> None:
    """Applied with an observer and an assessor of a unit; then the files ask for neither."""
    home.declare(LEARNER, settings=OWNED).converges()
    unit = {"unit": "BA_301", "assessor": None, "iqa": "priya"}
    home.declare({**LEARNER, "additional": [], "units": [unit]}, settings=OWNED)


def steps(home: Home) -> dict[str, dict[str, object]]:
    return {step["address"]: step for step in home.plan()["manual_steps"]}


def kept(home: Home) -> tuple[OpenIssue, ...]:
    with Store.open(".reconciler/store.db", clock=SystemClock()) as store:
        target = store.runs(limit=1)[0].target
        return store.issues(Site(target, 5740), "step", ended_since=datetime.min.replace(tzinfo=UTC))


def test_a_step_has_a_way_an_owner_and_an_age(home: Home, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The age counts from the first apply or drift run that found it, not from plans that may never be agreed."""
    removed(home)
    plans = [steps(home), steps(home)]
    assert [step["first_seen"] for plan in plans for step in plan.values()] == [None] * 4
    assert {step["owner"] for step in plans[0].values()} == {"quality-lead"}
    assert str(plans[0][ADDITIONAL]["clicks"]).startswith("In OneFile: Users > the learner's Account > Access Accounts")
    assert str(plans[0][UNIT]["clicks"]).startswith("In OneFile: Users > Learners > the learner > Episodes")
    assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
    first = {address: step["first_seen"] for address, step in steps(home).items()}
    assert None not in first.values()
    let_days_pass(monkeypatch)
    assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
    assert {address: step["first_seen"] for address, step in steps(home).items()} == first
    text = home.run("plan").out.replace("\n      ", " ")
    assert f"(step {plans[0][ADDITIONAL]['id']}, open for 3 days, quality-lead)" in text
    assert "open for 3 days, quality-lead" in home.run("drift").out.replace("\n      ", " ")


def test_a_reading_closes_what_onefile_shows(home: Home, server: Served) -> None:
    """Nobody need say so, and nobody can in its place."""
    removed(home)
    home.run("apply", "--auto-approve")
    step = steps(home)[UNIT]
    refused = home.run("done", str(step["id"]), "--by", "priya")
    assert (refused.code, "which OneFile shows" in refused.err) == (ExitCode.INVALID, True)
    for unit in server.world.units_of[200004]:
        unit["AssessorID"] = None
    assert UNIT not in steps(home)
    assert home.run("drift").code == ExitCode.DONE
    assert {one.slot.kind.value: one.ending for one in kept(home)} == {
        "unit_assessor": "a reading shows that it is done",
        "additional": "",
    }


def test_a_learner_who_is_archived_closes_none_of_their_steps(home: Home, server: Served) -> None:
    """Nothing is read of them, and whoever was there is there still."""
    removed(home)
    home.run("apply", "--auto-approve")
    server.world.users[200004]["DateArchived"] = "2026-11-24T09:00:00Z"
    assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
    home.run("drift")
    assert {one.slot.kind.value: one.ending for one in kept(home)} == {"unit_assessor": "", "additional": ""}


def test_a_person_closes_what_it_does_not(home: Home, server: Served) -> None:
    """By name; the step stays closed, and who said so is kept."""
    removed(home)
    home.run("apply", "--auto-approve")
    assert home.run("done", str(steps(home)[ADDITIONAL]["id"]), "--by", "priya").code == ExitCode.DONE
    assert ADDITIONAL not in steps(home)
    home.run("drift")
    endings = {one.slot.kind.value: one.ending for one in kept(home)}
    assert endings == {"additional": "absent, reported by priya (run 3)", "unit_assessor": ""}


def test_a_plan_that_reverts_a_run_closes_nobody_elses_steps(home: Home, server: Served) -> None:
    """It has the slots of that run alone, and says nothing of the others."""
    removed(home)
    home.run("apply", "--auto-approve")
    home.declare({**LEARNER, "default_assessor": "kate", "additional": []}, settings=OWNED)
    home.run("apply", "--auto-approve")
    run = home.run("history", "--format", "json").json[0]["run"]
    assert home.run("revert", str(run), "--out", "back.json").code == ExitCode.DONE
    home.run("apply", "back.json")
    assert "" in {one.ending for one in kept(home) if one.slot.kind.value == "additional"}


def test_the_history_of_steps_says_what_closed_each(home: Home, server: Served) -> None:
    """Open ones first; in every format the same steps, and no learner's name."""
    assert "No manual step" in home.declare(LEARNER, settings=OWNED).run("history", "--steps").out
    removed(home)
    home.run("apply", "--auto-approve")
    home.run("done", str(steps(home)[ADDITIONAL]["id"]), "--by", "priya")
    rows = home.run("history", "--steps", "--format", "json").json
    assert [(row["address"], bool(row["closed"]), row["how"]) for row in rows] == [
        (UNIT, False, ""),
        (ADDITIONAL, True, "absent, reported by priya (run 3)"),
    ]
    for form in ("text", "csv", "markdown"):
        text = home.run("history", "--steps", "--format", form).out
        words = ("from the additional people", "assessor of unit", "learner 200004")
        assert all(row["step"] in text for row in rows)
        assert all(told in text for told in (words if form != "csv" else [str(row["address"]) for row in rows]))
        assert "absent, reported by priya (run 3)" in text
    assert home.run("history", "1", "--steps").code == ExitCode.INVALID


def test_a_step_that_the_files_take_back_is_over(home: Home, server: Served) -> None:
    """And one that comes again is a new one."""
    removed(home)
    home.run("apply", "--auto-approve")
    home.declare(LEARNER, settings=OWNED)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    assert {one.ending for one in kept(home)} == {"the files ask for them again"}
    removed(home)
    home.run("apply", "--auto-approve")
    assert [one.ending for one in kept(home)].count("") == 2


def test_a_step_that_no_reading_can_close_is_closed_by_a_person(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a slot of one that this server does not show, as among additional people."""
    with served(None, "aim_staff_keys=omit") as server:
        point_at(monkeypatch, server.url)
        aim = "learner[200004].learning_aim[41242].iqa"
        home.declare(LEARNER).run("apply", "--auto-approve")
        home.declare({**LEARNER, "learning_aims": [{"standard": 41242, "assessor": "kate", "iqa": None}]})
        ended = home.run("apply", "--auto-approve")
        assert ended.code == ExitCode.INCOMPLETE
        assert "reconciler done STEP --by NAME" in ended.out
        (step,) = steps(home).values()
        assert (step["address"], step["unseen"]) == (aim, True)
        assert home.run("done", str(step["id"]), "--by", "sam", "--outcome", "absent").code == ExitCode.DONE
        assert steps(home) == {}
        home.converges()
        assert {one.ending for one in kept(home)} == {"absent, reported by sam (run 3)"}


# ------------------------------------------------------------------ steps that no file asks for any longer


def kept_addresses(home: Home) -> set[str]:
    drift = home.run("drift", "--format", "json").json
    in_plan = {step["address"] for step in home.plan().get("kept_steps", [])}
    assert in_plan <= {step["address"] for step in drift["manual_steps"]}
    return in_plan


@pytest.mark.parametrize("cohort", [[{"id": 200007, "default_assessor": "kate"}], [{**LEARNER, "additional": []}]])
def test_a_step_outlives_the_files_that_asked_for_it(
    home: Home, server: Served, cohort: list[dict[str, object]]
) -> None:
    """Whether the learner is still declared or not, whatever runs: until a person says that it is done."""
    removed(home)
    home.run("apply", "--auto-approve")
    step = steps(home)[ADDITIONAL]["id"]
    entry = {key: value for key, value in cohort[0].items() if key != "units"}
    home.declare(entry, settings=OWNED)
    for command in (["drift"], ["apply", "--auto-approve"], ["plan"], ["drift", "--learner", str(entry["id"])]):
        ended = home.run(*command)
        assert ended.is_decent()
    assert ADDITIONAL in {one.slot.address(one.learner) for one in kept(home) if not one.ended}
    assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
    assert "from the additional people" in home.run("plan").out
    assert home.run("done", str(step), "--by", "priya").code == ExitCode.DONE
    assert ADDITIONAL not in {one.slot.address(one.learner) for one in kept(home) if not one.ended}


def test_a_reading_closes_a_step_that_no_file_asks_for(home: Home, server: Served) -> None:
    """Where the learner is read; where they are not, a person may say so."""
    removed(home)
    home.run("apply", "--auto-approve")
    declared = {key: value for key, value in LEARNER.items() if key != "additional"}
    units = [{"unit": "BA_301", "iqa": "priya"}]
    home.declare({**declared, "units": units}, settings=OWNED)
    assert kept_addresses(home) == {UNIT}
    for unit in server.world.units_of[200004]:
        unit["AssessorID"] = None
    assert home.run("drift").code == ExitCode.DONE
    assert kept_addresses(home) == set()
    assert "a reading shows that it is done" in {one.ending for one in kept(home)}


def test_what_a_revert_left_to_people_stays_when_the_files_are_put_back(home: Home, server: Served) -> None:
    """The mistake is gone from the files, and what it did is still in OneFile."""
    home.declare({"id": 200004, "default_assessor": "kate"}, settings=OWNED).converges()
    home.declare({"id": 200004, "default_assessor": "kate", "additional": ["lee"]}, settings=OWNED)
    home.run("apply", "--auto-approve")
    run = home.run("history", "--format", "json").json[0]["run"]
    home.declare({"id": 200004, "default_assessor": "kate"}, settings=OWNED)
    assert home.run("revert", str(run), "--out", "back.json").code == ExitCode.DONE
    assert home.run("apply", "back.json").code == ExitCode.INCOMPLETE
    home.run("drift")
    assert [one.ending for one in kept(home)] == [""]


def test_an_additional_person_taken_off_by_hand_can_be_added_again(home: Home, server: Served) -> None:
    """OneFile does not show it, so a person says so; who prints how."""
    home.declare({"id": 200004, "additional": ["lee"]}, settings=OWNED).converges()
    server.world.additional[200004].clear()
    assert "reconciler who LEARNER" in home.run("plan").out
    told = home.run("who", "200004").out.replace("\n", " ")
    step = told.split("reconciler done ")[1].split()[0]
    assert home.run("done", step, "--by", "priya").code == ExitCode.DONE
    home.converges()
    assert server.world.additional[200004] == [LEE]
