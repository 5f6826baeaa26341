"""The `history` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli import completion
from reconciler.cli.options import LEARNER, STATE, Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("run", metavar="[RUN]", required=False, type=Whole(1), shell_complete=completion.runs),
    click.option("--limit", type=Whole(1), default=50, show_default=True, help="Number of runs to list."),
    click.option("--steps", is_flag=True, help="List the manual steps instead: open since when, and what closed them."),
    click.option("--organisation", type=Whole(1), metavar="ID", help="Show this organisation of the store alone."),
    STATE,
    LEARNER,
    files=False,
    examples=(
        "reconciler history --learner 200004",
        "reconciler history 12 --format html --out run-12.html",
    ),
)
def history(
    options: Options,
    environment: Environment,
    output: Output,
    run: int | None,
    limit: int,
    steps: bool,
    organisation: int | None,
) -> int:
    """List the runs, or show everything that one RUN did.

    Shows who asked, the commit, before, after, outcome, time and proof. --learner shows the timeline of a learner,
    newest first: import, writes, drift, manual steps; also of one who is no longer in the files. With --target or
    --organisation, everything of others is left out.
    """
    if steps and run:
        raise click.UsageError("--steps lists the steps of all runs: leave RUN out.")
    if organisation and run:
        raise click.UsageError("RUN shows one run, whatever its organisation: leave --organisation out.")
    if options.learners and (run or steps):
        raise click.UsageError("--learner shows the events of all runs: leave RUN and --steps out.")
    if options.learners:
        output.deliver("history --learner", commands.history.timeline(options, environment, organisation))
    elif steps:
        listed = commands.history.steps(options, environment, organisation)
        output.deliver("history --steps", listed.steps, **listed.known.facts())
    elif run is not None:
        detail = commands.history.run(options, environment, run)
        output.deliver("history RUN", detail.run, journal=detail.journal, **detail.known.facts())
    else:
        runs = commands.history.runs(options, environment, organisation, limit=limit)
        output.deliver(
            "history",
            runs.runs,
            target=runs.target,
            organisation=runs.organisation,
            elsewhere=runs.elsewhere,
            no_store=runs.no_store,
        )
    return ExitCode.DONE
