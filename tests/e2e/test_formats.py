"""The formats that people and forges read, from the command line: plan, show, apply, validate, history."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from onefile_sandbox.faults import Fault
from reconciler.problems import ExitCode
from tests.e2e.user import LEARNER, SETTINGS, Home, point_at, served
from tests.report.reading import tables

BLOCKED = {**SETTINGS, "limits": {"create": {"count": 1}}}


def test_a_saved_plan_is_shown_as_markdown_for_a_pull_request(home: Home) -> None:
    """The comment's hidden line quotes the plan's own fingerprint."""
    home.declare()
    plan = home.plan("--out", "plan.json")
    shown = home.run("show", "plan.json", "--format", "markdown", "--out", "comment.md")
    assert (shown.code, shown.out) == (ExitCode.DONE, "")
    comment = Path("comment.md").read_text("utf-8")
    assert home.run("show", "plan.json", "--format", "markdown").out == comment
    first = f"<!-- onefile-reconciler plan target=sandbox organisation=5740 fingerprint={plan['fingerprint']} -->"
    assert comment.splitlines()[0] == first
    assert ["~", "learner 200004"] in [row[:2] for table in tables(comment) for row in table]


def test_plan_prints_markdown_and_saves_the_plan(home: Home) -> None:
    """--out of plan is the plan, whatever standard output gets."""
    home.declare()
    ended = home.run("plan", "--format", "markdown", "--out", "plan.json")
    assert ended.out.startswith("<!-- onefile-reconciler plan ")
    assert json.loads(Path("plan.json").read_text("utf-8"))["fingerprint"] in ended.out


def test_a_blocked_plan_is_annotated_at_the_lines_that_break_a_policy(home: Home) -> None:
    """Standard output has the commands alone, also with --quiet, and standard error the problems."""
    home.declare(settings=BLOCKED)
    for more in ([], ["--quiet"]):
        ended = home.run("plan", "--format", "annotations", *more)
        assert ended.code == ExitCode.BLOCKED
        assert ended.out.startswith("::error title=Refused by limits::limits.create: the plan fills ")
        assert all(line.startswith("::") for line in ended.out.splitlines())
        assert "limits.create" in ended.err


def test_invalid_files_are_annotated_from_the_top_of_the_repository(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However deep the folder is that the command runs in."""
    subprocess.run(["git", "init", "-q", "."], cwd=home.path, check=True)
    home.declare({**LEARNER, "default_assessor": "nobody-known"})
    (home.path / "centre").mkdir()
    (home.path / "state").rename(home.path / "centre" / "state")
    monkeypatch.chdir(home.path / "centre")
    ended = home.run("validate", "--format", "annotations")
    assert ended.code == ExitCode.INVALID
    assert ended.out.startswith("::error file=centre/state/cohorts/c1.yaml,line=")


def test_invalid_files_are_told_in_markdown(home: Home) -> None:
    """A job summary can show why there is no plan."""
    home.declare({**LEARNER, "default_assessor": "nobody-known"})
    ended = home.run("plan", "--format", "markdown", "--out", "plan.json")
    assert ended.code == ExitCode.INVALID
    assert ended.out.startswith("### Problems (1)\n")
    assert json.loads(Path("plan.json").read_text("utf-8"))["exit_code"] == ExitCode.INVALID


def test_a_saved_plan_is_shown_as_a_page(home: Home) -> None:
    """For whoever reads it in a browser, with the fingerprint that they approve."""
    home.declare()
    plan = home.plan("--out", "plan.json")
    shown = home.run("show", "plan.json", "--format", "html", "--out", "plan.html")
    page = Path("plan.html").read_text("utf-8")
    assert shown.out == "" and page.startswith("<!doctype html>")
    assert f"<code>{plan['fingerprint']}</code>" in page


def test_invalid_files_are_told_as_a_page(home: Home) -> None:
    """An artifact can show why there is no plan."""
    home.declare({**LEARNER, "default_assessor": "nobody-known"})
    assert "<h1>Problems (1)</h1>" in home.run("plan", "--format", "html").out


