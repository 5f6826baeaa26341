"""Text of a pull request is no workflow command, in whatever a command prints: a runner reads every line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.report.common.escape import without_commands
from tests.e2e.test_names import COMMANDS, forms, runs
from tests.e2e.user import SETTINGS, STAFF, Home

BLANKS = "\t\v\f \x85\xa0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000"
"""The blanks that GitHub's runner takes away at a line's start, without those that end the line."""

OURS = re.compile(r"::(?:error|warning) (?:[a-z]+=[^:,\n]*,?)+::[^\n]*")
MARKS = (
    "::",
    "##[",
    "##vso[",
    "##",
    "[",
    "]",
    ":",
    " ",
    "error",
    "set-env name=PATH::x",
    "stop-commands",
    "a" * 9,
    "\xa0",
)
LABELS = st.lists(st.sampled_from(MARKS), min_size=1, max_size=8).map("".join).filter(lambda text: text.strip())


def commands(printed: str) -> list[str]:
    """The lines that a runner may obey."""
    lines = re.split(r"\r\n|\r|\n", printed)
    return [line for line in lines if line.lstrip(BLANKS).startswith("::") or re.search(r"##\w*\[", line)]


def declare(home: Home, labels: list[str]) -> None:
    """Learners with these labels, and the same texts wherever else a file can hold one."""
    words = iter(labels * 4)
    learners: list[Mapping[str, object]] = [
        {"id": 200004 + place, "label": f"{label[:76]}{place}", "default_assessor": "james"}
        for place, label in enumerate(labels)
    ]
    twin = {"id": 200004 + len(labels), "label": next(words)[:80],
            "learning_aims": [{"standard": 41242, "assessor": "kate", "iqa": "priya"}]}  # fmt: skip
    waiver = {"policy": "coverage", "learner": 200004, "reason": next(words), "approved_by": next(words),
              "until": "2099-01-01"}  # fmt: skip
    cover = {"by": "james", "from": "2026-01-01", "until": "2099-01-01", "reason": next(words)}
    staff = {**STAFF, "kate": {"id": 132757, "role": "assessor", "person": next(words)[:80], "cover": [cover]}}
    home.declare(*learners, twin, staff=staff, settings={**SETTINGS, "waivers": [waiver],
                 "manual_steps": {"owner": next(words)[:80]}})  # fmt: skip


EVERYTHING = {
    **COMMANDS,
    "calendar": [["--from", "2026-01-01"]],
    "replace": [["kate", "--with", "james", "--from", "2027-01-01"]],
    "adopt": [[]],
    "fmt": [["--check"]],
    "import": [],
    "demo": [],
}


@settings(max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LABELS, min_size=6, max_size=6))
@example(
    ["::error::x", "a" * 60 + " ::set-env name=PATH::y", "##[error]z", " ::warning::", "x##[group]::y", "##vso[task]"]
)
def test_no_printed_line_can_be_read_as_a_workflow_command(home: Home, labels: list[str]) -> None:
    """Hostile labels, reasons and owners, in every command and every format, printed and saved."""
    for file in home.path.glob("*"):
        if file.is_file():
            file.unlink()
    declare(home, labels)
    for command, variants in EVERYTHING.items():
        for form, arguments in runs(command, variants):
            ended = home.run(command, *arguments, "--format", form)
            assert ended.is_decent(), (command, form, arguments, ended.err)
            printed = [line for line in commands(ended.out) if form != "annotations" or not OURS.fullmatch(line)]
            assert (command, form, [*printed, *commands(ended.err)]) == (command, form, [])
    exported = "table.csv"  # holds each label as it is, so that it can come back; nothing prints it
    saved = [file.read_text("utf-8") for file in home.path.iterdir() if file.is_file() and file.name != exported]
    assert [line for text in saved for line in commands(text)] == []


def test_the_law_would_see_a_command(home: Home) -> None:
    """What is printed holds the labels, so that the search looks at something."""
    label = "x" * 70 + " ::error::"
    declare(home, [label] * 6)
    assert commands(" ::error::x\n\xa0::y\na ##[error]b\n##vso[z]") != []
    shown = home.run("plan").out + home.run("plan", "--format", "json").out
    assert "::error::" in shown or r":\x3aerror::" in shown


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json", "csv", "ics", "prometheus"])
@given(text=st.text(st.sampled_from('::##[] \t\n\rvsoerror\\"'), max_size=60))
def test_the_mark_of_a_command_is_broken_in_any_text(text: str, form: str) -> None:
    """Wherever it is, however often, and nothing else changes."""
    broken = without_commands(text, form)
    assert [line for line in commands(broken) if form != "json" or "##" in line] == []
    if not commands(text):
        assert broken == text


def test_json_stays_the_same_value() -> None:
    """A program that reads it sees what the files hold."""
    value = {"label": "##[error]x ##vso[y]", "##[": ["::a::"]}
    assert json.loads(without_commands(json.dumps(value, indent=1), "json")) == value


def test_a_file_named_like_a_command_is_told_in_words(home: Home) -> None:
    """Its name begins the line that tells what is wrong with it."""
    home.declare()
    (home.path / "state/cohorts").rename(home.path / "cohorts")
    (home.path / "state/settings.yaml").rename(home.path / "settings.yaml")
    (home.path / "state/staff.yaml").rename(home.path / "staff.yaml")
    (home.path / "::error::x.yaml").write_text("a: 1\n", "utf-8")
    for form in forms("validate"):
        ended = home.run("validate", "--state", ".", "--format", form)
        found = [line for line in commands(ended.out) if not OURS.fullmatch(line)]
        assert [*found, *commands(ended.err)] == [], form
