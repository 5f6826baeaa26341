"""Checks of the YAML blocks in the documents, by the kind of file that each shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import click
import yaml

from reconciler.cli.main import cli
from reconciler.declared.load import read_declared
from reconciler.fleet.fleet_file import read_fleet
from reconciler.report.drift import prometheus
from tests.checker import checked_by_schema
from tests.factories import DAY
from tests.pages import ROOT, Block
from tests.report.drift.test_formats import report

Check = Callable[[Block, Any, Path], None]
GROUP = click.Context(cli, info_name="reconciler", **cli.context_settings)


def accepted(words: list[str]) -> None:
    """Assert that the command and its options exist."""
    assert words[0] == "reconciler"
    if words[1].startswith("-"):
        cli.make_context("reconciler", words[1:], resilient_parsing=True)
        return
    command = cli.get_command(GROUP, words[1])
    assert command, words
    command.make_context(words[1], words[2:], parent=GROUP)


# ------------------------------------------------------------------ declared state, read as the program reads it

_SETTINGS = "organisation: 5740\n"
_LEARNERS = "version: 1\ncohort: c\nlearners:\n"


def _staff_yaml(*, without: frozenset[str] = frozenset()) -> str:
    """Return the staff of the invented centre without these."""
    staff = yaml.safe_load((ROOT / "state" / "staff.yaml").read_text("utf-8"))["staff"]
    rows = (f"  {name}: {json.dumps(one, default=str)}\n" for name, one in staff.items() if name not in without)
    return "version: 1\nstaff:\n" + "".join(rows)


def _state(folder: Path, *, settings: str = _SETTINGS, staff: str = "", cohort: str, name: str = "c") -> None:
    files = {"settings": settings, "staff": staff or _staff_yaml(), f"cohorts/{name}": cohort}
    for place, text in files.items():
        path = folder / f"{place}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    read_declared(folder, DAY)


def _settings(block: Block, value: Any, folder: Path) -> None:
    _state(folder, settings=block.text, cohort=f"{_LEARNERS}  - {{id: 200004, default_assessor: kate-anderson}}\n")


def _staff(block: Block, value: Any, folder: Path) -> None:
    _state(folder, staff=block.text, cohort=f"{_LEARNERS}  []\n")


def _members(block: Block, value: Any, folder: Path) -> None:
    """Check some members of staff beside the others of the invented centre."""
    staff = _staff_yaml(without=frozenset(value)) + indent(block.text, "  ")
    _state(folder, staff=staff, cohort=f"{_LEARNERS}  []\n")


def _cohort(block: Block, value: Any, folder: Path) -> None:
    _state(folder, cohort=block.text, name=value["cohort"])


def _learner(block: Block, value: Any, folder: Path) -> None:
    """Check a part of one learner."""
    _state(folder, cohort=f"{_LEARNERS}  - id: 200004\n{indent(block.text, '    ')}")


# ------------------------------------------------------------------ pipelines and what surrounds them


def _by_forge(block: Block, folder: Path, schema: str, *more: str) -> None:
    """By the forge's own schema."""
    (folder / "shown.yml").write_text(block.text, "utf-8")
    code, said = checked_by_schema("--builtin-schema", f"vendor.{schema}", *more, folder / "shown.yml")
    assert code == 0, said


def _workflow(block: Block, value: Any, folder: Path) -> None:
    """And our action has the inputs; what is pinned is what our own workflows pin."""
    _by_forge(block, folder, "github-workflows")
    inputs = set(yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"])
    pinned = (ROOT / ".github" / "workflows" / "plan.yml").read_text("utf-8")
    for step in (step for job in value["jobs"].values() for step in job["steps"]):
        if "onefile-reconciler@" in step.get("uses", ""):
            assert set(step["with"]) <= inputs
        elif "uses" in step:
            assert step["uses"] in pinned


def _gitlab(block: Block, value: Any, folder: Path) -> None:
    _by_forge(block, folder, "gitlab-ci")


def _azure(block: Block, value: Any, folder: Path) -> None:
    _by_forge(block, folder, "azure-pipelines", "--regex-variant", "nonunicode")


def _bitbucket(block: Block, value: Any, folder: Path) -> None:
    _by_forge(block, folder, "bitbucket-pipelines")


def _kubernetes(block: Block, value: Any, folder: Path) -> None:
    """By Kubernetes' own schemas, in test_deploying.py, which takes what pages show as well."""
    assert {"apiVersion", "kind", "metadata"} <= set(value)


def _alerts(block: Block, value: Any, folder: Path) -> None:
    """They ask for metrics that exist: a misspelt one never fires."""
    printed = prometheus.render_prometheus(report(), exit_code=0)
    for rule in (rule for group in value["groups"] for rule in group["rules"]):
        (metric,) = re.findall(r"onefile_reconciler_\w+", rule["expr"])
        assert f"# TYPE {metric} gauge" in printed


def _hooks(block: Block, value: Any, folder: Path) -> None:
    """Of pre-commit: hooks that this repository has."""
    ours = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    assert {hook["id"] for repo in value["repos"] for hook in repo["hooks"]} <= ours


# ------------------------------------------------------------------ which kind a block is of

_SLOTS = {"default_assessor", "default_employer", "learning_aims", "units", "additional"}


def _has(*keys: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and set(keys) <= set(value)


def _each_has(key: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(_has(key)(one) for one in value.values())


def _is_learner(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and set(value) <= _SLOTS


def _is_gitlab(value: Any) -> bool:
    return isinstance(value, dict) and any(_has("script")(job) for job in value.values())


def _fleet(block: Block, value: Any, folder: Path) -> None:
    """The fleet file lacks nothing but the tokens."""
    file = folder / "fleet.yaml"
    file.write_text(block.text, "utf-8")
    assert read_fleet(file, {}).problems == ()
    assert value["centres"]


KINDS: list[tuple[Callable[[Any], bool], Check]] = [
    (_has("organisation", "version"), _settings),
    (_has("staff", "version"), _staff),
    (_has("cohort", "learners"), _cohort),
    (_is_learner, _learner),
    (_each_has("role"), _members),
    (_has("fleet", "centres"), _fleet),
    (_has("jobs"), _workflow),
    (_is_gitlab, _gitlab),
    (_has("stages", "pool"), _azure),
    (_has("pipelines"), _bitbucket),
    (_has("apiVersion"), _kubernetes),
    (_has("groups"), _alerts),
    (_has("repos"), _hooks),
]
"""What a YAML block may be, and how it is held against that."""
