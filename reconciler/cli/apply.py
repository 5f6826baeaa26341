"""The main path: validate, plan, apply, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import command
from reconciler.cli.output import Output, is_terminal, say_problems
from reconciler.cli.render import outcome_report, plan_text
from reconciler.problems import Invalid, Problem, ReconcilerError

if TYPE_CHECKING:
    from reconciler.commands.plan import Planned
    from reconciler.runtime.context import Context


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
    from reconciler.commands import apply as applying

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
