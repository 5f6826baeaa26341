"""The `who` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import AT, STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("name", metavar="NAME"),
    click.option("--read", is_flag=True, help="Also read OneFile now. Without it, no call is made."),
    STATE,
    AT,
    files=False,
    examples=("reconciler who LRN-0042", "reconciler who kate-anderson --at 2027-01-04"),
)
def who(options: Options, environment: Environment, output: Output, name: str, read: bool) -> int:
    """Show a learner's holders, or one person's learners.

    NAME is a learner's label, MISID or OneFile id, or a handle of staff.yaml. For a learner: each slot with its holder,
    the line that declares it, since when, the run, who asked for it and what proves it; also of one who is no longer in
    the files. For a member of staff: their slots in effect, and those in name only while somebody covers. With --at,
    the files are read for that day, and the record is that of its end.
    """
    output.deliver("who", commands.who.who(options, environment, name, read=read))
    return ExitCode.DONE
