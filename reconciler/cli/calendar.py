"""What the days to come bring: calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import FILES, FROM, Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


@command(
    *FILES[:-1],
    FROM,
    click.option(
        "--days",
        "ahead_days",
        type=Whole(1, 3660),
        default=28,
        show_default=True,
        help="How many days, the first included.",
    ),
    service=False,
    files=False,
    examples=("reconciler calendar --days 90", "reconciler calendar --format ics --out staffing.ics"),
    formats=("text", "markdown", "json", "ics"),
)
def calendar(context: Context, output: Output) -> int:
    """List the coming changes, day by day: cover that begins and ends, dated entries, waivers that end, slots that
    will be left to nobody. Nothing is sent.

    --format ics writes a file that calendar programs can subscribe to; the same files give the same bytes.
    """
    from reconciler.commands.calendar import foretell
    from reconciler.report.calendar.json import render_json
    from reconciler.report.calendar.markdown import render_markdown
    from reconciler.report.calendar.text import render_text

    found = foretell(context)
    match output.form:
        case "json":
            text = render_json(found)
        case "markdown":
            text = render_markdown(found)
        case "ics":
            from reconciler.report.calendar.ics import render_ics

            text = render_ics(found)
        case _:
            text = render_text(found, colour=output.colour, verbose=output.verbose)
    output.save(text)
    output.report(text)
    return ExitCode.DONE
