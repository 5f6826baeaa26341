"""Later changes from outside: shown and refused in a review, and carried out on their day as approved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onefile_sandbox.web_edits import edit
from reconciler import clock
from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, SETTINGS, STAFF, Home, Served, point_at, served, slots

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COVER = {"by": "kate", "from": "2026-12-07", "until": "2026-12-20", "reason": "parental leave"}
COVERED = {**STAFF, "james": {"id": JAMES, "role": "assessor", "caseload": {"target": 25, "max": 25}, "cover": [COVER]}}
LEARNER = {"id": 200004, "label": "LRN-0042", "default_assessor": "james"}
XANTHE = 163757
SLOT = "learner[200004].default_assessor"


class Hours:
    """The machine's clock, moved by the test: it goes on by itself too."""

    def __init__(self) -> None:
        self.shift = NOW - datetime.now(UTC)

    def forward(self, hours: float) -> None:
        self.shift += timedelta(hours=hours)

    def on(self, day: str) -> None:
        self.shift = datetime.fromisoformat(f"{day}T12:00:00+00:00") - datetime.now(UTC)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    hours = Hours()
    monkeypatch.setattr(clock.SystemClock, "now", lambda _: datetime.now(UTC) + hours.shift)
    return hours


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path, capsys)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as server:
        point_at(monkeypatch, server.url)
        yield server


def applied(home: Home, **staff: object) -> Home:
    home.declare(LEARNER, staff=staff.get("staff", STAFF))
    home.commit()
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    return home


def test_a_review_shows_what_its_files_bring_later(home: Home, server: Served, hours: Hours) -> None:
    """Never "No changes" alone; by day, with people, slots and whose change it is."""
    applied(home)
    home.declare(LEARNER, staff=COVERED)
    ended = home.run("plan", "--base", "HEAD", "--format", "json")
    later = ended.json["later"]
    assert [(row["date"], row["reason"], row["from"], row["to"]) for row in later] == [
        ("2026-12-07", "cover", "james", "kate"),
        ("2026-12-21", "return", "kate", "james"),
    ]
    assert all(row["by_this_change"] for row in later)
    assert (later[0]["addresses"], later[0]["last_day"], later[0]["why"]) == ([SLOT], "2026-12-20", "parental leave")
    for form in ("text", "markdown", "html"):
        out = " ".join(home.run("plan", "--base", "HEAD", "--format", form).out.split())
        assert (
            "No changes. OneFile" not in out and "2026-12-07" in out and "LRN-0042" in out and "parental leave" in out
        )


def test_until_ends_the_later_days(home: Home, server: Served, hours: Hours) -> None:
    """A short view for who asks for one."""
    applied(home, staff=COVERED)
    assert [row["date"] for row in home.run("plan", "--until", "2026-12-10", "--format", "json").json["later"]] == [
        "2026-12-07"
    ]


def test_a_cover_that_is_taken_out_is_shown_as_withdrawn(home: Home, server: Served, hours: Hours) -> None:
    """The reviewer would otherwise see that nothing changes. Its line is named as it was at the commit."""
    applied(home, staff=COVERED)
    home.declare(LEARNER)
    document = home.run("plan", "--base", "HEAD", "--format", "json").json
    assert document["later"] == [] and [row["date"] for row in document["later_withdrawn"]] == [
        "2026-12-07",
        "2026-12-21",
    ]
    commit = home.git("rev-parse", "HEAD").strip()
    files = {row["source"]["file"] for row in document["later_withdrawn"]}
    assert files == {f"{commit[:12]}:state/staff.yaml"} and "reconciler-base-" not in str(document)
    assert "No longer planned for later" in home.run("plan", "--base", "HEAD").out


def test_a_plan_whose_later_day_breaks_an_error_is_refused(home: Home, server: Served, hours: Hours) -> None:
    """A review must not approve what cannot happen; a waiver that only ends refuses nothing."""
    aim = {"standard": 41242, "assessor": "james", "iqa": "priya"}
    staff = {
        **COVERED,
        "kate": {"id": KATE, "role": "assessor", "person": "k"},
        "priya": {"id": 118204, "role": "iqa", "person": "k"},
    }
    home.declare({"id": 200004, "learning_aims": [aim]}, staff=staff)
    ended = home.run("plan", "--format", "json")
    assert ended.code == ExitCode.BLOCKED
    (finding,) = ended.json["later"][0]["findings"]
    assert (finding["policy"], finding["level"]) == ("iqa_independent", "error")
    assert home.run("apply", "--auto-approve").code == ExitCode.BLOCKED and server.effects == 0
    waiver = {"policy": "iqa_independent", "learner": 200004, "reason": "x", "approved_by": "q", "until": "2026-12-31"}
    home.declare({"id": 200004, "learning_aims": [aim]}, staff=staff, settings={**SETTINGS, "waivers": [waiver]})
    assert home.run("plan").code == ExitCode.DONE


