"""The `show` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import command
from reconciler.cli.output import Output
from reconciler.cli.render import formats_of
from reconciler.problems import ExitCode
from reconciler.text import listed

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("saved", metavar="PLAN", type=click.Path(path_type=Path)),
    click.option("--handover", is_flag=True, help="Show what people must hand over by hand, in place of the plan."),
    service=False,
    files=False,
    examples=("reconciler show plan.json", "reconciler show plan.json --format html --out plan.html"),
)
def show(_options: Options, _environment: Environment, output: Output, saved: Path, handover: bool) -> int:
    """Show a saved PLAN.

    Refuses a plan that was altered. --handover lists, learner by learner, who hands over to whom and where to look in
    OneFile: its API moves no tasks, visits or reviews, and shows none.
    """
    command = "show --handover" if handover else "show"
    if output.form not in formats_of(command):
        raise click.UsageError(f"--handover has the formats {listed(formats_of(command), 'or')}.")
    planned = commands.plan.Planned(commands.plan_file.load(saved))
    if handover:
        output.deliver(command, planned)
    else:
        output.deliver(command, planned.plan, fingerprint=planned.fingerprint)
    return ExitCode.DONE
