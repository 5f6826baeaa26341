"""The main path: validate, plan, apply, show."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output, say_problems
from reconciler.cli.render import plan_report
from reconciler.cli.validate import CASELOAD, CHECK_FORMATS
from reconciler.model.structs import replace
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.commands.plan import Planned
    from reconciler.runtime.context import Context

PLAN_FORMATS = (*CHECK_FORMATS, "html")


@command(
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when changes are pending."),
    click.option(
        "--save-observed", type=click.Path(path_type=Path), metavar="FILE", help="Keep what was read: ids, no names."
    ),
    click.option(
        "--observed", type=click.Path(path_type=Path), metavar="FILE", help="Plan from a kept reading, without a call."
    ),
    click.option(
        "--ahead",
        "ahead_days",
        type=Whole(0, 3660),
        default=28,
        show_default=True,
        metavar="DAYS",
        help="Warn of what the coming days break.",
    ),
    click.option("--base", metavar="GIT_REF", help="Mark what the files of this commit would have asked for anyway."),
    CASELOAD,
    out_is_json=True,
    examples=("reconciler plan --out plan.json", "reconciler plan --cohort business-admin-l3-2026 --target practice"),
    formats=PLAN_FORMATS,
)
def plan(
    context: Context,
    output: Output,
    detailed_exitcode: bool,
    save_observed: Path | None,
    observed: Path | None,
    base: str | None,
    caseload: bool,
) -> int:
    """Compare the declared state with OneFile and show what apply would do; writes nothing.

    --out FILE saves the plan, for `reconciler apply FILE`. Exit 0: planned. 2: changes pending (with
    --detailed-exitcode). 5: a limit or a policy blocks it.
    """
    from reconciler.commands import plan as planning

    if observed and save_observed:
        raise click.UsageError("--observed reads nothing that --save-observed could keep.")
    context = replace(context, everyone=caseload)
    planned = planning.plan(context, observed=observed, save_observed=save_observed, base=base)
    return say_planned(planned, output, detailed=detailed_exitcode)


def say_planned(planned: Planned, output: Output, *, detailed: bool) -> ExitCode:
    """Report a plan, save it where --out asks, and say what to do with it."""
    from reconciler.plan.document import dumps

    output.save(dumps(planned.document) if output.out else "")
    output.report(plan_report(planned, output))
    if output.is_bare:
        say_problems([*planned.why_blocked(), *planned.plan.problems])
    if output.out and not output.lost:
        output.note(f"Saved to {output.out}.")
        if planned.plan.operations and not planned.plan.blocked:
            output.note(f"Apply exactly this with: reconciler apply {shlex.quote(str(output.out))}")
    return planned.exit_code(detailed=detailed)