def test_cover_begins_and_ends_by_the_daily_job_alone(home: Home, server: Served, hours: Hours) -> None:
    """Nobody merges or approves anything again, and each day's second run writes nothing."""
    applied(home, staff=COVERED)
    for day, holder, code in (("2026-12-06", JAMES, 0), ("2026-12-07", KATE, 0), ("2026-12-21", JAMES, 0)):
        hours.on(day)
        assert home.run("drift", "--correct", "--due", "--detailed-exitcode").code == code
        assert slots(server.world)[SLOT] == holder
        before = server.effects
        assert home.run("apply", "--due").code == ExitCode.DONE
        assert server.effects == before


def test_a_gap_in_the_daily_readings_is_reported(home: Home, server: Served, hours: Hours) -> None:
    """Every complete reading counts, one of a part of the files does not."""
    home.declare(LEARNER, {"id": 200005, "default_assessor": "james"}).commit()
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    for _ in range(2):
        hours.forward(24)
        ended = home.run("drift", "--correct", "--due")
        assert "reading before" not in ended.out
    hours.forward(72)
    home.run("drift", "--learner", "200004")
    for form in ("text", "markdown"):
        hours.forward(1)
        gap = " ".join(home.run("drift", "--format", form, "--base", "HEAD").out.split())
        assert "The complete reading before this one was taken 3 days earlier." in gap
        assert "Fix: Check that the schedule is on" in gap
    assert home.run("drift", "--format", "json").json["read_before"].startswith("2026-11-25T12:")
    assert "reading before" not in home.run("drift").out


def test_a_reading_counts_for_the_organisations_that_it_read(home: Home, server: Served, hours: Hours) -> None:
    """Whichever of them the settings name."""
    south = {"id": 920002, "label": "south", "default_assessor": "south"}
    staff = {"south": {"id": 910002, "role": "assessor"}}
    for organisation, words in ((5740, ""), (5741, "The complete reading before this one was taken 3 days earlier.")):
        home.declare(south, settings={**SETTINGS, "organisation": organisation}, staff=staff, organisation=5741)
        assert words in " ".join(home.run("drift").out.split())
        hours.forward(72)


def test_what_was_merged_and_not_applied_is_not_due(home: Home, server: Served, hours: Hours) -> None:
    """The approved commit did not ask for it: it is reported with exit code 2, and waits."""
    applied(home, staff=COVERED)
    by_another = {"id": JAMES, "role": "assessor", "cover": [{**COVER, "by": "xanthe"}]}
    other = {**STAFF, "james": by_another, "xanthe": {"id": XANTHE, "role": "assessor"}}
    home.declare(LEARNER, staff=other)
    home.commit()
    hours.on("2026-12-08")
    before = server.effects
    ended = home.run("apply", "--due", "--detailed-exitcode")
    assert (ended.code, server.effects) == (ExitCode.CHANGES, before)
    assert home.run("drift", "--correct", "--due", "--detailed-exitcode").code == ExitCode.CHANGES


def test_limits_stop_a_return_of_too_many(home: Home, server: Served, hours: Hours) -> None:
    """A mass return on one day counts like any other change."""
    applied(home, staff=COVERED)
    home.declare(LEARNER, staff=COVERED, settings={**SETTINGS, "limits": {"reassign": {"count": 0}}})
    hours.on("2026-12-07")
    before = server.effects
    assert home.run("apply", "--due").code == ExitCode.BLOCKED and server.effects == before


# ------------------------------------------------------------------ saved plans age


def saved(home: Home, *arguments: str) -> str:
    assert home.run("plan", "--out", "p.json", *arguments).code == ExitCode.DONE
    return "p.json"


