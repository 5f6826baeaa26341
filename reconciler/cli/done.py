"""The `done` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.done import Said
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("step", metavar="STEP"),
    click.option("--by", required=True, metavar="NAME", help="Who looked in OneFile; stored in the history."),
    click.option(
        "--outcome",
        type=click.Choice(["absent", "present"]),
        default="absent",
        show_default=True,
        help="Whether the member of staff is still assigned.",
    ),
    STATE,
    files=False,
    examples=(
        'reconciler done 3ef71a24 --by "quality lead"',
        'reconciler done 3ef71a24 --by "quality lead" --outcome present',
    ),
)
def done(options: Options, environment: Environment, output: Output, step: str, by: str, outcome: Said) -> int:
    """Mark a manual step as done.

    STEP is the id that plans show. Also records what you found in OneFile for an operation whose outcome is unknown,
    or for a slot that somebody keeps changing back. Only for slots that OneFile does not show; the others are read.
    """
    output.deliver("done", commands.done.done(options, environment, step, by=by, outcome=outcome))
    return ExitCode.DONE
