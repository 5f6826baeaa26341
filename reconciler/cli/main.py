"""The command line's entry point."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import click

from reconciler.cli.options import cli
from reconciler.cli.output import Output, exit_code_of, leave, secure_streams
from reconciler.cli.render import RENDERERS
from reconciler.problems import ExitCode, Invalid, Problem
from reconciler.subprocess_env import TETHER

__all__ = ["cli", "main", "run"]

YOUNG_OBJECTS = 100_000
"""Allocations before a garbage collection. With Python's 700, a fifth of a plan's time is spent on it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the console script and exit with the command's exit code."""
    secure_streams()
    end_on_signals()
    end_with_starter()
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        code = run(arguments)
    except KeyboardInterrupt:  # a second one, while the first was being reported
        code = int(ExitCode.ERROR)
    leave(code)


def end_on_signals() -> None:
    """End as with Ctrl-C on SIGTERM, and on SIGHUP unless nohup ignores it, so that the lock is released."""
    signal.signal(signal.SIGTERM, _terminated)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _terminated)


def end_with_starter() -> None:
    """End as with Ctrl-C once standard input is closed, if the environment says that the starter holds it open."""
    if not os.environ.get(TETHER):
        return

    def watch() -> None:
        while os.read(0, 1024):
            pass
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as with Ctrl-C, so that the lock is released: a runner that ends a job sends SIGTERM."""
    interrupted = signal.getsignal(signal.SIGINT)
    if not callable(interrupted):  # ignored, as in the background of a shell
        raise KeyboardInterrupt
    interrupted(number, frame)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments

    def misused(error: click.UsageError) -> int:
        if isinstance(error, click.NoSuchOption):
            near = _near(error.option_name, error.possibilities or ())
            error = click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx)
        problem = Problem(error.format_message(), f"See {_command_path(error)} --help.")
        return Output(_requested_form(given)).failed(Invalid(problem))

    return exit_code_of(
        lambda: cli.main(arguments, prog_name="reconciler", standalone_mode=False),
        misused,
        lambda error: Output().failed(error),
    )


def _near(option: str, options: Sequence[str]) -> list[str]:
    """Return the options that may be meant: click offers some that have little in common."""
    from difflib import get_close_matches

    names = {name.lstrip("-"): name for name in options}
    return [names[name] for name in get_close_matches(option.lstrip("-"), names, n=2, cutoff=0.7)]


def _command_path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "reconciler"


def _requested_form(arguments: Sequence[str]) -> str:
    """Return the format that a command line asks for, even if the rest of it is not valid."""
    pairs = itertools.pairwise([part for argument in arguments for part in argument.split("=", 1)])
    return next((value for name, value in pairs if name == "--format" and value in RENDERERS["problems"]), "text")