def test_a_plan_is_applied_once(home: Home, server: Served, hours: Hours) -> None:
    """A second time would undo everything since, unless it is meant."""
    home.declare(LEARNER)
    plan = saved(home)
    assert home.run("apply", plan).code == ExitCode.DONE
    hours.forward(1)
    again = home.run("apply", plan)
    assert again.code == ExitCode.STALE and "applied already, by run 1" in again.err
    assert home.run("apply", plan, "--again").code == ExitCode.DONE


def test_a_plan_that_a_newer_run_has_overtaken_is_refused(home: Home, server: Served, hours: Hours) -> None:
    """Whatever the newer run wrote, an older plan does not overwrite it."""
    aim = {"standard": 41242, "assessor": "james", "iqa": "priya"}
    home.declare({**LEARNER, "learning_aims": [aim]})
    plan = saved(home)
    hours.forward(1)
    home.declare(LEARNER)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    before = server.effects
    ended = home.run("apply", plan)
    assert (ended.code, server.effects) == (ExitCode.STALE, before)


def test_a_plan_of_yesterday_writes_nobody_whose_cover_has_ended(home: Home, server: Served, hours: Hours) -> None:
    """By the same files, somebody else holds the slot today."""
    applied(home, staff=COVERED)
    hours.on("2026-12-20")
    plan = saved(home)
    hours.on("2026-12-21")
    before = server.effects
    ended = home.run("apply", plan)
    assert (ended.code, server.effects) == (ExitCode.STALE, before)
    assert "on 2026-12-21 the files declare james for it" in " ".join(ended.out.split())


def test_a_plan_whose_waiver_has_ended_is_refused(home: Home, server: Served, hours: Hours) -> None:
    """What blocks a new plan blocks an old one."""
    staff = {
        **STAFF,
        "kate": {"id": KATE, "role": "assessor", "person": "k"},
        "priya": {"id": 118204, "role": "iqa", "person": "k"},
    }
    waiver = {"policy": "iqa_independent", "learner": 200004, "reason": "x", "approved_by": "q", "until": "2026-11-23"}
    aim = {"standard": 41242, "assessor": "kate", "iqa": "priya"}
    home.declare({"id": 200004, "learning_aims": [aim]}, staff=staff, settings={**SETTINGS, "waivers": [waiver]})
    plan = saved(home)
    hours.on("2026-11-24")
    ended = home.run("apply", plan)
    assert (ended.code, server.effects) == (ExitCode.BLOCKED, 0)


@pytest.mark.parametrize("since", ["waiver taken out", "policy made stricter", "accounts joined"])
def test_a_plan_is_judged_again_for_the_days_to_come(home: Home, server: Served, hours: Hours, since: str) -> None:
    """A later day that today's files would refuse refuses the saved plan too."""
    staff = {
        **COVERED,
        "kate": {"id": KATE, "role": "assessor", "person": "k"},
        "priya": {"id": 118204, "role": "iqa", "person": "k"},
    }
    waiver = {"policy": "iqa_independent", "learner": 200004, "reason": "x", "approved_by": "q", "until": "2026-12-31"}
    before = {
        "waiver taken out": {"settings": {**SETTINGS, "waivers": [waiver]}, "staff": staff},
        "policy made stricter": {"settings": {**SETTINGS, "policies": {"iqa_independent": "warn"}}, "staff": staff},
        "accounts joined": {"staff": COVERED},
    }[since]
    aim = {"standard": 41242, "assessor": "james", "iqa": "priya"}
    home.declare({"id": 200004, "learning_aims": [aim]}, **before)
    plan = saved(home)
    home.declare({"id": 200004, "learning_aims": [aim]}, staff=staff)
    ended = home.run("apply", plan)
    assert (ended.code, server.effects) == (ExitCode.BLOCKED, 0), ended.out + ended.err
    assert "2026-12-07" in ended.out and "[iqa_independent]" in ended.out, ended.out


def test_the_approved_commit_never_moves_to_an_ancestor(home: Home, server: Served, hours: Hours) -> None:
    """An older plan, applied again on purpose, approves nothing that is newer than it."""
    home.declare(LEARNER)
    home.commit()
    old = saved(home)
    assert home.run("apply", old).code == ExitCode.DONE
    home.declare({**LEARNER, "default_assessor": "kate"})
    newer = home.commit()
    hours.forward(1)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    hours.forward(1)
    home.run("apply", old, "--again")
    document = json.loads(home.run("drift", "--correct", "--format", "json").out)
    assert document["approved_commit"] == newer


