"""Drift as a user meets it: told since when and by which run, put back only as far as people have approved."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onefile_sandbox.faults import Fault
from reconciler.clock import SystemClock
from reconciler.github.markers import kind_of
from reconciler.model.slots import Site
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.e2e.user import JAMES, KATE, LEARNER, SETTINGS, TOKEN, Home, Served, point_at, served, slots

DEFAULT, AIM = "learner[200004].default_assessor", "learner[200004].learning_aim[41242].assessor"
AIM_IQA, UNIT = "learner[200004].learning_aim[41242].iqa", "learner[200004].unit[BA_301].assessor"
AT_ONCE: Mapping[str, object] = {**SETTINGS, "drift": {"grace_hours": 0}}
OTHER = 163757  # an assessor of the sandbox whom no file names


class Hours:
    """The machine's clock, with hours that the test lets pass."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def forward(self, **time: float) -> None:
        self.passed += timedelta(**time)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    time = Hours()
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + time.passed)
    return time


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as server:
        point_at(monkeypatch, server.url)
        yield server


def approve(home: Home) -> None:
    """What is declared now becomes a commit, as a merged pull request makes one."""
    home.commit()


def applied(home: Home, settings: Mapping[str, object] = AT_ONCE, **changed: object) -> Home:
    """The usual learner, declared, approved and applied."""
    home.declare({**LEARNER, **changed}, settings=settings)
    approve(home)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    return home


def look(home: Home, *arguments: str) -> tuple[int, dict[str, Any]]:
    ended = home.run("drift", "--format", "json", "--detailed-exitcode", *arguments)
    assert ended.is_decent()
    return ended.code, ended.json


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {row["address"]: row["verdict"] for row in report["drift"]}


def move(server: Served, **fields: int | None) -> None:
    """Somebody changes the learner's record in OneFile."""
    server.world.users[200004].update(fields)


def put_in_unit(server: Served, who: int | None) -> None:
    for unit in server.world.units_of[200004]:
        unit["AssessorID"] = who


# ------------------------------------------------------------------ telling


def test_drift_of_a_learner_who_can_no_longer_be_read_is_not_said_to_be_gone(home: Home, server: Served) -> None:
    """Else the workflow would close its issue while somebody else still stands there."""
    applied(home)
    move(server, DefaultAssessorID=OTHER)
    assert look(home)[0] == ExitCode.CHANGES
    server.world.users[200004]["DateArchived"] = "2026-11-24T09:00:00Z"
    for _ in range(2):
        code, report = look(home)
        assert (code, report["summary"]["drift"], report["summary"]["unseen"]) == (ExitCode.CHANGES, 0, 1)
    assert home.run("drift", "--correct").code == ExitCode.INCOMPLETE  # nobody can tell whether it was put back
    for form in ("text", "markdown"):
        said = home.run("drift", "--format", form).out
        assert "1 drifted before and cannot be read now" in said
        assert "as it was applied" not in said
    server.world.users[200004].update(DateArchived=None, DefaultAssessorID=JAMES)
    assert look(home)[0] == ExitCode.DONE


def test_where_nothing_moved_the_report_is_empty(home: Home, server: Served) -> None:
    """Exit 0, nothing drifted, nothing pending, and in text a line that says so."""
    applied(home)
    code, report = look(home)
    assert (code, report["drift"], report["pending"], report["due"], report["unknown"]) == (0, [], [], [], [])
    assert "No drift" in home.run("drift").out


def test_drift_names_who_stands_there_who_was_applied_and_since_when(home: Home, server: Served, hours: Hours) -> None:
    """The run and who asked for it come from the journal; who moved it in OneFile nobody can know."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    _, first = look(home)
    hours.forward(hours=5)
    code, report = look(home)
    (row,) = report["drift"]
    assert (code, row["address"], row["holds"], row["applied"]["staff"]) == (
        ExitCode.CHANGES, DEFAULT, {"staff_id": KATE, "staff": "kate"}, "james",
    )  # fmt: skip
    (run,) = home.run("history", "--format", "json").json
    assert (row["last_applied"]["run"], row["last_applied"]["who"]) == (run["run"], run["who"])
    assert row["first_seen"] == first["drift"][0]["first_seen"]
    assert 5 * 3600 <= row["age_seconds"] < 5 * 3600 + 600
    text = home.run("drift").out.replace("\n      ", " ")
    assert "default assessor: OneFile holds kate; run 1 (" in text
    assert "applied james, and it was changed in OneFile since" in text


def test_a_drift_run_costs_no_more_calls_than_a_plan(home: Home, server: Served) -> None:
    """It is the same one reading."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    before = len(server.calls)
    home.run("plan")
    between = len(server.calls)
    look(home)
    assert len(server.calls) - between <= between - before


