"""The `calendar` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import FILES, FROM, Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    *FILES[:-1],
    FROM,
    click.option(
        "--days",
        "ahead_days",
        type=Whole(1, 3660),
        default=28,
        show_default=True,
        help="Number of days, including the first.",
    ),
    service=False,
    files=False,
    examples=("reconciler calendar --days 90", "reconciler calendar --format ics --out staffing.ics"),
)
def calendar(options: Options, environment: Environment, output: Output) -> int:
    """List the coming changes, day by day.

    Shows cover that begins and ends, dated entries, waivers that end, and slots that will have no holder. Nothing is
    sent. --format ics writes a file that calendar programs can subscribe to; the same files give the same bytes.
    """
    output.deliver("calendar", commands.calendar.calendar(options, environment))
    return ExitCode.DONE
