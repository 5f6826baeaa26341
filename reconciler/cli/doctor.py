"""What helps around the main path: demo, sandbox, doctor."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import LEARNER, STATE, Whole, command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


@command(
    click.option(
        "--canary",
        type=Whole(1),
        metavar="LEARNER",
        help="Also write, on beta, practice or a sandbox only: what this learner (OneFile id) holds already.",
    ),
    STATE,
    LEARNER,
    files=False,
    examples=("reconciler doctor", "reconciler doctor --target practice --canary 200004"),
)
def doctor(context: Context, output: Output, canary: int | None) -> int:
    """Check files, token, store, clock, server and what it shows; a fix for each failure.

    Costs about ten calls and writes nothing to OneFile without --canary. The canary writes back one default
    assessor, one learning aim slot and one unit slot as they are, and nothing else; by design nothing
    changes, and everything is read back. Exit 0: nothing failed. 1: something failed. 3: files or command line.
    """
    from reconciler.doctor.run import examine
    from reconciler.report.doctor import TICKS, render_json, render_text

    checkup = examine(context, canary)
    try:
        plain = not TICKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        plain = True
    text = render_json(checkup) if output.json else render_text(checkup, colour=output.colour, plain=plain)
    output.save(text)
    output.report(text)
    if output.is_bare:
        say_problems(checkup.problems())
    return checkup.exit_code
