"""The list of commands is written down once more, so that it can be shown without them: it says what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler.cli import cli
from reconciler.cli.listing import COMMANDS

MODULES = {path.stem for path in (Path(__file__).parent.parent / "reconciler" / "cli").glob("*.py")}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_its_own_words(name: str) -> None:
    """The first paragraph of its help, from the module that is named."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help is not None
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name].purpose


def test_no_command_is_forgotten() -> None:
    """Whatever the modules register is on the list."""
    for name in COMMANDS:
        cli.get_command(click.Context(cli), name)
    assert set(cli.commands) == set(COMMANDS)


def test_the_list_is_shown_without_importing_a_command() -> None:
    """Nor anything that only commands need."""
    program = "import sys; from reconciler.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {f"reconciler.cli.{entry.module}" for entry in COMMANDS.values()}
    assert not loaded & {"httpx", "sqlalchemy", "yaml", "jsonschema", "rich", "jinja2", "reconciler.model"}
