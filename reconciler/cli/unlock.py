"""The `unlock` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode, Invalid, Problem

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option("--reason", required=True, metavar="TEXT", help="Reason, stored in the history."),
    STATE,
    files=False,
    examples=('reconciler unlock --reason "the runner of run 12 was switched off"',),
)
def unlock(options: Options, environment: Environment, output: Output, reason: str) -> int:
    """Release a lock that a crashed run left.

    Check first that it is not still running. A run that has ended on this machine, or whose lease has expired, needs
    no unlock. Exit 6: that run is alive on this machine.
    """
    if not reason.strip():
        raise Invalid(Problem("the reason is empty", "Give the reason for releasing the lock.", where="--reason"))
    output.deliver("unlock", commands.unlock.unlock(options, environment, reason=reason))
    return ExitCode.DONE
