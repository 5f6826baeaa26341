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
    click.option(
        "--since",
        "older",
        metavar="OLD",
        type=click.Path(path_type=Path),
        help="Show what changed since this older saved plan.",
    ),
    service=False,
    files=False,
    examples=("reconciler show plan.json", "reconciler show plan.json --format html --out plan.html"),
)
def show(
    _options: Options, _environment: Environment, output: Output, saved: Path, handover: bool, older: Path | None
) -> int:
    """Show a saved PLAN.

    Refuses a plan that was altered. --handover lists, learner by learner, who hands over to whom and where to look in
    OneFile: its API moves no tasks, visits or reviews, and shows none. --since shows what this plan does that the older
    one did not, and the reverse.
    """
    if handover and older:
        raise click.UsageError("use either --handover or --since.")
    mode = "--handover" if handover else "--since" if older else ""
    command = f"show {mode}".strip()
    if output.form not in formats_of(command):
        raise click.UsageError(f"{mode} has the formats {listed(formats_of(command), 'or')}.")
    planned = commands.plan.Planned(commands.plan_file.load(saved))
    if older:
        output.deliver(command, commands.plan_file.since(older, planned.plan))
    elif handover:
        output.deliver(command, planned)
    else:
        output.deliver(command, planned.plan, fingerprint=planned.fingerprint)
    return ExitCode.DONE
