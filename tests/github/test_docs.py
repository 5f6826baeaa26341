"""The pages about forges: their YAML has the form that each forge asks for, and their commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from reconciler.cli import cli

ROOT = Path(__file__).parents[2]
GITHUB, GITLAB = ROOT / "docs" / "how-to" / "github.md", ROOT / "docs" / "how-to" / "gitlab.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "schema"), [(GITHUB, "github-workflows"), (GITLAB, "gitlab-ci")])
def test_each_page_shows_a_file_of_its_forges_form(page: Path, schema: str, tmp_path: Path) -> None:
    """By the forge's own schema."""
    (block,) = blocks(page)
    (tmp_path / "shown.yml").write_text(block, "utf-8")
    asked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", "shown.yml"]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gitlab_file_calls_commands_that_exist() -> None:
    """With options that they have."""
    (block,) = blocks(GITLAB)
    lines = [line for job in yaml.safe_load(block).values() for line in job.get("script", [])]
    assert len(lines) == 3
    for line in lines:
        _, name, *arguments = shlex.split(line)
        command = cli.get_command(click.Context(cli), name)
        assert command, line
        command.make_context(name, arguments)


def test_the_action_has_the_inputs_that_the_page_shows() -> None:
    """And the page pins what the workflows pin."""
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    (block,) = blocks(GITHUB)
    checkout, ours = yaml.safe_load(block)["jobs"]["plan"]["steps"]
    assert set(ours["with"]) <= set(action["inputs"])
    assert checkout["uses"] in (ROOT / ".github" / "workflows" / "plan.yml").read_text("utf-8")


def test_every_pin_of_one_action_is_the_same() -> None:
    """An action that is looked at once is looked at everywhere."""
    files = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / "action.yml", GITHUB]
    pins = {
        found
        for file in files
        for found in re.findall(r"uses: (actions/[\w-]+)@(\S+) # (\S+)", file.read_text("utf-8"))
    }
    assert len({name for name, *_ in pins}) == len(pins) == 3
