"""What the store remembers and what people tell it: history, revert, done, unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from reconciler.cli import completing
from reconciler.cli.commands import PLAN_FORMATS, say_planned
from reconciler.cli.output import Output
from reconciler.cli.shared import LEARNER, STATE, Whole, command
from reconciler.problems import ExitCode, Invalid, Problem

if TYPE_CHECKING:
    from reconciler.run.closing import Said
    from reconciler.run.context import Context
    from reconciler.run.recalling import Form


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
    from reconciler.run import recalling

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


@command(
    click.argument("run", metavar="RUN", type=Whole(1), shell_complete=completing.runs),
    out_is_json=True,
    examples=("reconciler revert 12 --out back.json", "reconciler apply back.json"),
    formats=PLAN_FORMATS,
)
def revert(context: Context, output: Output, run: int) -> int:
    """Plan to put back who stood in each slot before RUN wrote it; writes nothing.

    --out FILE saves the plan, for `reconciler apply FILE`. Slots that moved since are set aside; what OneFile
    cannot undo becomes a manual step. Put the files back as well, or the next apply writes the run's values again.
    """
    from reconciler.run.reverting import revert

    return say_planned(revert(context, run), output, detailed=False)


@command(
    click.argument("step", metavar="STEP"),
    click.option("--by", required=True, metavar="NAME", help="Who looked in OneFile; kept in the history."),
    click.option(
        "--outcome",
        type=click.Choice(["absent", "present"]),
        default="absent",
        show_default=True,
        help="Whether the member of staff is on the learner.",
    ),
    STATE,
    files=False,
    examples=(
        'reconciler done 3ef71a24 --by "quality lead"',
        'reconciler done 3ef71a24 --by "quality lead" --outcome present',
    ),
)
def done(context: Context, output: Output, step: str, by: str, outcome: Said) -> int:
    """Close a manual STEP that a person has done in OneFile, or say what they found there.

    STEP is the id that plans print. Only what OneFile does not show can be said; the rest is read.
    """
    from reconciler.run import closing

    text = closing.done(context, step, by=by, outcome=outcome) + "\n"
    output.save(text)
    output.report(text)
    return ExitCode.DONE


@command(
    click.option("--reason", required=True, metavar="TEXT", help="Why; kept for ever."),
    STATE,
    files=False,
    examples=('reconciler unlock --reason "the runner of run 12 was switched off"',),
)
def unlock(context: Context, output: Output, reason: str) -> int:
    """Take the lock from a run that cannot give it back. Make sure first that it no longer runs.

    A run that ended on this machine, or whose lease has lapsed, needs no unlock. Exit 6: that run is alive here.
    """
    from reconciler.run import unlocking

    if not reason.strip():
        raise Invalid(Problem("the reason is empty", "Say why the lock is taken away.", where="--reason"))
    lease = unlocking.unlock(context, reason=reason)
    words = (
        f"Taken from {lease.holder} at {lease.host}, who had it since {lease.since:%Y-%m-%d %H:%M} UTC."
        if lease
        else "Nobody had the lock."
    )
    output.save(words + "\n")
    output.report(words)
    return ExitCode.DONE
