"""The `doctor` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import LEARNER, STATE, Whole, command
from reconciler.cli.output import Output, say_problems
from reconciler.cli.render import render

if TYPE_CHECKING:
    from reconciler.doctor.checks import Check
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option(
        "--canary",
        type=Whole(1),
        metavar="LEARNER",
        help="Also test a write: write this learner's slots back unchanged (OneFile id; not on live).",
    ),
    STATE,
    LEARNER,
    files=False,
    examples=("reconciler doctor", "reconciler doctor --target practice --canary 200004"),
)
def doctor(options: Options, environment: Environment, output: Output, canary: int | None) -> int:
    """Check the configuration, token, store and server.

    Suggests a fix for each failure. Costs about ten calls and writes nothing to OneFile without --canary. The canary
    writes one default assessor, one learning aim slot and one unit slot back as they are and reads them back; it
    changes nothing by design. Exit 0: nothing failed. 1: something failed. 3: files or command line.
    """
    printed: list[Check] = []

    def show(check: Check) -> None:
        printed.append(check)
        output.report(render("doctor check", check, output))

    streams = output.form == "text" and not output.is_silent
    checkup = commands.doctor.examine(options, environment, canary, show=show if streams else None)
    output.deliver("doctor", checkup, printed=printed)
    if output.is_bare:
        say_problems(checkup.problems())
    return checkup.exit_code
