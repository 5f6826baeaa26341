"""What is looked at on a schedule: drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.commands.drift import Drifting
    from reconciler.problems import ExitCode
    from reconciler.runtime.context import Context


@command(
    click.option("--correct", is_flag=True, help="Put back what drifted, as far as settings.drift and approval go."),
    click.option(
        "--approved",
        metavar="GIT_REF",
        help="Correct up to the files of this commit. [default: the newest complete apply's]",
    ),
    click.option("--base", metavar="GIT_REF", help="Mark what the files of this commit would have asked for anyway."),
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there is drift."),
    examples=("reconciler drift", "reconciler drift --correct --detailed-exitcode"),
    formats=("text", "json", "markdown", "prometheus"),
)
def drift(
    context: Context,
    output: Output,
    correct: bool,
    approved: str | None,
    base: str | None,
    detailed_exitcode: bool,
) -> int:
    """Say what OneFile moved although the files did not, since which run and since when it is known.

    --correct writes, and only to slots that were applied before and still are declared so. Exit 0: no drift, or
    corrected. 2: drift (with --detailed-exitcode). 4, 5, 6 and 7 as in apply, of the corrections.
    """
    from reconciler.commands import drift as drifting

    if approved and not correct:
        raise click.UsageError("--approved says how far --correct may go.")
    if base and correct:
        raise click.UsageError("--base is for looking: it tells what files cause that may not be merged yet.")
    found = drifting.drift(context, correct=correct, approved=approved, base=base)
    code = found.exit_code(detailed=detailed_exitcode)
    text = _rendered(found, code, output)
    output.save(text)
    output.report(text)
    if output.is_bare:
        say_problems(found.problems())
    return code


def _rendered(found: Drifting, code: ExitCode, output: Output) -> str:
    from reconciler.report.drift import json, markdown, prometheus, text

    if output.json:
        return json.render_json(found.report, exit_code=code)
    if output.form == "markdown":
        return markdown.render_markdown(found.report, limit=output.limit)
    if output.form == "prometheus":
        return prometheus.render_prometheus(found.report, exit_code=code)
    return text.render_text(found.report, colour=output.colour, width=output.width, verbose=output.verbose)
