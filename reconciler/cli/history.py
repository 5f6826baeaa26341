"""What the store remembers and what people tell it: history, revert, done, unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from reconciler.cli import completion as completing
from reconciler.cli.options import LEARNER, STATE, Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.history import Form
    from reconciler.runtime.context import Context


@command(
    click.argument("run", metavar="[RUN]", required=False, type=Whole(1), shell_complete=completing.runs),
    click.option("--limit", type=Whole(1), default=50, show_default=True, help="How many runs to list."),
    click.option("--steps", is_flag=True, help="List the steps by hand instead: since when, and what closed them."),
    STATE,
    LEARNER,
    files=False,
    examples=(
        "reconciler history --learner 200004",
        "reconciler history 12 --format csv --out run-12.csv",
    ),
    formats=("text", "json", "csv", "markdown"),
)
def history(context: Context, output: Output, run: int | None, limit: int, steps: bool) -> int:
    """List the runs, or everything that one RUN did: before, after, outcome, who, commit, when, proof.

    --learner lists every write to that learner's slots that is recorded, newest first. --target leaves other targets'
    runs out.
    """
    from reconciler.commands import history as recalling

    form = cast("Form", output.form)
    if steps and run:
        raise click.UsageError("--steps lists all steps; a RUN has none of its own.")
    if context.learners and (run or steps):
        raise click.UsageError("--learner lists that learner's writes of all runs; leave RUN and --steps away.")
    if context.learners:
        text = recalling.writes(context, context.learners, form, max_bytes=output.limit)
    elif steps:
        text = recalling.steps(context, form, max_bytes=output.limit)
    else:
        text = recalling.history(context, run, form, limit=limit, max_bytes=output.limit)
    output.save(text)
    output.report(text)
    return ExitCode.DONE
