"""The `plan` command, and what every command that ends in a plan reports."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import SAVE_OBSERVED, UNDECLARED, Whole, command, day_of
from reconciler.cli.output import Output, say_problems
from reconciler.cli.render import render
from reconciler.cli.validate import CASELOAD
from reconciler.memory import keep_until_exit, no_garbage_collection
from reconciler.model.structs import replace
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.plan import Planned
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if changes are pending."),
    SAVE_OBSERVED,
    click.option("--observed", type=click.Path(path_type=Path), metavar="FILE", help="Plan from saved data, offline."),
    click.option(
        "--ahead",
        "ahead_days",
        type=Whole(0, 3660),
        default=28,
        show_default=True,
        metavar="DAYS",
        help="Also warn about policy breaches in the next DAYS days.",
    ),
    click.option(
        "--until",
        callback=day_of,
        metavar="DATE",
        help="Show later changes up to this date (YYYY-MM-DD). [default: all declared]",
    ),
    click.option("--base", metavar="GIT_REF", help="Separate this change from what was already pending at GIT_REF."),
    CASELOAD,
    UNDECLARED,
    makes_plans=True,
    examples=("reconciler plan --save plan.json", "reconciler plan --cohort business-admin-l3-2026 --target practice"),
)
def plan(
    options: Options,
    environment: Environment,
    output: Output,
    detailed_exitcode: bool,
    save_observed: Path | None,
    observed: Path | None,
    base: str | None,
    caseload: bool,
    undeclared: bool,
) -> int:
    """Show what apply would change; write nothing.

    Compares the declared files with OneFile. --save FILE, or --out FILE.json, saves the plan for `reconciler apply
    FILE`. Exit 0: planned. 2: changes pending (with --detailed-exitcode). 5: a limit or a policy blocks it.
    """
    if observed and save_observed:
        raise click.UsageError("Give either --observed or --save-observed.")
    if observed and undeclared:
        raise click.UsageError("--undeclared reads OneFile; use it when the reading is saved.")
    options = replace(options, everyone=caseload, undeclared=undeclared)
    planned = commands.plan.plan(options, environment, observed=observed, save_observed=save_observed, base=base)
    return say_planned("plan", planned, output, detailed=detailed_exitcode)


def say_planned(command: str, planned: Planned, output: Output, *, detailed: bool) -> ExitCode:
    """Report a plan, save it if a file is given for it, and print the next command."""
    plan, file = planned.plan, output.plan_file
    keep_until_exit(planned)
    with no_garbage_collection():
        if file:
            output.write(render(command, plan, output, form="json", full_rows=output.saves_full_rows), file)
        report = render(command, plan, output, fingerprint=planned.fingerprint)
    output.save(report)
    output.report(report, pages=True)
    if output.is_bare:
        say_problems([*planned.why_blocked(), *planned.plan.problems])
    if file and not output.lost:
        output.note(f"Saved to {file}.")
        if plan.operations and not plan.blocked:
            output.note(f"Apply exactly this with: reconciler apply {shlex.quote(str(file))}")
    return planned.exit_code(detailed=detailed)