def test_what_the_files_ask_for_is_not_drift(home: Home, server: Served) -> None:
    """It waits for an apply; where OneFile moved as well, that is said: applying overwrites somebody."""
    applied(home)
    home.declare({**LEARNER, "default_assessor": "kate"}, settings=AT_ONCE)
    move(server, DefaultAssessorID=OTHER)
    code, report = look(home)
    (row,) = report["pending"]
    assert (code, report["drift"], row["address"], row["onefile_moved_since"]["run"]) == (0, [], DEFAULT, 1)


def test_what_the_calendar_asks_for_is_due(home: Home, server: Served, hours: Hours) -> None:
    """Cover that begins, and a dated entry that takes over: the files did not change, and OneFile did not move."""
    later = datetime.now(UTC).date() + timedelta(days=10)
    dated = [{"staff": "james", "until": str(later - timedelta(days=1))}, {"staff": "kate", "from": str(later)}]
    applied(home, default_assessor=dated)
    assert look(home)[1]["due"] == []
    hours.forward(days=10)
    code, report = look(home)
    assert (code, [row["address"] for row in report["due"]], report["pending"], report["drift"]) == (
        0,
        [DEFAULT],
        [],
        [],
    )


def test_each_kind_is_treated_as_the_settings_say(home: Home, server: Served) -> None:
    """Corrected, reported or ignored; what is ignored is counted and keeps no exit code busy."""
    drift = {"grace_hours": 0, "default_assessor": "ignore", "default_employer": "report"}
    applied(home, settings={**SETTINGS, "drift": drift})
    move(server, DefaultAssessorID=KATE)
    code, report = look(home, "--correct")
    assert (code, report["drift"], report["summary"]["ignored"]) == (0, [], 1)
    server.world.users[200004]["DefaultEmployerID"] = None
    code, report = look(home, "--correct")
    assert (code, verdicts(report)) == (ExitCode.CHANGES, {"learner[200004].default_employer": "report"})
    assert slots(server.world)["learner[200004].default_employer"] is None


def test_what_a_change_of_the_files_causes_is_told_from_what_was_pending(home: Home, server: Served) -> None:
    """With --base, from one reading; it is for looking, so it does not go with --correct."""
    applied(home)
    home.declare({**LEARNER, "default_assessor": "kate"}, settings=AT_ONCE)
    approve(home)
    changed = {
        **LEARNER,
        "default_assessor": "kate",
        "units": [{"unit": "BA_301", "assessor": "james", "iqa": "priya"}],
    }
    home.declare(changed, settings=AT_ONCE)
    report = look(home, "--base", "HEAD")[1]
    assert {row["address"]: row.get("pending", False) for row in report["pending"]} == {DEFAULT: True, UNIT: False}
    assert len(report["base"]) == 40
    text = home.run("drift", "--base", "HEAD").out.replace("\n      ", " ")
    assert text.count("caused by this change of the files") == 1
    assert home.run("drift", "--base", "HEAD", "--correct").code == ExitCode.INVALID


def test_drift_that_is_over_is_told_once(home: Home, server: Served) -> None:
    """Somebody put it back, or the files accept it: the episode ends, and says how."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    look(home)
    move(server, DefaultAssessorID=JAMES)
    (ended,) = look(home)[1]["ended"]
    assert (ended["address"], ended["how"]) == (DEFAULT, "back as it was applied")
    assert look(home)[1]["ended"] == []
    move(server, DefaultAssessorID=KATE)
    look(home)
    home.declare({**LEARNER, "default_assessor": "kate"}, settings=AT_ONCE)
    assert [row["how"] for row in look(home)[1]["ended"]] == ["the files accept it"]


def test_a_run_that_fails_changes_no_first_seen(home: Home, server: Served, hours: Hours) -> None:
    """Nothing was read, so nothing is known to be over."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    first = look(home)[1]["drift"][0]["first_seen"]
    hours.forward(hours=1)
    with pytest.MonkeyPatch.context() as away:
        away.setenv("ONEFILE_CUSTOMER_TOKEN", "wrong")
        assert home.run("drift").code == ExitCode.ERROR
    assert look(home)[1]["drift"][0]["first_seen"] == first


