"""Outside policy tools that read Terraform's plans read ours: the examples of docs/, run by the tools themselves."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.e2e.user import REPOSITORY, STAFF, Home

EXAMPLES = REPOSITORY / "docs/examples/policies"
pytestmark = pytest.mark.long  # the tools take a minute to install and seconds to start


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where checkov and terraform-compliance are: an environment of their own, made once and kept in pytest's cache.

    Without the cache's plugin it is kept for the run. They pin packages that our other tools need newer. Where they
    cannot be had the tests are skipped, and in CI fail.
    """
    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    needs = wanted["project"]["optional-dependencies"]["policy-tools"]
    cache = getattr(pytestconfig, "cache", None)
    folder = cache.mkdir("policy-tools") if cache else tmp_path_factory.getbasetemp().parent / "policy-tools"
    folder.mkdir(exist_ok=True)
    stamp, python = folder / "made-for.json", folder / "env/bin/python"
    made_for = json.dumps([sys.version, needs])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers of one run
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != made_for:
            try:
                run([sys.executable, "-m", "venv", "--clear", str(folder / "env")])
                run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needs])
            except subprocess.CalledProcessError as error:
                why = f"checkov and terraform-compliance cannot be installed: {error.stderr[-500:]}"
                if os.environ.get("CI") == "true":
                    pytest.fail(why)
                pytest.skip(why)
            stamp.write_text(made_for, encoding="utf-8")
    return python.parent


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def plan(home: Home, assessor: str) -> Path:
    """A saved plan after which one learner's default assessor is Kate, whatever her handle is."""
    others = {handle: one for handle, one in STAFF.items() if handle != "kate"}
    aim = {"standard": 41242, "iqa": "priya"}
    home.declare(
        {"id": 200004, "default_assessor": assessor, "learning_aims": [aim]}, staff={**others, assessor: STAFF["kate"]}
    )
    home.run("plan", "--out", "plan.json", "--full-rows")
    return home.path / "plan.json"


@pytest.mark.parametrize("assessor", ["kate", "observer-kate"])
def test_checkov_judges_a_plan_by_the_rules_of_the_documentation(tools: Path, home: Home, assessor: str) -> None:
    """It counts every slot, and names the one that breaks a rule by its address."""
    command = [str(tools / "checkov"), "--framework", "terraform_plan", "--skip-download", "--compact", "-o", "json"]
    rules = ["--external-checks-dir", str(EXAMPLES / "checkov"), "--check", "ONEFILE_1,ONEFILE_2"]
    ended = subprocess.run(
        [*command, *rules, "-f", str(plan(home, assessor))], capture_output=True, text=True, cwd=home.path
    )
    report = json.loads(ended.stdout)
    failed = [(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]]
    if assessor == "kate":
        assert (ended.returncode, failed, report["summary"]["passed"]) == (0, [], 4)
    else:
        assert ended.returncode == 1
        assert failed == [("ONEFILE_2", "learner[200004].default_assessor")]


@pytest.mark.parametrize("assessor", ["kate", "observer-kate"])
def test_terraform_compliance_judges_a_plan_by_the_rules_of_the_documentation(
    tools: Path, home: Home, assessor: str
) -> None:
    """From the plan on one line, which is the only form it reads."""
    saved, line = plan(home, assessor), home.path / "line.json"
    run([sys.executable, "-m", "json.tool", "--compact", str(saved), str(line)])
    command = [str(tools / "terraform-compliance"), "--no-ansi", "-p", str(line)]
    ended = subprocess.run(
        [*command, "-f", str(EXAMPLES / "terraform-compliance")], capture_output=True, text=True, cwd=home.path
    )
    if assessor == "kate":
        assert ended.returncode == 0, ended.stdout
        assert "4 scenarios (3 passed, 1 skipped)" in ended.stdout  # no learning aim's assessor is declared
    else:
        assert ended.returncode == 1
        assert "staff property in learner[200004].default_assessor resource matches with ^observer-" in ended.stdout
