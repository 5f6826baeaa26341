"""The `revert` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli import completion
from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output
from reconciler.cli.plan import say_planned

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("run", metavar="RUN", type=Whole(1), shell_complete=completion.runs),
    makes_plans=True,
    examples=("reconciler revert 12 --save back.json", "reconciler apply back.json"),
)
def revert(options: Options, environment: Environment, output: Output, run: int) -> int:
    """Make a plan that undoes RUN.

    Plans to restore who held each slot before RUN wrote it; writes nothing. --save FILE saves the plan, for
    `reconciler apply FILE`. Slots that have changed since are set aside; what OneFile cannot undo becomes a manual
    step. Revert the files as well, or the next apply writes the values of RUN again.
    """
    return say_planned("revert", commands.revert.revert(options, environment, run), output, detailed=False)
