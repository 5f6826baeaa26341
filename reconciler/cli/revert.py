"""What the store remembers and what people tell it: history, revert, done, unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import completion as completing
from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output
from reconciler.cli.plan import PLAN_FORMATS, say_planned

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


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
    from reconciler.commands.revert import revert

    return say_planned(revert(context, run), output, detailed=False)
