"""The `apply` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output, is_terminal, say_problems
from reconciler.cli.render import render
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError
from reconciler.report.common.escape import harmless

if TYPE_CHECKING:
    from reconciler.commands.apply_run import ApplyResult
    from reconciler.commands.plan import Planned
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("saved", metavar="[PLAN]", required=False, type=click.Path(path_type=Path)),
    click.option("--auto-approve", is_flag=True, help="Do not ask for confirmation."),
    click.option("--expect", metavar="FINGERPRINT", help="Apply only if the plan has this fingerprint."),
    click.option("--again", is_flag=True, help="Apply a saved plan although it was applied or overtaken already."),
    click.option("--early", is_flag=True, help="Apply a plan for a day to come; stored in the history."),
    click.option(
        "--wait",
        type=Whole(0, 1440),
        default=0,
        show_default=True,
        metavar="MINUTES",
        help="Wait for the end of a window without writes.",
    ),
    click.option("--due", is_flag=True, help="Apply what dates have brought about, as approved."),
    click.option("--approved", metavar="GIT_REF", help="With --due: the approved commit. [default: the newest]"),
    click.option("--detailed-exitcode", is_flag=True, help="With --due: exit 2 if a due change is not approved."),
    examples=("reconciler apply plan.json", "reconciler apply plan.json --expect sha256:FINGERPRINT"),
)
def apply(
    options: Options,
    environment: Environment,
    output: Output,
    saved: Path | None,
    auto_approve: bool,
    expect: str | None,
    again: bool,
    early: bool,
    wait: int,
    due: bool,
    approved: str | None,
    detailed_exitcode: bool,
) -> int:
    """Apply a saved PLAN, or plan now, show it and ask.

    A saved plan is applied exactly as it was reviewed. --due needs no plan: it applies the cover and dated entries that
    the approved commit declares, and nothing else. Exit 0: all done. 4: OneFile has changed since the plan;
    conflicting slots were left alone. 5: blocked, nothing written. 6: another run holds the lock. 7: something failed,
    is unknown, or waits for a person.
    """
    if due and (saved or expect or again or early):
        raise click.UsageError("--due applies what was approved already, without a plan or a fingerprint.")
    if (approved or detailed_exitcode) and not due:
        raise click.UsageError("--approved and --detailed-exitcode belong to --due.")
    if due:
        applied = commands.due.apply_due(options, environment, approved=approved, wait=wait)
        return _say_applied(applied, output, detailed=detailed_exitcode)
    asks = not (saved or auto_approve or expect)
    if asks and not is_terminal(sys.stdin):
        fix = "Use --auto-approve, or save the plan with `reconciler plan --save FILE` and apply that file."
        raise Invalid(Problem("there is no terminal to ask for confirmation", fix))

    def approve(planned: Planned) -> bool:
        if asks:
            return _ask(planned, output)
        if output.form == "text":
            output.report(render("plan", planned.plan, output, fingerprint=planned.fingerprint))
        return True

    applied = commands.apply.apply(
        options, environment, saved, approve=approve, expect=expect, again=again, early=early, wait=wait
    )
    if applied.declined:
        raise ReconcilerError(
            Problem("not approved; nothing was written", "Run apply again when you approve the plan.")
        )
    return _say_applied(applied, output, detailed=False)


def _say_applied(applied: ApplyResult, output: Output, *, detailed: bool) -> ExitCode:
    output.save(render("apply", applied, output) if output.out else "")
    output.report(render("apply", applied, output, printed=True))
    say_problems(applied.problems() if output.is_bare else _unreported(applied))
    if detailed and applied.unapproved_due and applied.exit_code is ExitCode.DONE:
        return ExitCode.CHANGES
    return applied.exit_code


def _unreported(applied: ApplyResult) -> Sequence[Problem]:
    """Return the problems that the printed report lacks: the plan shows what blocks it, with the fix."""
    shown = applied.run is None and applied.planned.plan.blocked
    return applied.error.problems if applied.error and not shown else ()


def _ask(planned: Planned, output: Output) -> bool:
    """Show the plan and ask for confirmation; on standard error unless the report is text on standard output."""
    text = render("plan", planned.plan, output, form="text", fingerprint=planned.fingerprint)
    click.echo(harmless(str(text)), err=output.form != "text" or output.is_silent, nl=False)
    operations, target = planned.plan.operations, planned.plan.target
    changes = "this change" if len(operations) == 1 else f"these {len(operations)} changes"
    return click.confirm(f"Write {changes} to {target}?", err=True)