def test_a_run_of_one_cohort_says_nothing_of_the_others(home: Home, server: Served) -> None:
    """What was not read has neither drifted nor recovered."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    first = look(home)[1]["drift"][0]["first_seen"]
    home.declare(LEARNER, {"id": 200001}, settings=AT_ONCE)
    assert look(home, "--learner", "200001")[1]["ended"] == []
    assert look(home)[1]["drift"][0]["first_seen"] == first


@pytest.mark.parametrize("only_looks", [["--at", "2027-03-01"], ["--base", "HEAD"]], ids=lambda options: options[0])
def test_another_days_or_branchs_files_begin_and_end_nothing(
    home: Home, server: Served, hours: Hours, only_looks: list[str]
) -> None:
    """They are only looked at; what is known of drift is told all the same."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    assert look(home, *only_looks)[1]["drift"][0]["age_seconds"] == 0
    hours.forward(hours=1)
    first = look(home)[1]["drift"][0]["first_seen"]
    hours.forward(hours=1)
    assert look(home, *only_looks)[1]["drift"][0]["first_seen"] == first
    home.declare({**LEARNER, "default_assessor": "kate"}, settings=AT_ONCE)
    assert look(home, *only_looks)[1]["ended"] == []
    home.declare(LEARNER, settings=AT_ONCE)
    assert look(home)[1]["drift"][0]["first_seen"] == first
    assert home.run("drift", "--correct", "--at", "2027-03-01").code == ExitCode.INVALID


# ------------------------------------------------------------------ correcting


def test_a_correction_waits_until_the_time_of_grace_is_over(home: Home, server: Served, hours: Hours) -> None:
    """People get most of a day to answer; the next day's run puts it back, and the one after does nothing."""
    applied(home, settings=SETTINGS)
    move(server, DefaultAssessorID=KATE)
    code, report = look(home, "--correct")
    assert (code, verdicts(report), report["run"]) == (ExitCode.CHANGES, {DEFAULT: "grace"}, None)
    hours.forward(hours=19.9)
    assert verdicts(look(home, "--correct")[1]) == {DEFAULT: "grace"}
    hours.forward(hours=0.2)
    code, report = look(home, "--correct")
    assert (code, verdicts(report)) == (ExitCode.DONE, {DEFAULT: "corrected"})
    assert slots(server.world)[DEFAULT] == JAMES
    effects = server.effects
    code, report = look(home, "--correct")
    assert (code, report["drift"], server.effects) == (ExitCode.DONE, [], effects)
    runs = home.run("history", "--format", "json").json
    assert [(run["command"], run["exit_code"]) for run in runs] == [("drift", 0), ("apply", 0)]


@pytest.mark.parametrize("moved", ["default", "aim", "unit", "default, aim and unit"])
def test_corrections_cost_what_was_told_before(home: Home, server: Served, moved: str) -> None:
    """The reading's forecast and that of the corrections, proofs included, are the calls that were made."""
    applied(home)
    if "default" in moved:
        move(server, DefaultAssessorID=KATE)
    if "aim" in moved:
        for aim in server.world.aims_of[200004]:
            aim["AssessorID"] = JAMES
    if "unit" in moved:
        put_in_unit(server, JAMES)
    before = len(server.calls)
    ended = home.run("drift", "--correct")
    told = [int(calls) for calls in re.findall(r"(?:Reading OneFile|Applying): (\d+) calls", ended.err)]
    assert (ended.code, len(told), sum(told)) == (ExitCode.DONE, 2, len(server.calls) - before)


