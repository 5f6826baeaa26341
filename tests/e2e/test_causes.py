"""Other people and other programs move many slots at once: drift reports the likely cause once, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.clock import SystemClock
from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, PRIYA, SETTINGS, Home, Served, point_at, served

LEARNERS = (200001, 200002, 200003, 200004, 200005, 200006)
NOW: Mapping[str, object] = {**SETTINGS, "drift": {"grace_hours": 0}}
HEIR = 135510
STAFF: Mapping[str, object] = {
    "kate": {"id": KATE, "role": "assessor"},
    "james": {"id": JAMES, "role": "assessor"},
    "priya": {"id": PRIYA, "role": "iqa"},
    "robin": {"id": HEIR, "role": "assessor"},
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as server:
        point_at(monkeypatch, server.url)
        yield server


def applied(home: Home, settings: Mapping[str, object] = NOW, *, who: str = "kate") -> None:
    """Everybody has the same default assessor, as approved."""
    home.declare(*({"id": user, "default_assessor": who} for user in LEARNERS), settings=settings, staff=STAFF)
    home.commit()
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE


def look(home: Home, *arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = home.run("drift", "--format", "json", *arguments).json
    return report


def test_an_archived_account_with_an_heir_is_one_finding_and_nobody_is_put_back(home: Home, server: Served) -> None:
    """In every format, with what to do; corrections leave it alone, and adopt accepts the heir."""
    applied(home)
    server.edit({"user": KATE, "archived": True, "heir": HEIR})
    (cause,) = look(home)["causes"]
    assert (cause["kind"], cause["confidence"]) == ("archived", "likely")
    assert (cause["left_staff_id"], cause["came_staff_id"]) == (KATE, HEIR)
    assert len(cause["addresses"]) == len(LEARNERS)
    for form in ("text", "markdown", "html"):
        said = " ".join(home.run("drift", "--format", form).out.split())
        assert said.count("kate is archived in OneFile") == 1
        assert "reconciler adopt" in said
    assert 'onefile_reconciler_causes{cause="archived"' in home.run("drift", "--format", "prometheus").out
    assert home.run("drift", "--correct").code == ExitCode.INCOMPLETE
    assert {server.world.users[user]["DefaultAssessorID"] for user in LEARNERS} == {HEIR}
    assert home.run("adopt").code == ExitCode.DONE
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE
    assert look(home)["causes"] == []


def test_what_comes_back_after_each_correction_names_the_other_system(
    home: Home, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the hour; once the settings name its owner, nothing of that kind is written any more."""
    applied(home)
    for day in range(3):
        monkeypatch.setattr(SystemClock, "now", lambda _, day=day: datetime(2026, 12, 1 + day, 6, 5, tzinfo=UTC))
        for user in LEARNERS:
            server.edit({"user": user, "set": {"DefaultAssessorID": HEIR}})
        report = look(home, "--correct")
        assert [cause["kind"] for cause in report["causes"]] == [["reallocated"], ["sent_again"], ["sent_again"]][day]
    (cause,) = report["causes"]
    assert (cause["confidence"], cause["corrections"], cause["seen_between"]) == ("likely", 2, ["06:05", "06:05"])
    assert "writers: {default_assessor: NAME}" in cause["fix"]
    for user in LEARNERS:
        server.edit({"user": user, "set": {"DefaultAssessorID": HEIR}})
    settings = {**NOW, "writers": {"default_assessor": "mis"}}
    home.declare(*({"id": user, "default_assessor": "kate"} for user in LEARNERS), settings=settings, staff=STAFF)
    home.commit()
    plan = home.run("plan")
    assert "Nothing to write. Left to differ, as settings.writers says: 6 slots." in plan.out
    assert "left to mis, as settings.writers says" in plan.out.replace("\n", " ").replace("  ", " ")
    calls = len(server.calls)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    assert home.run("drift", "--correct").code == ExitCode.DONE
    assert not [call for call in server.calls[calls:] if call["effect"]]
    report = look(home)
    assert {row["verdict"] for row in report["drift"]} == {"other_writer"}
    assert {row["writer"] for row in report["drift"]} == {"mis"}


def test_one_default_for_a_whole_batch_looks_like_an_import(home: Home, server: Served) -> None:
    """Its learners had several people before."""
    people = ["kate", "james"]
    entries = [{"id": user, "default_assessor": people[user % 2]} for user in LEARNERS]
    home.declare(*entries, settings=NOW, staff=STAFF)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    for user in LEARNERS:
        server.edit({"user": user, "set": {"DefaultAssessorID": HEIR}})
    (cause,) = look(home)["causes"]
    assert (cause["kind"], cause["confidence"], cause["left_staff_id"]) == ("batch", "possible", None)
    assert home.run("drift", "--verbose").out.count("default assessor: OneFile holds robin") == len(LEARNERS)
    assert "with a likely cause" in home.run("drift").out


def test_an_approved_owner_counts_against_looser_files(home: Home, server: Served) -> None:
    """A work tree without the writer corrects nothing of a kind that the approved files give to another system."""
    applied(home, {**NOW, "writers": {"unit_iqa": "tracker"}})
    server.edit({"user": LEARNERS[0], "set": {"DefaultAssessorID": HEIR}})
    owned = {**NOW, "writers": {"default_assessor": "mis"}}
    home.declare(*({"id": user, "default_assessor": "kate"} for user in LEARNERS), settings=owned, staff=STAFF)
    home.git("add", "state")
    home.git("commit", "-q", "-m", "owned")
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    home.declare(*({"id": user, "default_assessor": "kate"} for user in LEARNERS), settings=NOW, staff=STAFF)
    report = look(home, "--correct")
    assert [row["verdict"] for row in report["drift"]] == ["other_writer"]
    assert server.world.users[LEARNERS[0]]["DefaultAssessorID"] == HEIR