def test_a_wrong_command_line_is_told_in_the_format_that_was_asked_for(home: Home) -> None:
    """Before the format option could be understood."""
    assert home.run("plan", "--format=markdown", "--no-such").out.startswith("### Problems (1)\n")
    assert home.run("plan", "--format", "annotations", "--no-such").out.startswith("::error title=")


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_what_an_apply_did_is_saved_and_printed_though_it_failed(
    home: Home, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A refused write is in the report of each format, on standard output or in --out."""
    with served(faults=(Fault("error_before", "POST", "/User/*/Assign", times=1000, status=400),)) as server:
        point_at(monkeypatch, server.url)
        home.declare()
        ended = home.run("apply", "--auto-approve", "--format", form, "--out", "report")
        printed = home.run("apply", "--auto-approve", "--format", form)
    saved = Path("report").read_text("utf-8")
    assert (ended.code, ended.out, printed.code) == (ExitCode.INCOMPLETE, "", ExitCode.INCOMPLETE)
    assert "failed" in saved.lower() and "failed" in printed.out.lower()
    if form == "json":
        json.loads(saved)


def test_the_run_that_failed_is_in_the_history_as_markdown(home: Home) -> None:
    """For a ticket: the runs, and one run's writes."""
    home.declare()
    home.run("apply", "--auto-approve", "--quiet")
    (runs,) = tables(home.run("history", "--format", "markdown").out)
    assert runs[1][0] == "1"
    (slots,) = tables(home.run("history", "1", "--format", "markdown").out)
    assert ["200004", "default assessor"] in [row[:2] for row in slots]


def test_validate_tells_everyones_declared_caseload_without_a_call(home: Home) -> None:
    """From the files alone, IQAs too, and the JSON has the same numbers."""
    home.declare()
    text = home.run("validate", "--caseload").out
    assert "Declared caseloads\n" in text
    rows = {row["staff"]: row for row in home.run("validate", "--caseload", "--format", "json").json["caseload"]}
    assert (rows["james"]["default"], rows["james"]["learners"]) == (1, 1)
    assert (rows["kate"]["learning_aim"], rows["kate"]["unit"], rows["kate"]["learners"]) == (1, 1, 1)
    assert (rows["priya"]["learning_aim"], rows["priya"]["learners"]) == (1, 1)
    (table,) = tables(home.run("validate", "--caseload", "--format", "markdown").out)
    assert [row[0] for row in table[1:]] == list(rows)


def test_plan_tells_everyones_caseload_where_asked(home: Home) -> None:
    """Also of those whom the plan does not touch; the fingerprint is the same."""
    home.declare_demonstration()
    some, everyone = home.plan("--learner", "200004"), home.plan("--learner", "200004", "--caseload")
    assert {row["staff"] for row in some["caseload"]} < {row["staff"] for row in everyone["caseload"]}
    assert some["fingerprint"] == everyone["fingerprint"]


def test_max_bytes_is_kept(home: Home) -> None:
    """A plan of the whole centre in the smallest comment."""
    home.declare_demonstration()
    ended = home.run("plan", "--format", "markdown", "--max-bytes", "8192", "--verbose")
    assert len(ended.out.encode()) <= 8192
    assert "> Shortened to fit: " in ended.out
    assert home.run("plan", "--format", "markdown", "--max-bytes", "100").code == ExitCode.INVALID


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_text_keeps_to_the_terminals_width(home: Home, columns: int) -> None:
    """But for a path or an id that is longer, which stays whole."""
    home.declare()
    leader, follower = pty.openpty()
    ended = home.start("plan", "--no-color", env={"COLUMNS": str(columns)}, stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    text = _all_of(leader)
    assert ended.wait(60) == ExitCode.DONE
    lines = [line for line in text.splitlines() if "sha256:" not in line and "state/" not in line]
    assert lines
    assert max(map(len, lines)) <= columns


def _all_of(leader: int) -> str:
    """What a terminal was sent, until the other side closed it."""
    read = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        read += chunk
    os.close(leader)
    return read.decode()


def test_the_demonstration_fits_sixty_lines(home: Home) -> None:
    """What a newcomer reads first: the plan, what was applied, and that nothing is left."""
    home.declare_demonstration()
    shown = home.run("demo").out.splitlines()
    assert len(shown) <= 60
    assert max(map(len, shown)) <= 100
