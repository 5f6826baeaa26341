"""The `done` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import LEARNER, STATE, Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.done import Said
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("steps", metavar="[STEP]...", nargs=-1),
    click.option("--by", required=True, metavar="NAME", help="Who looked in OneFile; stored in the history."),
    click.option(
        "--outcome",
        type=click.Choice(["absent", "present"]),
        default="absent",
        show_default=True,
        help="Whether the member of staff is still assigned.",
    ),
    click.option("--run", type=Whole(1), metavar="RUN", help="All open steps that this run found."),
    click.option("--all", "everything", is_flag=True, help="All open steps; with --learner, all of these learners."),
    click.option("--undo", is_flag=True, help="Take it back: these steps are open again."),
    STATE,
    LEARNER,
    files=False,
    examples=(
        'reconciler done 3ef71a24 80bb1c02 --by "quality lead"',
        'reconciler done --run 12 --by "quality lead"',
    ),
)
def done(
    options: Options,
    environment: Environment,
    output: Output,
    steps: tuple[str, ...],
    by: str,
    outcome: Said,
    run: int | None,
    everything: bool,
    undo: bool,
) -> int:
    """Mark manual steps as done.

    STEP is the id that plans show. Also records what you found in OneFile for an operation whose outcome is unknown,
    or for a slot that somebody keeps changing back. Only for slots that OneFile does not show; the others are read.
    Only open steps can be closed, and either all are closed or none.
    """
    if [bool(steps), run is not None, everything].count(True) != 1:
        raise click.UsageError("Give one of STEP, --run and --all.")
    if undo and not steps:
        raise click.UsageError("--undo needs STEP.")
    if undo:
        output.deliver("done", commands.done.reopen(options, environment, steps, by=by))
        return ExitCode.DONE
    choice = commands.done.StepChoice(steps, everything, run)
    output.deliver("done", commands.done.done(options, environment, choice, by=by, outcome=outcome))
    return ExitCode.DONE
