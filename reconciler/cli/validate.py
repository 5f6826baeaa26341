"""The `validate` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import command
from reconciler.cli.output import Output, say_problems
from reconciler.memory import keep_until_exit
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options

CASELOAD = click.option("--caseload", is_flag=True, help="Include everyone's caseload, target and maximum.")


@command(
    click.argument("checked_files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path)),
    CASELOAD,
    service=False,
    examples=("reconciler validate --at 2027-02-10", "reconciler validate state/cohorts/care-l3-2026.yaml"),
)
def validate(
    options: Options, environment: Environment, output: Output, checked_files: tuple[Path, ...], caseload: bool
) -> int:
    """Check the declared files; nothing is sent.

    Reports every problem at once. With FILE, reports only problems of these files, for editors and pre-commit; the
    other files of their state folder are read too. Exit 0: valid. 3: problems, each with its file, line and fix.
    """
    if checked_files:
        result = commands.validate.check_files(options, environment, checked_files)
        say_problems(result.warnings)
        output.deliver("validate FILE", result)
        return ExitCode.DONE
    declared = commands.validate.checked(options, environment)
    keep_until_exit(declared)
    say_problems(declared.warnings)
    output.deliver("validate", commands.validate.declaration(declared, with_caseload=caseload))
    return ExitCode.DONE
