"""The calendar and the look ahead from outside: on the right days, loud where nobody follows, and without a call."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import click
import pytest
from icalendar import Calendar

from reconciler.cli.main import cli
from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, LEARNER, STAFF, Home

AWAY = {**STAFF, "kate": {"id": 132757, "role": "assessor", "cover": [{"by": "james", "from": "2027-02-01"}]}}


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    return Home(tmp_path, capsys)


def test_what_changes_on_the_first_day_is_in_the_calendar_and_on_the_last(home: Home) -> None:
    """`--from` and `--days` are both inclusive, so that a subscribed calendar still has today's events."""
    home.declare(staff=AWAY)
    for first, days, told in (("2027-02-01", 1, True), ("2027-01-30", 3, True), ("2027-01-30", 2, False)):
        ended = home.run("calendar", "--state", str(home.path / "state"), "--from", first, "--days", str(days))
        assert ended.code == ExitCode.DONE
        assert ("james stands in for kate permanently" in ended.out) == told
    assert not (home.path / ".reconciler").exists()


def test_where_nothing_changes_the_next_change_is_named(home: Home) -> None:
    """Whoever asks too near is told how far to ask; where nothing is to come, nothing is named."""
    home.declare(staff=AWAY)
    arguments = ("calendar", "--state", str(home.path / "state"), "--from", "2027-01-04")
    told = home.run(*arguments)
    assert "nothing changes; the next change is on 2027-02-01, which --days 29 shows" in " ".join(told.out.split())
    assert home.run(*arguments, "--format", "json").json["next"] == "2027-02-01"
    assert "james stands in for kate permanently" in home.run(*arguments, "--days", "29").out
    home.declare()
    assert "next" not in home.run(*arguments).out


def test_the_ics_goes_to_a_file_as_it_is(home: Home) -> None:
    """Its line ends too, which calendar programs insist on."""
    home.declare(staff=AWAY)
    file = home.path / "staff.ics"
    state = str(home.path / "state")
    arguments = ("calendar", "--state", state, "--from", "2027-01-20", "--format", "ics", "--out", str(file))
    assert home.run(*arguments).code == ExitCode.DONE
    first = file.read_bytes()
    assert b"\r\n" in first
    assert len(Calendar.from_ical(first).events) == 1
    home.run(*arguments)
    assert file.read_bytes() == first


def test_a_slot_whose_time_ran_out_is_told_before_and_cannot_be_overlooked_after(home: Home) -> None:
    """Validate warns of it ahead; from the day on, plan has changes pending and apply is incomplete."""
    ends = {**LEARNER, "default_assessor": [{"staff": "james", "until": "2027-02-10"}]}
    home.declare(ends)
    state = ("--state", str(home.path / "state"))
    before = home.run("validate", *state, "--at", "2027-01-30")
    assert before.code == ExitCode.DONE
    assert "from 2027-02-11 the slot is not managed" in before.err
    assert home.run("apply", *state, "--auto-approve", "--early", "--at", "2027-02-10").code == ExitCode.DONE
    after = home.run("plan", *state, "--at", "2027-02-11", "--detailed-exitcode")
    assert after.code == ExitCode.CHANGES
    assert "nobody is declared for it after 2027-02-10" in after.out
    assert home.run("apply", *state, "--auto-approve", "--early", "--at", "2027-02-11").code == ExitCode.INCOMPLETE


def test_plan_tells_with_one_reading_what_a_coming_cover_will_break(home: Home) -> None:
    """The stand-in is the learner's IQA by another account: refused ahead, and on the day."""
    people = {
        **STAFF,
        "priya": {"id": 118204, "role": "iqa", "person": "p"},
        "james": {"id": 122762, "role": "assessor", "person": "p"},
        "kate": {"id": 132757, "role": "assessor", "cover": [{"by": "james", "from": "2027-02-01"}]},
    }
    learner = {"id": 200004, "learning_aims": [{"standard": 41242, "assessor": "kate", "iqa": "priya"}]}
    home.declare(learner, staff=people)
    state = ("--state", str(home.path / "state"))
    home.run("plan", *state)  # the first reading learns what this server offers
    ahead = home.run("plan", *state, "--at", "2027-01-10")
    blind = home.run("plan", *state, "--at", "2027-01-10", "--ahead", "0")
    assert ahead.code == blind.code == ExitCode.BLOCKED
    assert "from 2027-02-01 the plan will be refused" in " ".join(ahead.out.split())
    assert "from 2027-02-01" not in blind.out
    assert [line for line in ahead.err.splitlines() if "Reading" in line] == [
        line for line in blind.err.splitlines() if "Reading" in line
    ]
    assert home.run("plan", *state, "--at", "2027-02-01").code == ExitCode.BLOCKED


PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "time.md"


def test_the_page_about_days_is_true(home: Home) -> None:
    """Its commands exist with their options, and its entries and covers are valid files that move those slots."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for line in "".join(text for kind, text in blocks if kind == "sh").splitlines():
        name, *arguments = shlex.split(line)[1:]
        command = cli.get_command(click.Context(cli), name)
        assert command, line
        command.make_context(name, arguments)
    entries, member, *_ = [textwrap.indent(text, "    ") for kind, text in blocks if kind == "yaml"]
    home.declare()
    for file, text in {
        "staff": f"staff:\n    kate-anderson: {{id: 132757, role: assessor}}\n{member}",
        "cohorts/c1": f"cohort: c1\nlearners:\n  - id: 200004\n{entries}",
    }.items():
        (home.path / "state" / f"{file}.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
    ended = home.run("calendar", "--state", str(home.path / "state"), "--from", "2027-01-01", "--days", "150")
    assert ended.code == ExitCode.DONE, ended.err
    assert [line.split(":")[0].strip("~ ") for line in ended.out.splitlines() if line.startswith("  ~")] == [
        "james-fayre takes over from kate-anderson",
        "kate-anderson stands in for james-fayre until 2027-04-30",
        "james-fayre takes back from kate-anderson",
    ]


def test_a_caseload_that_a_cover_will_pass_is_told_before_its_first_day(home: Home) -> None:
    """By the calendar without a call, and by the plan; on the day the plan itself says it."""
    staff = {
        **STAFF,
        "kate": {"id": KATE, "role": "assessor", "cover": [{"by": "james", "from": "2027-02-01", "reason": "leave"}]},
        "james": {"id": JAMES, "role": "assessor", "caseload": {"max": 1}},
    }
    home.declare({"id": 200004, "default_assessor": "james"}, {"id": 200001, "default_assessor": "kate"}, staff=staff)
    state = ("--state", str(home.path / "state"))
    words = "from 2027-02-01 the plan will warn: james would hold 2 learners, above the maximum of 1"
    coming = home.run("calendar", *state, "--from", "2027-01-20", "--days", "20", "--format", "json").json
    told = [problem["what"] for day in coming["days"] for problem in day["problems"]]
    assert [one.startswith(words) for one in told] == [True]
    ahead = home.run("plan", *state, "--at", "2027-01-20", "--format", "json").json
    assert [one["what"].startswith(words) for one in ahead["problems"]] == [True]
    today = home.run("plan", *state, "--at", "2027-02-01", "--format", "json").json
    assert [one["policy"] for one in today["policies"] if one["policy"] == "caseload"] == ["caseload"]
