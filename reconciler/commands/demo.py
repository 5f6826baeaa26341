"""demo: check, plan, apply and plan again, on a copy of a state folder and a sandbox of its own."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from reconciler.commands import apply as applying
from reconciler.commands import plan as planning
from reconciler.commands.plan import Planned
from reconciler.commands.validate import declaration
from reconciler.model.structs import replace
from reconciler.problems import ExitCode, Invalid, Problem, Source
from reconciler.report import validate as validate_report
from reconciler.report.outcome import text as outcome_text
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan import text as plan_text
from reconciler.runtime.context import Context

Say = Callable[[str], None]


def demonstrate(context: Context, say: Say, *, colour: bool = False) -> ExitCode:
    """Walk the product's whole life in a temporary folder, saying each step; DONE when the last plan is empty.

    Nothing outside the folder is touched, and whatever target the settings name, only the sandbox is spoken to.
    """
    if not context.state.is_dir():
        fix = "Give the folder with --state, or leave it away to use the demonstration centre."
        raise Invalid(Problem("there is no such state folder", fix, Source(str(context.state))))
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
        shutil.copytree(context.state, Path(folder) / "state")
        with contextlib.chdir(folder):  # so that the demo's paths read like a user's own
            return _walk(
                replace(context, state=Path("state"), target="sandbox", store=None, environment={}, says=None),
                say,
                colour,
            )


def _walk(here: Context, say: Say, colour: bool) -> ExitCode:
    say("$ reconciler validate      (a copy of the state folder)\n")
    say(validate_report.render_text(declaration(here.declared()), colour=colour))
    say("$ reconciler plan          (against the embedded sandbox: OneFile's API, invented people)\n")
    first = planning.plan(here)
    say(_shown(first, colour))
    say("$ reconciler apply --auto-approve\n")
    done = applying.apply(here, None, approve=lambda _: True)
    if done.run is not None:
        told = outcome_view(
            done.planned.plan,
            done.outcomes,
            fingerprint=done.planned.fingerprint,
            run=done.run,
            spent_calls=done.spent_calls,
        )
        say(outcome_text.render_text(told, colour=colour))
    if done.error:
        raise done.error
    say("$ reconciler plan          (again)\n")
    last = planning.plan(here)
    say(_shown(last, colour))
    return ExitCode.DONE if last.plan.in_sync else ExitCode.INCOMPLETE


def _shown(planned: Planned, colour: bool) -> str:
    return plan_text.render_text(planned.plan, fingerprint=planned.fingerprint, colour=colour)