# ------------------------------------------------------------------ days


@pytest.mark.parametrize(("day", "code"), [("2026-11-23", 0), ("2026-11-24", 3), ("2026-11-22", 3)])
def test_apply_takes_no_day_but_today(home: Home, server: Served, hours: Hours, day: str, code: int) -> None:
    """A stand-in must not begin early by a slip of the keyboard."""
    home.declare(LEARNER, staff=COVERED)
    assert home.run("apply", "--at", day, "--auto-approve").code == code


@pytest.mark.parametrize("command", ["plan", "drift"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_days_as_others(home: Home, command: str, day: str) -> None:
    """The first and the last day have no day before or after them."""
    ended = home.declare(LEARNER, staff=COVERED).run(command, "--at", day)
    assert ended.code == ExitCode.DONE and ended.is_decent()


def test_an_early_apply_is_meant_and_recorded(home: Home, server: Served, hours: Hours) -> None:
    """It is no approval of the files as they are today."""
    home.declare(LEARNER, staff=COVERED)
    assert home.run("apply", "--at", "2026-12-07", "--early", "--auto-approve").code == ExitCode.DONE
    assert slots(server.world)[SLOT] == KATE
    assert "apply --early" in home.run("history").out


# ------------------------------------------------------------------ windows


def writes(server: Served) -> int:
    return sum(call["method"] == "POST" and call["path"].endswith(("/200004", "/Assign")) for call in server.calls)


def windowed(never: str, **more: str) -> dict[str, object]:
    return {**SETTINGS, "windows": [{"never": never, **more}]}


def test_nothing_is_written_in_a_window(home: Home, server: Served, hours: Hours) -> None:
    """Refused before the first call, with the window, its end and its line."""
    home.declare(LEARNER, settings=windowed("2026-11-23..2026-11-24", reason="EQA visit"))
    ended = home.run("apply", "--auto-approve")
    assert (ended.code, len(server.calls)) == (ExitCode.BLOCKED, 0)
    assert "2026-11-23..2026-11-24 (EQA visit)" in ended.err and "2026-11-25 00:00 UK time" in ended.err
    assert "nothing is written now" in home.run("plan").out
    hours.on("2026-11-25")
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--auto-approve"),
        ("apply", "p.json"),
        ("apply", "--due"),
        ("drift", "--correct"),
        ("drift", "--correct", "--due"),
        ("doctor", "--canary", "200004"),
    ],
    ids=" ".join,
)
def test_no_command_writes_in_a_window(home: Home, server: Served, hours: Hours, arguments: tuple[str, ...]) -> None:
    """Whatever there is to write: a change of the files, drift, or what a date has brought about."""
    applied(home, staff=COVERED)
    closed = {**windowed("2026-12-07..2026-12-07", reason="EQA visit"), "drift": {"grace_hours": 0}}
    aim = {"standard": 41242, "assessor": "james", "iqa": "priya"}
    home.declare({**LEARNER, "learning_aims": [aim]}, staff=COVERED, settings=closed)
    home.commit()
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    moved = {"user": 200004, "standard": 41242, "set": {"IVID": None}}
    server.world.commit(lambda: edit(server.world, moved, NOW), NOW, "somebody")
    hours.on("2026-12-06")
    home.run("drift")
    hours.on("2026-12-07")
    saved(home)
    before = writes(server)
    ended = home.run(*arguments)
    assert writes(server) == before
    assert ended.code in (ExitCode.BLOCKED, ExitCode.ERROR) and "(EQA visit)" in ended.out + ended.err
    hours.on("2026-12-08")
    home.run(*arguments)
    assert writes(server) > before


@pytest.mark.parametrize("never", ["07:00", "25:00-26:00", "2026-11-30..2026-11-01", "2026-02-30..2026-03-01", "x..y"])
def test_a_window_that_cannot_be_meant_is_refused(home: Home, never: str) -> None:
    """With its line, like every other fault of the files."""
    home.declare(LEARNER, settings=windowed(never))
    ended = home.run("validate")
    assert ended.code == ExitCode.INVALID and ended.is_decent() and "settings.yaml" in ended.err
