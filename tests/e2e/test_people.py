"""People and accounts, as seen over HTTP: archived staff, changed roles, duplicate accounts, and MISIDs that moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from onefile_sandbox.web_edits import edit
from reconciler.problems import ExitCode
from tests.e2e.user import KATE, PRIYA, SETTINGS, STAFF, Home, Served, point_at, served

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def onefile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as here:
        point_at(monkeypatch, here.url)
        yield here


def people_edit(here: Served, request: Mapping[str, object]) -> None:
    """Somebody works in OneFile's web pages."""
    here.world.commit(lambda: edit(here.world, request, NOW), NOW, "edit")


# ------------------------------------------------------------------ staff who cannot act


def test_archived_staff_are_reported_in_every_format_of_plan_and_drift(home: Home, onefile: Served) -> None:
    """Their slots are as declared, so nothing is to be written: but nobody acts in them."""
    home.declare().converges()
    people_edit(onefile, {"user": PRIYA, "archived": True})
    people_edit(onefile, {"user": KATE, "role": 10})
    archived = f"priya (account {PRIYA}) is archived in OneFile and is declared for slots of 1 learner"
    role = f"kate (account {KATE}) is an IQA in OneFile, but an assessor in"
    for command in ("plan", "drift"):
        for form in ("text", "markdown", "json", *(["html"] if command == "plan" else [])):
            shown = " ".join(home.run(command, "--format", form).out.replace("\\", "").split())
            assert archived in shown, (command, form)
            assert role in shown, (command, form)
    assert home.plan()["summary"]["no_op"] > 0
    assert "learning aim 41242 has an assessor but no IQA: priya is archived" in home.run("plan").out.replace(
        "\n      ", " "
    )
    metrics = home.run("drift", "--format", "prometheus").out
    assert 'staff_findings{organisation="5740",policy="staff_active"' in metrics


@pytest.mark.parametrize(
    ("level", "code"), [("warn", ExitCode.DONE), ("error", ExitCode.BLOCKED), ("off", ExitCode.DONE)]
)
def test_the_level_of_the_policy_decides(home: Home, onefile: Served, level: str, code: ExitCode) -> None:
    """As for every policy; an error also ends a drift run that shows its result by its exit code."""
    home.declare().converges()
    people_edit(onefile, {"user": PRIYA, "archived": True})
    home.declare(settings={**SETTINGS, "policies": {"staff_active": level}})
    assert home.run("plan").code == code
    drift = home.run("drift", "--detailed-exitcode")
    assert drift.code == (ExitCode.CHANGES if level == "error" else ExitCode.DONE)
    assert ("is archived in OneFile" in drift.out) is (level != "off")


def test_staff_as_declared_cost_no_call_more(home: Home, onefile: Served) -> None:
    """The policies look at what the reading shows anyway."""
    calls = []
    for level in ("warn", "off"):
        home.declare(settings={**SETTINGS, "policies": {"staff_active": level, "duplicate_staff": level}})
        home.run("plan")  # learns the server
        before = len(onefile.calls)
        home.run("plan")
        calls.append(len(onefile.calls) - before)
    assert calls[0] == calls[1]


def test_a_holder_whom_the_files_do_not_know_is_reported(home: Home, onefile: Served) -> None:
    """A slot that is only reported when it moves, and somebody who left holds it."""
    home.declare().converges()
    known = {member["id"] for member in STAFF.values()}
    assessors = (user["ID"] for user in onefile.world.users.values() if user["Role"] == 5 and not user["DateArchived"])
    stranger = next(user for user in assessors if user not in known)
    people_edit(onefile, {"user": 200004, "set": {"DefaultAssessorID": stranger}})
    people_edit(onefile, {"user": stranger, "archived": True})
    home.declare(settings={**SETTINGS, "drift": {"default_assessor": "report"}})
    (found,) = (row for row in home.plan()["policies"] if row["policy"] == "staff_active")
    assert found["what"] == (
        f"account {stranger} (not in staff.yaml) is archived in OneFile and holds slots of 1 learner"
    )


def test_two_accounts_with_one_misid_are_reported(home: Home, onefile: Served) -> None:
    """Without the MISID itself, which is personal."""
    for user in (KATE, PRIYA):
        onefile.world.users[user]["MISID"] = "HR-0099"
    home.declare()
    plan = home.run("plan", "--format", "json")
    (found,) = (row for row in plan.json["policies"] if row["policy"] == "duplicate_staff")
    assert found["what"] == f"priya (account {PRIYA}) and kate (account {KATE}) have the same MISID in OneFile"
    assert "HR-0099" not in plan.out