def test_a_correction_writes_nothing_but_drift(home: Home, server: Served) -> None:
    """Neither what the files newly ask for, nor a slot that was never applied, nor anything of another learner."""
    applied(home)
    home.declare(
        {**LEARNER, "default_employer": None, "units": [{"unit": "BA_301", "assessor": "james", "iqa": "priya"}]},
        {"id": 200001, "default_assessor": "james"},
        settings=AT_ONCE,
    )
    move(server, DefaultAssessorID=KATE)
    before = slots(server.world)
    _, report = look(home, "--correct")
    assert verdicts(report) == {DEFAULT: "corrected"}
    assert {row["address"] for row in report["pending"]} >= {UNIT, "learner[200001].default_assessor"}
    assert slots(server.world) == before | {DEFAULT: JAMES}


def test_the_work_tree_alone_approves_nothing(home: Home, server: Served) -> None:
    """Settings that nobody approved neither make a reported kind corrected nor shorten the time of grace."""
    applied(home, settings={**SETTINGS, "drift": {"default_assessor": "report", "learning_aim_assessor": "correct"}})
    move(server, DefaultAssessorID=KATE)
    for aim in server.world.aims_of[200004]:
        aim["AssessorID"] = OTHER
    home.declare(LEARNER, settings=AT_ONCE)
    effects = server.effects
    code, report = look(home, "--correct")
    assert verdicts(report) == {DEFAULT: "not_approved", AIM: "grace"}
    assert (code, server.effects) == (ExitCode.CHANGES, effects)
    approve(home)
    assert look(home, "--correct", "--approved", "HEAD")[0] == ExitCode.DONE
    assert slots(server.world)[DEFAULT] == JAMES


def test_what_an_unapproved_apply_wrote_is_not_restored(home: Home, server: Served) -> None:
    """Applied from a work tree that was never committed: it may be drift, but nobody approved going back to it. Plain
    drift says so too, and promises nothing; a later look at the same commit, clean again, approves nothing either."""
    applied(home)
    home.declare({**LEARNER, "default_assessor": "kate"}, settings={**SETTINGS, "drift": {"grace_hours": 20}})
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    move(server, DefaultAssessorID=OTHER)
    for _ in range(2):
        ended = home.run("drift", "--correct")
        assert (ended.code, "from files that commit" in ended.err) == (ExitCode.INVALID, True)
        _, report = look(home)
        assert verdicts(report) == {DEFAULT: "not_approved"}
        assert "run 2, the newest complete apply, was made from files that commit" in report["not_approved_because"]
        for form in ("text", "markdown"):
            said = " ".join(home.run("drift", "--format", form).out.split())
            assert "Not corrected: no approved commit is known" in said
            assert "corrected from" not in said
        approve(home)
    assert slots(server.world)[DEFAULT] == OTHER
    assert verdicts(look(home, "--correct", "--approved", "HEAD")[1]) == {DEFAULT: "grace"}


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("staff", True), ("untracked cohort", True), ("ignored cohort", True), ("staged", True),
        ("nothing", False), ("notes beside the files", False), ("outside the folder", False),
    ],
)  # fmt: skip
def test_a_run_records_whether_its_files_are_its_commits(home: Home, server: Served, change: str, counts: bool) -> None:
    """Only the files that are read count, whatever git is told of them; every report of runs says it."""
    home.declare()
    (home.path / ".gitignore").write_text("state/cohorts/mine*\n", "utf-8")
    approve(home)
    cohort = '{"version": 1, "cohort": "NAME", "learners": [{"id": 200001}]}'
    state = home.path / "state"
    if change in ("staff", "staged"):
        with (state / "staff.yaml").open("a", encoding="utf-8") as file:
            file.write("# a word more\n")
    if change == "staged":
        home.git("add", "state")
    for name in ("untracked cohort", "ignored cohort"):
        if change == name:
            stem = "mine" if name == "ignored cohort" else "theirs"
            (state / f"cohorts/{stem}.yaml").write_text(cohort.replace("NAME", stem), "utf-8")
    if change == "notes beside the files":
        (state / "notes.txt").write_text("remember", "utf-8")
    if change == "outside the folder":
        (home.path / "README").write_text("read me", "utf-8")
    ended = home.run("apply", "--auto-approve")
    assert (ended.code, "Files had uncommitted changes, so" in ended.out) == (ExitCode.DONE, counts)
    (run,) = home.run("history", "--format", "json").json
    assert (run["uncommitted_changes"], run["commit"]) == (counts, home.git("rev-parse", "HEAD"))
    for arguments in (["history"], ["history", "1"], ["history", "--format", "markdown"]):
        assert ("with uncommitted changes" in home.run(*arguments).out) == counts
    assert (home.run("drift", "--correct").code == ExitCode.INVALID) == counts


