"""The `validate` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import command
from reconciler.cli.output import Output, say_problems
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options

CASELOAD = click.option("--caseload", is_flag=True, help="Include everyone's caseload, target and maximum.")


@command(
    CASELOAD,
    service=False,
    examples=("reconciler validate", "reconciler validate --at 2027-02-10"),
)
def validate(options: Options, environment: Environment, output: Output, caseload: bool) -> int:
    """Check the declared files; nothing is sent.

    Reports every problem at once. Exit 0: valid. 3: problems, each with its file, line and fix.
    """
    declared = commands.validate.checked(options, environment)
    say_problems(declared.warnings)
    output.deliver("validate", commands.validate.declaration(declared, with_caseload=caseload))
    return ExitCode.DONE
