"""Every declared slot is watched once a reading has shown it as declared, or the report says that it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from onefile_sandbox.switches import Switches
from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, LEARNER, MENTOR, SETTINGS, Home, Served, point_at, served

OTHER, THIRD = 163757, 195433  # assessors of the sandbox whom no file names
DEFAULT, EMPLOYER = "learner[200004].default_assessor", "learner[200004].default_employer"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as server:
        point_at(monkeypatch, server.url)
        yield server


@pytest.fixture
def agreed(home: Home, server: Served) -> Home:
    """A learner whom OneFile has as the files declare, before any command has run."""
    server.world.users[200004].update({"DefaultAssessorID": JAMES, "DefaultEmployerID": MENTOR})
    return home.declare({"id": 200004, "default_assessor": "james", "default_employer": "mentor"})


def look(home: Home) -> tuple[int, dict[str, Any]]:
    ended = home.run("drift", "--format", "json", "--detailed-exitcode")
    assert ended.is_decent()
    return ended.code, ended.json


def move(server: Served, **fields: int | None) -> None:
    server.world.users[200004].update(fields)  # type: ignore[typeddict-item]


def drifted(report: dict[str, Any]) -> dict[str, int | None]:
    return {row["address"]: row["holds"]["staff_id"] for row in report["drift"]}


@pytest.mark.parametrize(
    "before",
    [
        ["plan --out plan.json", "apply plan.json --auto-approve"],
        ["apply --auto-approve"],
        ["drift"],
        ["adopt"],
    ],
    ids=lambda commands: commands[-1].split()[0] + str(len(commands)),
)
def test_what_a_reading_showed_as_declared_is_watched(agreed: Home, server: Served, before: list[str]) -> None:
    """Whichever command read it, and although it wrote nothing: from then on a move is drift."""
    for command in before:
        agreed.run(*command.split())
    move(server, DefaultAssessorID=OTHER)
    code, report = look(agreed)
    assert (code, drifted(report)) == (ExitCode.CHANGES, {DEFAULT: OTHER})
    assert (report["watch"]["watched"], report["watch"]["unwatched_slots"]) == (2, [])


def test_a_slot_that_adopt_accepted_is_watched(agreed: Home, server: Served) -> None:
    """Its new holder, before anything is applied; the one whom the record has is drift as well."""
    agreed.run("apply", "--auto-approve")
    move(server, DefaultAssessorID=KATE)
    assert agreed.run("adopt").code == ExitCode.DONE
    assert look(agreed)[0] == ExitCode.DONE
    for holder in (OTHER, JAMES):
        move(server, DefaultAssessorID=holder)
        assert drifted(look(agreed)[1]) == {DEFAULT: holder}


def test_files_that_were_not_merged_do_not_hide_drift_from_those_that_were(agreed: Home, server: Served) -> None:
    """A branch on which somebody accepts the move sees it as declared; for the others it is drift as before."""
    agreed.run("drift")
    move(server, DefaultAssessorID=KATE)
    first = look(agreed)
    branch = {"id": 200004, "default_assessor": "kate", "default_employer": "mentor"}
    merged = json.loads((agreed.path / "state/cohorts/c1.yaml").read_text("utf-8"))["learners"][0]
    agreed.declare(branch)
    assert look(agreed)[0] == ExitCode.DONE
    agreed.declare(merged)
    assert drifted(look(agreed)[1]) == drifted(first[1]) == {DEFAULT: KATE}


def test_the_age_counts_from_the_first_sighting_whoever_holds_the_slot(agreed: Home, server: Served) -> None:
    """The wrong holder changes, and the slot has been wrong since the first."""
    agreed.run("apply", "--auto-approve")
    move(server, DefaultAssessorID=OTHER)
    (first,) = look(agreed)[1]["drift"]
    move(server, DefaultAssessorID=THIRD)
    (second,) = look(agreed)[1]["drift"]
    assert second["holds"]["staff_id"] == THIRD
    assert second["first_seen"] == first["first_seen"]


def test_a_saved_plan_records_nothing_that_a_later_reading_contradicts(agreed: Home, server: Served) -> None:
    """A drift run saw the slot move between the plan and its apply; its age is not lost."""
    agreed.run("plan", "--out", "plan.json")
    agreed.run("drift")
    move(server, DefaultAssessorID=OTHER)
    (first,) = look(agreed)[1]["drift"]
    agreed.run("apply", "plan.json", "--auto-approve")
    (second,) = look(agreed)[1]["drift"]
    assert second["first_seen"] == first["first_seen"]


def test_a_field_that_vanishes_is_reported_until_it_is_back(agreed: Home, server: Served) -> None:
    """With the exit code of drift, in words, in JSON and as a gauge; the plan says it too."""
    agreed.run("drift")
    server.service.switches = server.service.switches.changed(
        {"defaults_on_get": "absent", "paged_user_fields": "same"}
    )
    code, report = look(agreed)
    assert code == ExitCode.CHANGES
    assert report["watch"]["blind_slots"] == [DEFAULT, EMPLOYER]
    assert "Went blind: OneFile showed 1 default assessor, 1 default employer before" in agreed.run("drift").out
    assert "Went blind" in agreed.run("plan").out
    gauges = agreed.run("drift", "--format", "prometheus").out
    labels = f'kind="default_assessor",organisation="5740",target="{server.url}"'
    assert f"onefile_reconciler_blind_slots{{{labels}}} 1.0" in gauges
    server.service.switches = Switches(rate_limit=0)
    assert look(agreed)[0] == ExitCode.DONE


def test_reports_count_what_they_watch(home: Home, server: Served) -> None:
    """Unseen: an additional person, whom no reading shows. Unwatched: what still waits to be applied."""
    home.declare(LEARNER, settings=SETTINGS)
    plan = home.plan()["summary"]
    assert (plan["watched"], plan["unwatched"], plan["unseen"]) == (0, 6, 1)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    watch = look(home)[1]["watch"]
    assert (watch["watched"], watch["unwatched"], watch["unseen_slots"]) == (
        6,
        0,
        ["learner[200004].additional[127733]"],
    )
    assert "6 of 7 declared slots are watched, 1 is not shown by OneFile." in home.run("plan").out


@pytest.mark.parametrize("command", [["apply", "--auto-approve"], ["apply", "plan.json"], ["adopt"]])
def test_commands_count_what_is_watched_once_they_have_ended(home: Home, server: Served, command: list[str]) -> None:
    """In the report of what was done, not only in the next plan; in words and in JSON, and as drift counts it."""
    home.declare(LEARNER, settings=SETTINGS)
    home.run("plan", "--out", "plan.json")
    counts = json.loads(home.run(*command, "--format", "json").out)["watch"]
    watch = look(home)[1]["watch"]
    assert counts == {name: watch[name] for name in counts}
    again = ["adopt"] if command == ["adopt"] else ["apply", "--auto-approve"]
    assert f"{watch['watched']} of 7 declared slots are watched" in home.run(*again, "--format", "markdown").out


def test_an_import_counts_what_is_watched(home: Home, server: Served) -> None:
    """What OneFile showed was recorded; drift counts the same."""
    imported = json.loads(home.run("import", "--organisation", "5740", "--classroom", "3301", "--format", "json").out)
    watch = look(home)[1]["watch"]
    assert imported["watch"] == {name: watch[name] for name in imported["watch"]}
    assert imported["watch"]["watched"] > imported["watch"]["unwatched"] == 0
