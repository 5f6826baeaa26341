"""Shared part of the commands that pipelines call: `python -I -m reconciler.github` and `reconciler.gitlab`."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.output import exit_code_of, leave, say_problems, secure_streams
from reconciler.problems import Invalid, Problem, ReconcilerError
from reconciler.report.common.escape import harmless

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
ANY_FILE = click.Path(path_type=Path, dir_okay=False)
PLAN = click.option("--plan", "plan", type=FILE, required=True, help="The saved plan.")


def print_text(text: str) -> None:
    """Print a text to standard output, with hidden characters written out."""
    click.echo(harmless(text))


def note_text(text: str) -> None:
    """Print a text to standard error, with hidden characters written out."""
    click.echo(harmless(text), err=True)


def run_group(group: click.Group, module: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line of a group and return its exit code."""
    return exit_code_of(
        lambda: group.main(arguments, prog_name=f"python -I -m {module}", standalone_mode=False),
        lambda error: _failed(Invalid(Problem(error.format_message(), "See --help."))),
        _failed,
    )


def start_group(group: click.Group, module: str) -> None:
    """Run the process's own command line and end the process."""
    secure_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    leave(run_group(group, module))


def _failed(error: ReconcilerError) -> int:
    say_problems(error.problems)
    return error.exit_code