@pytest.mark.parametrize("why", ["no git", "never applied", "unknown commit", "another organisation"])
def test_without_an_approved_commit_nothing_is_read_or_corrected(home: Home, server: Served, why: str) -> None:
    """Exit 3, and what to do about it."""
    home.declare(settings=AT_ONCE)
    if why != "no git":
        approve(home)
    if why != "never applied":
        home.run("apply", "--auto-approve")
    if why == "another organisation":
        home.declare(settings={**AT_ONCE, "organisation": 5741})
    calls = len(server.calls)
    approved = {"unknown commit": ["--approved", "v99"], "another organisation": ["--approved", "HEAD"]}.get(why, [])
    ended = home.run("drift", "--correct", *approved)
    assert (ended.code, len(server.calls)) == (ExitCode.INVALID, calls)
    assert "Fix: " in ended.err


def test_limits_refuse_corrections_too(home: Home, server: Served) -> None:
    """Also one that only the approved files have: lowering it is one pull request, raising it is another."""
    strict = {**AT_ONCE, "limits": {"reassign": {"count": 0, "share": None}}}
    home.declare(settings=AT_ONCE)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    home.declare(settings=strict)
    approve(home)
    move(server, DefaultAssessorID=KATE)
    effects = server.effects
    code, report = look(home, "--correct", "--approved", "HEAD")
    assert (code, verdicts(report), server.effects) == (ExitCode.BLOCKED, {DEFAULT: "correct"}, effects)
    assert report["problems"][0]["where"].startswith("limits.reassign")
    home.declare(settings=AT_ONCE)
    assert look(home, "--correct", "--approved", "HEAD")[0] == ExitCode.BLOCKED
    assert server.effects == effects


def test_nobody_is_ever_taken_off(home: Home, server: Served) -> None:
    """Somebody stands where nobody shall: a step for a person, and the run is incomplete until it is done."""
    put_in_unit(server, None)
    applied(home, units=[{"unit": "BA_301", "assessor": None}])
    put_in_unit(server, OTHER)
    code, report = look(home, "--correct")
    assert (code, verdicts(report)[UNIT]) == (ExitCode.INCOMPLETE, "by_hand")
    assert UNIT in {step["address"] for step in report["manual_steps"]}
    assert slots(server.world)[UNIT] == OTHER


def test_a_correction_waits_for_whoever_holds_the_lock(home: Home, server: Served) -> None:
    """Exit 6, before a call is spent; looking alone needs no lock."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    with Store.open(".reconciler/store.db", clock=SystemClock()) as store:
        target = home.run("history", "--format", "json").json[0]["target"]
        store.acquire(Site(target, 5740), holder="kate", host="elsewhere", command="apply", run=None, lease_seconds=60)
    assert home.run("drift", "--correct").code == ExitCode.LOCKED
    assert look(home)[0] == ExitCode.CHANGES


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.parametrize("when", ["at once", "once its write took effect"])
def test_a_correction_that_was_killed_is_finished_by_the_next_run(home: Home, server: Served, when: str) -> None:
    """Whether its write took effect or not: one episode, first seen when it was, and one correction in the end."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    first = look(home)[1]["drift"][0]["first_seen"]
    server.service.faults.arm(Fault("latency", "POST", "/User/200004", seconds=1))
    env = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
    with home.fork("drift", "--correct", env=env) as process:
        while server.service.faults.waiting():
            assert process.runs, process.said
            process.wait(0.005)
    while when != "at once" and slots(server.world)[DEFAULT] != JAMES:
        threading.Event().wait(0.005)
    assert home.run("drift", "--correct").code == ExitCode.DONE
    assert slots(server.world)[DEFAULT] == JAMES
    with Store.open(".reconciler/store.db", clock=SystemClock()) as store:
        (episode,) = store.issues(Site(server.url, 5740), "drift", ended_since=datetime(2020, 1, 1, tzinfo=UTC))
        assert f"{episode.first_seen:%Y-%m-%dT%H:%M:%SZ}" == first
        assert episode.ended
        assert len(store.corrections(Site(server.url, 5740), datetime(2020, 1, 1, tzinfo=UTC))) == 1


