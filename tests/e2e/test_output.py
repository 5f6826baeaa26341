"""What goes where: the report, people's words, files and colours, whatever else happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault
from reconciler.commands.plan import plan
from reconciler.plan.document import dumps
from reconciler.problems import ExitCode
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from tests.e2e.user import LEARNER, REPOSITORY, SETTINGS, Home, point_at, served

SCHEMA = json.loads((REPOSITORY / "schemas" / "plan.schema.json").read_text(encoding="utf-8"))
JSON = ("--format", "json")


def good(home: Home) -> Home:
    return home.declare()


def invalid(home: Home) -> Home:
    return home.declare({"id": 1, "default_assessor": "nobody"})


def blocked(home: Home) -> Home:
    return home.declare(settings={**SETTINGS, "limits": {"create": {"count": 0}}})


def with_a_set_aside_learner(home: Home) -> Home:
    return home.declare(LEARNER, {"id": 299999, "default_assessor": "kate"})


COMMANDS = {
    "validate": ["validate"],
    "plan": ["plan"],
    "plan, codes": ["plan", "--detailed-exitcode"],
    "apply": ["apply", "--auto-approve"],
    "apply, unasked": ["apply"],
    "apply, stale": ["apply", "--expect", "sha256:" + "1" * 64],
    "apply, no file": ["apply", "missing.json"],
    "show, no file": ["show", "missing.json"],
    "demo": ["demo"],
    "target": ["plan", "--target", "moon"],
    "option": ["plan", "--bogus"],
    "out is a folder": ["plan", "--out", "state"],
    "store is a folder": ["plan", "--store", "state"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
@pytest.mark.parametrize("state", [good, invalid, blocked, with_a_set_aside_learner])
def test_json_on_standard_output_is_only_json(home: Home, state: Callable[[Home], Home], command: list[str]) -> None:
    """One document and nothing else, however the command ends, and its words beside it on standard error."""
    ended = state(home).run(*command, *JSON)
    assert isinstance(ended.json, dict)
    assert ended.is_decent()
    if ended.code not in (ExitCode.DONE, ExitCode.CHANGES, ExitCode.INCOMPLETE):
        assert ended.err
        told = ended.json["problems"] or ended.json.get("limits")
        assert told, "the report does not say why it failed"


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_server_that_fails_midway_leaves_only_json(home: Home, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """The answer is no JSON at all on the third call: a report of the failure, and only that."""
    with served(faults=(Fault("html", "POST", "/UnitSummary/*", times=9),)) as server:
        point_at(monkeypatch, server.url)
        approval = ["--auto-approve"] if command == "apply" else []
        ended = home.declare().run(command, *approval, *JSON)
    assert ended.code == ExitCode.ERROR
    assert ended.json["exit_code"] == ExitCode.ERROR
    assert "web page" in ended.json["problems"][0]["what"]
    assert "web page" in ended.err


@pytest.mark.parametrize("state", [good, blocked, with_a_set_aside_learner])
def test_a_plan_fits_its_schema(home: Home, state: Callable[[Home], Home]) -> None:
    """Printed and saved alike if every row is asked for, else saved in a compact form; also a blocked or empty plan."""
    state(home)
    ended = home.run("plan", *JSON, "--out", "plan.json", "--full-rows")
    assert (home.path / "plan.json").read_text(encoding="utf-8") == ended.out
    validator = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert list(validator.iter_errors(ended.json)) == []
    home.run("plan", "--out", "compact.json")
    assert list(validator.iter_errors(json.loads((home.path / "compact.json").read_text(encoding="utf-8")))) == []
    home.run("apply", "--auto-approve")
    assert list(validator.iter_errors(home.plan())) == []


def test_the_same_input_gives_the_same_bytes(home: Home) -> None:
    """With the clock held still two plans are one: from new stores, and from one that has learnt how to read."""
    home.declare_demonstration()
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def bytes_with(store: str) -> str:
        return dumps(plan(Options(store=store), Environment({}, clock=VirtualClock(noon))).document)

    assert bytes_with("a.db") == bytes_with("b.db")
    assert bytes_with("a.db") == bytes_with("a.db") == bytes_with("b.db")


def test_two_runs_differ_in_the_hour_alone(home: Home) -> None:
    """`created_at` says when, and the digest covers it; the fingerprint, which is approved, does not.

    What the server offers, which the very first run finds out with a call, is known from before."""
    home.declare().plan()
    first, second = home.plan(), home.plan()
    apart = {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
    assert apart <= {"created_at", "digest"}


def test_the_order_in_the_files_is_not_the_plans(home: Home) -> None:
    """Learners declared in another order are the same plan but for the lines that ask for them."""
    other = {"id": 200005, "default_assessor": "kate"}
    first = home.declare(LEARNER, other).plan()
    second = home.declare(other, LEARNER).plan()
    assert first["fingerprint"] == second["fingerprint"]
    assert first["operations"] == second["operations"]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("state", [good, invalid, blocked])
def test_out_gets_a_report_whatever_happens(home: Home, state: Callable[[Home], Home], form: str) -> None:
    """Whoever only reads the file learns of a failure too, and never takes an old report for a new one."""
    state(home)
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        file = home.path / "reports" / f"{command[0]}.out"
        file.parent.mkdir(exist_ok=True)
        file.write_text("yesterday's")
        ended = home.run(*command, "--format", form, "--out", str(file))
        written = file.read_text(encoding="utf-8")
        assert written and written != "yesterday's"
        assert ended.out == ""
        assert f"Written to {file}." in ended.err
        if form == "json":
            assert json.loads(written)
        elif state is invalid:
            assert written in ended.err


def test_a_plan_is_saved_beside_the_report(home: Home) -> None:
    """--save FILE and --out FILE.json save the same plan; another --out gets the report, and the screen nothing."""
    home.declare()
    shown = home.run("plan", "--save", "saved.plan", "--out", "report.md", "--format", "markdown")
    assert (shown.code, shown.out) == (ExitCode.DONE, "")
    assert (home.path / "report.md").read_text("utf-8").startswith("<!-- onefile-reconciler plan ")
    beside = home.run("plan", "--out", "plan.json")
    assert "additional people: add lee" in beside.out and "Saved to plan.json." in beside.err
    saved = [json.loads((home.path / name).read_text("utf-8")) for name in ("saved.plan", "plan.json")]
    assert saved[0]["fingerprint"] == saved[1]["fingerprint"]
    assert home.run("apply", "saved.plan").code == ExitCode.DONE


def test_a_terminal_gets_no_page_of_html(home: Home) -> None:
    """It is refused before anything is read; a file gets it."""
    refused = home.declare().terminal("plan", "--format", "html")
    assert refused.code == ExitCode.INVALID
    assert "<!doctype" not in refused.out and "--out FILE.html" in refused.out + refused.err
    assert home.terminal("plan", "--format", "html", "--out", "plan.html").code == ExitCode.DONE
    assert (home.path / "plan.html").read_text("utf-8").startswith("<!doctype html>")


def test_quiet_leaves_only_problems(home: Home) -> None:
    """Nothing at all where all is well; the problems and the exit code stay, and JSON that was asked for."""
    home.declare()
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"], ["plan", "--out", "p.json"], ["demo"]):
        ended = home.run(*command, "--quiet")
        assert (ended.code, ended.out, ended.err) == (ExitCode.DONE, "", "")
    assert home.run("plan", "--quiet", *JSON).json["summary"]
    ended = invalid(home).run("validate", "--quiet")
    assert (ended.code, ended.out) == (ExitCode.INVALID, "")
    assert "nobody" in ended.err


def test_verbose_spells_out_what_is_otherwise_folded(home: Home) -> None:
    """Many unknown slots become a line per member of staff, unless every row is asked for."""
    home.declare(*({"id": 200001 + n, "additional": ["lee"]} for n in range(10)), {"id": 200012, "additional": ["lee"]})
    short, full = home.run("plan").out, home.run("plan", "--verbose").out
    assert len(full.splitlines()) > len(short.splitlines())
    assert "200005" in full and "200005" not in short


def test_colours_are_for_terminals_and_can_be_left_out(home: Home) -> None:
    """A terminal gets them, --no-color and NO_COLOR take them away, and a pipe or file never has them."""
    home.declare()
    assert "\x1b[" in home.terminal("plan").out
    assert "\x1b[" not in home.terminal("plan", "--no-color").out
    assert "\x1b[" not in home.terminal("plan", NO_COLOR="1").out
    assert "\x1b[" not in home.run("plan").out


@pytest.mark.parametrize(("options", "typed"), [((), "n\n"), (JSON, "n\n"), (("--quiet",), "\n")])
def test_apply_asks_at_a_terminal_and_no_means_no(home: Home, options: tuple[str, ...], typed: str) -> None:
    """Whoever is asked is shown the plan, whatever the format; a no writes nothing and is not called done."""
    home.declare()
    ended = home.terminal("apply", *options, typed=typed)
    assert ended.code == ExitCode.ERROR
    assert "default assessor" in ended.out + ended.err and "Write these" in ended.out + ended.err
    assert (ended.out + ended.err).count("Fingerprint") == 1
    assert "nothing was written" in ended.err
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES


def test_apply_asks_at_a_terminal_and_yes_means_yes(home: Home) -> None:
    """The plan, then what came of it."""
    ended = home.declare().terminal("apply", typed="y\n")
    assert ended.code == ExitCode.DONE
    assert "Done (6)" in ended.out
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE


def test_the_words_of_a_plan_and_of_its_json_agree(home: Home) -> None:
    """Both say the same counts and the same fingerprint, once it is known what the server offers."""
    home.declare().plan()
    text, document = home.run("plan").out, home.plan()
    assert document["fingerprint"] in text
    assert f"{document['summary']['calls']['read']} calls to read" in text


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"], ["validate"]], ids=" ".join)
def test_a_label_cannot_break_the_output(home: Home, command: list[str]) -> None:
    """Escape sequences, other scripts and half a surrogate pair: text stays printable, JSON stays JSON."""
    label = "\x1b[2J\u202eΨηφίο\U0001f600"
    second = {"id": 200005, "default_assessor": "kate", "label": "HALF"}
    file = home.declare({**LEARNER, "label": label}, second).path / "state/cohorts/c1.yaml"
    file.write_text(file.read_text("utf-8").replace('"HALF"', '"\\ud83d"'), "utf-8")
    plain = home.process(*command, env={"PYTHONIOENCODING": "ascii", "LANG": "C"})
    assert plain.is_decent() and "\x1b" not in plain.out
    document: Any = json.loads(home.process(*command, *JSON, env={"PYTHONIOENCODING": "latin-1"}, encoding="utf-8").out)
    assert isinstance(document, dict)


def test_a_saved_plan_is_readable_by_its_owner_alone(home: Home) -> None:
    """It says who is assigned to whom."""
    home.declare().run("plan", "--out", "deep/er/plan.json")
    assert (home.path / "deep/er/plan.json").stat().st_mode & 0o077 == 0
    assert list(Path(home.path / "deep/er").iterdir()) == [home.path / "deep/er/plan.json"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["plna"], "there is no command 'plna'; did you mean plan?"),
        (["history", "abc"], "'abc' is not a whole number"),
        (["plan", "--ahead", "4000"], "4000 is not in the range 0<=x<=3660"),
    ],
    ids=["command", "number", "range"],
)
def test_a_slip_on_the_command_line_is_told_with_what_is_expected(home: Home, command: list[str], told: str) -> None:
    """In words of people who type commands, not of those who wrote the parser."""
    ended = home.declare().run(*command)
    assert ended.code == ExitCode.INVALID and told in ended.err and "Fix: See reconciler" in ended.err


def test_one_of_a_thing_is_counted_in_the_singular(home: Home) -> None:
    """One cohort, one learner."""
    assert "1 cohort, 1 learner, 7 slots, 5 staff." in home.declare().run("validate").out


def test_long_text_on_a_terminal_goes_through_the_pager(home: Home) -> None:
    """As git's does; the pager sees no token. A pipe, a file and `PAGER=cat` get the text as it is."""
    home.declare_demonstration()
    pager = 'sh -c "cat > paged.txt; env > environment.txt"'
    shown = home.terminal("plan", PAGER=pager, TERM="xterm", ONEFILE_CUSTOMER_TOKEN="secret-of-ours")
    paged = (home.path / "paged.txt").read_text("utf-8")
    assert shown.code == ExitCode.DONE and "Plan for sandbox" in paged and "Plan for sandbox" not in shown.out
    assert "secret-of-ours" not in (home.path / "environment.txt").read_text("utf-8")
    assert "Plan for sandbox" in home.terminal("plan", PAGER="cat", TERM="xterm").out
    assert "Plan for sandbox" in home.terminal("plan", PAGER=pager, TERM="dumb").out
    (home.path / "paged.txt").unlink()
    assert "Plan for sandbox" in home.forked("plan", env={"PAGER": pager, "TERM": "xterm"}).out
    assert not (home.path / "paged.txt").exists()
