"""What the store remembers and what people tell it: history, revert, done, unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.done import Said
    from reconciler.runtime.context import Context


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
    from reconciler.commands import done as closing

    text = closing.done(context, step, by=by, outcome=outcome) + "\n"
    output.save(text)
    output.report(text)
    return ExitCode.DONE
