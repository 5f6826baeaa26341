"""The `fmt` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option("--check", is_flag=True, help="Write nothing; show what would change and exit 2 if anything would."),
    STATE,
    service=False,
    files=False,
    examples=("reconciler fmt", "reconciler fmt --check"),
)
def fmt(options: Options, environment: Environment, output: Output, check: bool) -> int:
    """Format the YAML files; comments are kept.

    Sets the key order, indentation and quoting. What is declared never changes. Also writes the handles of staff.yaml
    into the copies in schemas/, so that an editor completes them. Exit 0: done, or nothing to do. 2: files would change
    (with --check).
    """
    formatting = commands.fmt.fmt(options, environment, check=check)
    output.deliver("fmt", formatting)
    return ExitCode.CHANGES if check and formatting.edits else ExitCode.DONE
