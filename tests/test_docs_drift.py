"""docs/how-to/drift.md, held against the program: its YAML, its commands, and the metrics that its alerts ask for."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import yaml

from reconciler.cli import cli
from reconciler.declared import read_declared
from reconciler.report.drift import prometheus
from tests.factories import DAY
from tests.report.test_drift import report

TEXT = (Path(__file__).parent.parent / "docs" / "how-to" / "drift.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def documents() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in blocks("yaml")]


def accepted(arguments: list[str]) -> None:
    """The command and its options exist."""
    assert arguments[0] == "reconciler"
    command = cli.get_command(click.Context(cli), arguments[1])
    assert command
    command.make_context(arguments[1], arguments[2:])


def test_the_settings_shown_are_valid(tmp_path: Path) -> None:
    """They stand in a state folder as they are."""
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "settings.yaml").write_text(blocks("yaml")[0], "utf-8")
    (tmp_path / "staff.yaml").write_text("version: 1\nstaff:\n  kate: {id: 132757, role: assessor}\n")
    cohort = "version: 1\ncohort: c\nlearners: [{id: 200004, default_assessor: kate}]\n"
    (tmp_path / "cohorts" / "c.yaml").write_text(cohort)
    settings = read_declared(tmp_path, DAY).settings
    assert (settings.grace_hours, settings.step_owner) == (20, "quality-lead")


def test_every_command_shown_is_accepted() -> None:
    """In the shell blocks, in the crontab and in the CronJob."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"&& (reconciler .*)$", TEXT, re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        accepted(shlex.split(line, comments=True))
    (job,) = (one for one in documents() if one.get("kind") == "CronJob")
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    accepted(container["command"])


def test_the_cronjob_is_whole_and_holds_no_secret() -> None:
    """One run at a time, nothing retried by itself, the token from a Secret, nothing writable but a scratch folder."""
    (job,) = (one for one in documents() if one.get("kind") == "CronJob")
    assert (job["apiVersion"], job["spec"]["concurrencyPolicy"]) == ("batch/v1", "Forbid")
    assert re.fullmatch(r"(\S+ ){4}\S+", job["spec"]["schedule"])
    work = job["spec"]["jobTemplate"]["spec"]
    pod = work["template"]["spec"]
    assert (work["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    (container,) = pod["containers"]
    given = {one["name"]: one for one in container["env"]}
    assert "valueFrom" in given["ONEFILE_CUSTOMER_TOKEN"]
    assert "valueFrom" in given["RECONCILER_STORE"]
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    """A misspelt metric never fires."""
    (alerts,) = (one for one in documents() if "groups" in one)
    printed = prometheus.render_drift(report(), exit_code=0)
    for rule in alerts["groups"][0]["rules"]:
        (metric,) = re.findall(r"onefile_reconciler_\w+", rule["expr"])
        assert f"# TYPE {metric} gauge" in printed
