"""The main path: validate, plan, apply, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import command
from reconciler.cli.output import Output
from reconciler.cli.plan import PLAN_FORMATS
from reconciler.cli.render import plan_report
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.plan import Planned
    from reconciler.runtime.context import Context


@command(
    click.argument("saved", metavar="PLAN", type=click.Path(path_type=Path)),
    click.option("--handover", is_flag=True, help="Show what people hand over by hand, instead of the plan."),
    service=False,
    files=False,
    examples=("reconciler show plan.json", "reconciler show plan.json --format html --out plan.html"),
    formats=PLAN_FORMATS,
)
def show(_context: Context, output: Output, saved: Path, handover: bool) -> int:
    """Show a saved PLAN; refuses one that was altered.

    --handover lists, learner by learner, who hands over to whom and where to look in OneFile: its API moves no tasks,
    visits or reviews, and shows none.
    """
    from reconciler.commands.plan import Planned
    from reconciler.commands.plan_file import load

    planned = Planned(load(saved))
    report = _handover(planned, output) if handover else plan_report(planned, output)
    output.save(report)
    output.report(report)
    return ExitCode.DONE


def _handover(planned: Planned, output: Output) -> str:
    from reconciler.report.plan.handover import Form, hand_overs, render_handover

    forms: dict[str, Form] = {"text": "text", "json": "json", "markdown": "markdown"}
    if output.form not in forms:
        raise click.UsageError("--handover comes as text, markdown or json.")
    rows = hand_overs(planned.plan.changes)
    return render_handover(
        rows, planned.plan.handles, forms[output.form], colour=output.colour, width=output.width, limit=output.limit
    )
