"""The command line: options in, one call to run, the report printed, the exit code out."""

from __future__ import annotations

import gc
import itertools
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from reconciler.cli.options import cli
from reconciler.cli.output import FORMS, Output, exit_code_of
from reconciler.problems import Invalid, Problem

__all__ = ["cli", "main", "run"]

YOUNG_OBJECTS = 100_000
"""Made before the collector looks for cycles. A plan is mostly plain values: at Python's 700, looking takes a fifth."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: every way a command can end becomes one exit code, and no error a traceback."""
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(YOUNG_OBJECTS)
    sys.exit(run(arguments))


def _terminated(number: int, frame: FrameType | None) -> None:
    """A runner that ends a job sends SIGTERM: leave as with Ctrl-C, giving the lock back."""
    interrupted = signal.getsignal(signal.SIGINT)
    if not callable(interrupted):  # ignored, as in the background of a shell
        raise KeyboardInterrupt
    interrupted(number, frame)


def run(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments

    def misused(error: click.UsageError) -> int:
        problem = Problem(error.format_message(), f"see {_command_path(error)} --help")
        return Output(_form_asked_for(given)).failed(Invalid(problem))

    return exit_code_of(
        lambda: cli.main(arguments, prog_name="reconciler", standalone_mode=False),
        misused,
        lambda error: Output().failed(error),
    )


def _command_path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "reconciler"


def _form_asked_for(arguments: Sequence[str]) -> str:
    """The format that a command line asks for, even where the rest of it cannot be understood."""
    pairs = itertools.pairwise([part for one in arguments for part in one.split("=", 1)])
    return next((value for name, value in pairs if name == "--format" and value in FORMS), "text")
