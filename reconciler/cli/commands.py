"""The main path: validate, plan, apply, show."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.output import Output, is_terminal, say_problems
from reconciler.cli.reports import declaration_report, outcome_report, plan_report, plan_text
from reconciler.cli.shared import Whole, command
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError
from reconciler.values import replace

if TYPE_CHECKING:
    from reconciler.run.context import Context
    from reconciler.run.planning import Planned


CASELOAD = click.option("--caseload", is_flag=True, help="Show everyone's caseload, target and maximum.")
CHECK_FORMATS = ("text", "json", "markdown", "annotations")
PLAN_FORMATS = (*CHECK_FORMATS, "html")


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
    from reconciler.run.validating import checked, declaration

    declared = checked(context)
    say_problems(declared.warnings)
    report = declaration_report(declaration(declared, with_caseload=caseload), output)
    output.save(report)
    output.report(report)
    return ExitCode.DONE


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
    from reconciler.run import planning

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


@command(
    click.argument("saved", metavar="[PLAN]", required=False, type=click.Path(path_type=Path)),
    click.option("--auto-approve", is_flag=True, help="Do not ask. A saved plan is never asked about."),
    click.option("--expect", metavar="FINGERPRINT", help="Apply only the plan with this fingerprint."),
    examples=("reconciler apply plan.json", "reconciler apply plan.json --expect sha256:FINGERPRINT"),
    formats=("text", "json", "markdown", "html"),
)
def apply(context: Context, output: Output, saved: Path | None, auto_approve: bool, expect: str | None) -> int:
    """Apply a saved PLAN exactly as reviewed, or make a plan now, show it and ask.

    Exit 0: all done. 4: the world moved, conflicting slots were left alone. 5: blocked, nothing written.
    6: another run holds the lock. 7: something failed, is unknown, or waits for a person.
    """
    from reconciler.run import applying

    asks = not (saved or auto_approve or expect)

    def approve(planned: Planned) -> bool:
        if asks:
            return _ask(planned, output)
        if output.form == "text":
            output.report(plan_text(planned, output))
        return True

    done = applying.apply(context, saved, approve=approve, expect=expect)
    if done.declined:
        raise ReconcilerError(Problem("not approved: nothing was written", "Run apply again when it is."))
    if output.out:
        output.save(outcome_report(done, output))
    output.report(outcome_report(done, output, printed=True))
    say_problems(done.problems() if output.is_bare else done.error.problems if done.error else ())
    return done.exit_code


def _ask(planned: Planned, output: Output) -> bool:
    """Show the plan to whoever is asked, also where standard output is kept for JSON or for nothing. Raises Invalid
    where nobody can be asked."""
    if not is_terminal(sys.stdin):
        fix = "Give --auto-approve, or save the plan with `reconciler plan --out FILE` and apply that file."
        raise Invalid(Problem("apply asks before it writes, and there is no terminal to ask at", fix))
    click.echo(plan_text(planned, output), err=output.form != "text" or output.quiet, nl=False)
    count = len(planned.plan.operations)
    return click.confirm(f"Write these {count} changes to {planned.plan.target}?", err=True)


@command(
    click.argument("saved", metavar="PLAN", type=click.Path(path_type=Path)),
    click.option("--handover", is_flag=True, help="Show what people hand over by hand, instead of the plan."),
    service=False,
    files=False,
    examples=("reconciler show plan.json", "reconciler show plan.json --format html --out plan.html"),
    formats=PLAN_FORMATS,
)
def show(_context: Context, output: Output, saved: Path, handover: bool) -> int:
    """Show a saved PLAN; refuses one that was altered.

    --handover lists, learner by learner, who hands over to whom and where to look in OneFile: its API moves no tasks,
    visits or reviews, and shows none.
    """
    from reconciler.run.planfile import load
    from reconciler.run.planning import Planned

    planned = Planned(load(saved))
    report = _handover(planned, output) if handover else plan_report(planned, output)
    output.save(report)
    output.report(report)
    return ExitCode.DONE


def _handover(planned: Planned, output: Output) -> str:
    from reconciler.report.handover import Form, hand_overs, render_handover

    forms: dict[str, Form] = {"text": "text", "json": "json", "markdown": "markdown"}
    if output.form not in forms:
        raise click.UsageError("--handover comes as text, markdown or json.")
    rows = hand_overs(planned.plan.changes)
    return render_handover(
        rows, planned.plan.handles, forms[output.form], colour=output.colour, width=output.width, limit=output.limit
    )
