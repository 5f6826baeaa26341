"""The `store` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import STATE, Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("action", type=click.Choice(["compact"]), expose_value=False),
    click.option(
        "--keep-days", type=Whole(1), required=True, metavar="DAYS", help="Keep the runs of so many days, at least."
    ),
    click.option("--into", required=True, metavar="BRANCH", help="The new branch; it must not exist yet."),
    STATE,
    files=False,
    examples=("reconciler store compact --keep-days 400 --into onefile-record-2027",),
)
def store(options: Options, environment: Environment, output: Output, keep_days: int, into: str) -> int:
    """Begin a new branch of the store without old runs.

    The new branch has the whole record, open manual steps and drift, the last complete apply, what is not settled, and
    the runs of the days that are kept. The old branch is not changed: delete it yourself when its evidence is no longer
    needed. Works for a store on a branch (git+BRANCH) only.
    """
    output.deliver("store", commands.store.compact(options, environment, keep_days=keep_days, into=into))
    return ExitCode.DONE
