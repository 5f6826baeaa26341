"""Runs of a fleet in real processes: each centre ends as it would alone, and one report shows all."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import LEARNER, SETTINGS, WRITES
from tests.fleet.centres import NAMES, Centres


def test_each_centre_ends_as_it_would_alone_and_the_worst_comes_first(
    centres: Centres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is refused by its server, one has an invalid file: neither stops another. Once mended, only these run."""
    folders = {name: centres.add(name) for name in NAMES}
    monkeypatch.setenv("TOKEN_WEST", "of-nobody")
    folders["valley"].declare({**LEARNER, "default_assessor": "nobody"})
    code, rows = centres.rows("apply", "--auto-approve")
    assert [(name, row["exit_code"]) for name, row in rows.items()] == [
        ("west", ExitCode.ERROR),
        ("valley", ExitCode.INVALID),
        *((name, ExitCode.DONE) for name in NAMES[:3]),
    ]
    assert code == ExitCode.ERROR
    assert {row["counts"].get("done", 0) for name, row in rows.items() if name in NAMES[:3]} == {WRITES}
    assert rows["valley"]["problems"][0]["file"] == "state/cohorts/c1.yaml"
    assert "refused the log-in" in rows["west"]["problems"][0]["what"]
    assert json.loads(Path(rows["north"]["report"]).read_text("utf-8"))["exit_code"] == ExitCode.DONE
    status = centres.run("status").out
    assert "2 of 5 centres need attention: west, valley." in status
    assert all(row["problems"][0]["fix"].split()[0] in status for row in (rows["valley"], rows["west"])), status

    monkeypatch.setenv("TOKEN_WEST", "secret-of-TOKEN_WEST")
    folders["valley"].declare()
    code, rows = centres.rows("apply", "--auto-approve", "--failed")
    assert (code, sorted(rows)) == (ExitCode.DONE, ["valley", "west"])
    code, rows = centres.rows("apply", "--auto-approve", "--changed")
    assert (code, rows) == (ExitCode.DONE, {})
    assert {server.effects for server in centres.servers.values()} == {WRITES}

    code, rows = centres.rows("status")
    assert code == ExitCode.DONE
    assert {(row["command"], row["exit_code"]) for row in rows.values()} == {("apply", ExitCode.DONE)}
    for form, sign in (("text", "north"), ("markdown", "| north |"), ("html", '<th scope="row">north</th>')):
        assert sign in centres.run("status", "--format", form).out
    metrics = centres.run("status", "--format", "prometheus").out
    assert metrics.count("onefile_reconciler_fleet_store_readable{") == len(NAMES)


def test_a_token_or_store_that_is_refused_is_named_as_in_the_fleet_file(
    centres: Centres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the report, the centre's whole report and the status: nobody else knows the variables of its process."""
    for name in ("east", "north", "west"):
        centres.add(name)
    centres.entries["north"]["store"] = "STORE_NORTH"
    monkeypatch.setenv("STORE_NORTH", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("TOKEN_EAST", "two\nlines")
    monkeypatch.setenv("TOKEN_WEST", "of-nobody")
    _, rows = centres.rows("plan")
    problems = {name: row["problems"][0] for name, row in rows.items()}
    assert problems["east"]["where"] == "TOKEN_EAST"
    assert problems["north"]["fix"].startswith("Check the address in STORE_NORTH, and")
    assert problems["west"]["fix"].startswith("Check TOKEN_WEST, and")
    assert "Check TOKEN_WEST" in Path(rows["west"]["report"]).read_text("utf-8")
    assert centres.rows("status")[1]["north"]["problems"][0]["fix"] == problems["north"]["fix"]


def test_a_plan_that_is_blocked_shows_by_what(centres: Centres) -> None:
    """A policy in one centre, a limit in another; a plan without either shows what it would write, in words."""
    folders = {name: centres.add(name) for name in ("east", "north", "south")}
    policy = {**SETTINGS, "policies": {"coverage": "error"}}
    folders["east"].declare({"id": 200004, "learning_aims": [{"standard": 41242, "assessor": "kate"}]}, settings=policy)
    limit = {**SETTINGS, "limits": {"reassign": {"count": 0, "share": 1}}}
    folders["north"].declare(settings=limit)
    code, rows = centres.rows("plan")
    assert (code, rows["east"]["exit_code"], rows["north"]["exit_code"]) == (ExitCode.BLOCKED,) * 3
    assert [row["what"].split(":")[0] for row in rows["east"]["problems"]] == ["policy coverage"]
    assert rows["east"]["problems"][0]["file"] == "state/cohorts/c1.yaml"
    assert "at most 0 are allowed" in rows["north"]["problems"][0]["what"]
    text = centres.run("plan", "--only", "south", "--detailed-exitcode").out
    assert "1 centre: 1 with changes" in text
    assert "with changes (2)" in text
    assert "to fill" in text or "to reassign" in text


def test_two_centres_of_one_organisation_and_store_never_run_at_once_nor_write_twice(centres: Centres) -> None:
    """Both declare the same slots; the second finds them done. They share the budget of their customer."""
    for name in ("north", "south"):
        centres.add(name, token="TOKEN_BOTH", store="group.db")
    code, rows = centres.rows("apply", "--auto-approve", "--jobs", "2")
    assert code == ExitCode.DONE, rows
    assert centres.servers["TOKEN_BOTH"].effects == WRITES
    assert not (centres.home.path / ".reconciler" / "fleet" / "budget.db").exists()  # their store is one already


def test_centres_of_one_token_with_two_stores_count_their_calls_in_one_place(centres: Centres) -> None:
    """Else each would spend the whole rate limit of the customer."""
    for name in ("north", "south"):
        centres.add(name, token="TOKEN_BOTH")
    code, rows = centres.rows("plan")
    assert code == ExitCode.DONE, rows
    folder = centres.home.path
    assert counted_calls(folder / ".reconciler" / "fleet" / "budget.db") > 0
    assert {counted_calls(folder / name / ".reconciler" / "store.db") for name in ("north", "south")} == {0}


def counted_calls(store: Path) -> int:
    with closing(sqlite3.connect(store)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    return int(count)


def test_a_centre_in_a_repository_is_fetched_before_it_is_planned(centres: Centres) -> None:
    """Its newest commit counts, also after another fetch; its checkout belongs to the fleet."""
    origin = centres.add("north", repository="", folder="state")
    origin.commit()
    centres.entries["north"]["repository"] = origin.path.as_uri()
    code, rows = centres.rows("plan")
    assert (code, rows["north"]["counts"]["update"] > 0) == (ExitCode.DONE, True)
    origin.declare({**LEARNER, "default_assessor": "nobody"}).commit()
    assert centres.rows("plan")[0] == ExitCode.INVALID
