"""What the store remembers and what people tell it: history, revert, done, unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode, Invalid, Problem

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


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
    from reconciler.commands import unlock as unlocking

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
