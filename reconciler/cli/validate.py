"""The main path: validate, plan, apply, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import command
from reconciler.cli.output import Output, say_problems
from reconciler.cli.render import declaration_report
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.context import Context

CASELOAD = click.option("--caseload", is_flag=True, help="Show everyone's caseload, target and maximum.")
CHECK_FORMATS = ("text", "json", "markdown", "annotations")


@command(
    CASELOAD,
    service=False,
    examples=("reconciler validate", "reconciler validate --at 2027-02-10"),
    formats=CHECK_FORMATS,
)
def validate(context: Context, output: Output, caseload: bool) -> int:
    """Check the declared state; every problem at once, nothing sent.

    Exit 0: valid. 3: problems, each with its file, line and fix.
    """
    from reconciler.commands.validate import checked, declaration

    declared = checked(context)
    say_problems(declared.warnings)
    report = declaration_report(declaration(declared, with_caseload=caseload), output)
    output.save(report)
    output.report(report)
    return ExitCode.DONE