def test_runs_on_several_machines_keep_one_account_of_drift(
    home: Home, server: Served, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    """They look at the same time and meet in PostgreSQL only: one episode a slot, and nobody fails."""
    monkeypatch.setenv("RECONCILER_STORE", postgres_url)
    applied(home)
    move(server, DefaultAssessorID=KATE)
    env = {name: os.environ[name] for name in ("ONEFILE_BASE_URL", "ONEFILE_CUSTOMER_TOKEN", "RECONCILER_STORE")}
    with ExitStack() as runs:
        several = [runs.enter_context(home.fork("drift", "--detailed-exitcode", env=env)) for _ in range(3)]
        ends = [run.ended(60) for run in several]
    assert [code for code, _ in ends] == [ExitCode.CHANGES] * 3, ends
    with Store.open(postgres_url, clock=SystemClock()) as store:
        ever = store.issues(Site(server.url, 5740), "drift", ended_since=datetime(2020, 1, 1, tzinfo=UTC))
        assert [one.slot.kind.value for one in ever] == ["default_assessor"]


# ------------------------------------------------------------------ two systems that fight


def fight(home: Home, server: Served, hours: Hours, times: int) -> tuple[int, dict[str, Any]]:
    """Each day somebody moves the slot, and the run of that day looks."""
    last: tuple[int, dict[str, Any]] = (0, {})
    for _ in range(times):
        hours.forward(days=1)
        move(server, DefaultAssessorID=KATE)
        last = look(home, "--correct")
    return last


def test_a_slot_corrected_three_times_in_a_week_waits_for_a_person(home: Home, server: Served, hours: Hours) -> None:
    """Told loudly and left alone, for as long as it takes, until somebody answers; then it is corrected again."""
    applied(home)
    code, report = fight(home, server, hours, 3)
    assert (code, verdicts(report)) == (ExitCode.DONE, {DEFAULT: "corrected"})
    code, report = fight(home, server, hours, 1)
    assert (code, verdicts(report)) == (ExitCode.INCOMPLETE, {DEFAULT: "fight"})
    hours.forward(days=30)
    code, report = look(home, "--correct")
    assert (code, verdicts(report), slots(server.world)[DEFAULT]) == (ExitCode.INCOMPLETE, {DEFAULT: "fight"}, KATE)
    (asked,) = report["fights"]
    assert f"(step {asked['step']})" in home.run("drift").out.replace("\n      ", " ")
    assert home.run("done", asked["step"], "--by", "priya").code == ExitCode.DONE
    assert verdicts(look(home, "--correct")[1]) == {DEFAULT: "corrected"}
    assert look(home)[1]["fights"] == []


def test_a_fight_ends_when_the_files_accept_the_other_side(home: Home, server: Served, hours: Hours) -> None:
    """The newer value, adopted, is nobody's drift any more."""
    applied(home)
    fight(home, server, hours, 4)
    home.declare({**LEARNER, "default_assessor": "kate"}, settings=AT_ONCE)
    approve(home)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    code, report = look(home, "--correct")
    assert (code, report["drift"], report["fights"]) == (ExitCode.DONE, [], [])


def test_slow_changes_are_no_fight(home: Home, server: Served, hours: Hours) -> None:
    """Three corrections in more than a week are just corrections."""
    applied(home)
    for _ in range(5):
        hours.forward(days=3)
        _, report = fight(home, server, hours, 1)
        assert verdicts(report) == {DEFAULT: "corrected"}


# ------------------------------------------------------------------ metrics in a file


def test_a_run_that_cannot_read_leaves_the_last_metrics_where_they_are(home: Home, server: Served) -> None:
    """Their age is the alert; half a file, or words of an error in it, would be none."""
    applied(home)
    assert home.run("drift", "--format", "prometheus", "--out", "drift.prom").code == ExitCode.DONE
    before = (home.path / "drift.prom").read_text()
    assert (home.path / "drift.prom").stat().st_mode & 0o777 == 0o644  # the collector is another account
    assert "onefile_reconciler_last_reading_timestamp_seconds" in before
    with pytest.MonkeyPatch.context() as away:
        away.setenv("ONEFILE_CUSTOMER_TOKEN", "wrong")
        ended = home.run("drift", "--format", "prometheus", "--out", "drift.prom")
    assert (ended.code, ended.out) == (ExitCode.ERROR, "")
    assert (home.path / "drift.prom").read_text() == before


def test_the_report_for_an_issue_is_saved_whatever_the_exit_code(home: Home, server: Served) -> None:
    """Found again by its first line, within what a forge takes, and small where that is asked for."""
    applied(home)
    move(server, DefaultAssessorID=KATE)
    ended = home.run("drift", "--detailed-exitcode", "--format", "markdown", "--out", "drift.md")
    text = (home.path / "drift.md").read_text(encoding="utf-8")
    assert (ended.code, ended.out) == (ExitCode.CHANGES, "")
    assert kind_of(text) == "drift"
    assert "May be corrected now (1)" in text


# ------------------------------------------------------------------ an empty record


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_where_nothing_is_recorded_drift_cannot_be_told(home: Home, server: Served, form: str) -> None:
    """A lost or mistyped store must not read as all being well: the report names it, and how to give another."""
    applied(home)
    move(server, DefaultAssessorID=OTHER)
    ended = home.run("drift", "--store", "mistyped.db", "--detailed-exitcode", "--format", form)
    assert ended.code == ExitCode.INCOMPLETE
    said = " ".join(re.sub(r"[\\`]", "", ended.out).split())
    assert "Drift unknown" in said and "nothing is recorded in mistyped.db for" in said
    assert "--store or RECONCILER" in said and "reconciler import" in said
    assert "0 drifted" not in said and "whatever was applied stands" not in said.lower()
    assert "New, empty record: mistyped.db" in ended.err
    again = home.run("drift", "--store", "mistyped.db", "--format", form)
    assert (again.code, "New, empty record" in again.err) == (ExitCode.DONE, False)


def test_machines_are_told_that_nothing_is_recorded(home: Home, server: Served) -> None:
    """In JSON, in the metrics and on stderr; each reading records what it saw, so each has a new store."""
    applied(home)
    assert look(home)[1]["drift_unknown_because"] is None
    code, report = look(home, "--store", "mistyped.db")
    assert (code, report["exit_code"], report["summary"]["drift"]) == (ExitCode.INCOMPLETE, ExitCode.INCOMPLETE, 0)
    assert report["drift_unknown_because"].startswith("nothing is recorded in mistyped.db for ")
    quiet = home.run("drift", "--store", "mistaken.db", "--detailed-exitcode", "--quiet")
    assert (quiet.code, quiet.out) == (ExitCode.INCOMPLETE, "")
    assert "drift cannot be detected: nothing is recorded in mistaken.db" in " ".join(quiet.err.split())
    metrics = home.run("drift", "--store", "misspelt.db", "--format", "prometheus").out
    assert re.search(r"^onefile_reconciler_record_missing\{.*\} 1\.0$", metrics, re.MULTILINE)
    assert look(home, "--store", "mistyped.db")[1]["drift_unknown_because"] is None


def test_without_a_record_nothing_is_corrected(home: Home, server: Served) -> None:
    """No commit is known as approved, which names the store; with a commit named, the run still is incomplete."""
    applied(home)
    move(server, DefaultAssessorID=OTHER)
    refused = home.run("drift", "--correct", "--store", "mistyped.db")
    assert (refused.code, "nothing is recorded in mistyped.db" in refused.err) == (ExitCode.INVALID, True)
    assert "--store or RECONCILER_STORE" in " ".join(refused.err.split())
    assert home.run("drift", "--correct", "--approved", "HEAD", "--store", "mistyped.db").code == ExitCode.INCOMPLETE
    assert slots(server.world)[DEFAULT] == OTHER


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"], ["drift"]])
def test_a_record_that_is_new_is_told_of_once(home: Home, command: list[str]) -> None:
    """On standard error, in one line, and not where quiet is asked for."""
    home.declare()
    place = f"New, empty record: {Path('.reconciler') / 'store.db'}\n"
    assert place in home.run(*command).err
    assert place not in home.run(*command).err
    assert "New, empty" not in home.run(*command, "--quiet", "--store", "other.db").err
