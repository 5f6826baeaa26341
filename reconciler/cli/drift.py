"""The `drift` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import UNDECLARED, command
from reconciler.cli.output import Output, say_problems
from reconciler.model.structs import replace

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option("--correct", is_flag=True, help="Correct drift where settings and approvals allow."),
    click.option(
        "--approved",
        metavar="GIT_REF",
        help="Correct only what the files of this commit declare. [default: that of the newest complete apply]",
    ),
    click.option("--due", is_flag=True, help="With --correct: also apply what dates have brought about, as approved."),
    click.option("--base", metavar="GIT_REF", help="Separate this change from what was already pending at GIT_REF."),
    UNDECLARED,
    click.option("--full", is_flag=True, help="Read every declared learner, also if OneFile shows who changed."),
    click.option(
        "--rotate",
        metavar="DAYS",
        type=click.IntRange(2, 28),
        help="Read a part of the learners each day, everybody within DAYS days; see how-to/drift.md.",
    ),
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there is drift."),
    examples=("reconciler drift", "reconciler drift --correct --due --detailed-exitcode"),
)
def drift(
    options: Options,
    environment: Environment,
    output: Output,
    correct: bool,
    due: bool,
    approved: str | None,
    base: str | None,
    undeclared: bool,
    full: bool,
    rotate: int | None,
    detailed_exitcode: bool,
) -> int:
    """Report changes that were made directly in OneFile.

    Compares OneFile with what runs have applied, and shows which run set a slot last and when its change was first
    seen. --correct writes only to slots that were applied before and are still declared the same. Exit 0: no drift, or
    corrected. 2: drift (with --detailed-exitcode). 4, 5, 6 and 7 as in apply, of the corrections.
    """
    if due and not correct:
        raise click.UsageError("--due needs --correct; without corrections, use `reconciler apply --due`.")
    if approved and not correct:
        raise click.UsageError("--approved needs --correct.")
    if base and correct:
        raise click.UsageError("--base cannot be used with --correct: its files may not be merged yet.")
    if full and rotate:
        raise click.UsageError("--full reads everybody, and --rotate a part: give one of them.")
    if rotate and (options.is_narrow or base or options.at):
        raise click.UsageError("--rotate is for a daily run of all files: leave out scopes, --base and --at.")
    options = replace(options, undeclared=undeclared, full=full, rotate_days=rotate)
    drifting = commands.drift.drift(options, environment, correct=correct, due=due, approved=approved, base=base)
    code = drifting.exit_code(detailed=detailed_exitcode)
    output.deliver("drift", drifting.report, exit_code=code)
    if output.is_bare:
        say_problems(drifting.problems())
    return code
