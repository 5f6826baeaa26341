"""Report of demo: each step and its result, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan import Plan
from reconciler.model.structs import replace
from reconciler.problems import ExitCode
from reconciler.report import validate
from reconciler.report.outcome import text as outcome_report
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan import text as plan_report
from reconciler.report.problems import json as problems_report

if TYPE_CHECKING:
    from reconciler.commands.demo import Scene

_TITLES = {
    "validate": "$ reconciler validate      (a copy of the state folder)\n",
    "plan": "$ reconciler plan          (against the embedded sandbox: OneFile's API, invented people)\n",
    "apply": "$ reconciler apply --auto-approve\n",
    "plan again": "$ reconciler plan          (again)\n",
}


def render_text(scene: Scene, *, colour: bool = False) -> str:
    """Render the command of a step, or its result."""
    if scene.declaration:
        return validate.render_text(scene.declaration, colour=colour)
    if scene.planned:
        plan, fingerprint = _short(scene.planned.plan), scene.planned.fingerprint
        if scene.step == "plan again":
            return plan_report.render_verdict(plan, fingerprint=fingerprint, colour=colour)
        return plan_report.render_text(plan, fingerprint=fingerprint, colour=colour)
    if scene.applied:
        planned = scene.applied.planned
        view = outcome_view(
            planned.plan,
            scene.applied.outcomes,
            fingerprint=planned.fingerprint,
            run=scene.applied.run or 0,
            spent_calls=scene.applied.spent_calls,
        )
        return outcome_report.render_text(view, colour=colour, below_plan=True)
    return _TITLES[scene.step]


def _short(plan: Plan) -> Plan:
    """Return the plan without what matters only from its first apply on: slots watched, and learners in no file."""
    return replace(plan, roll=None, summary=replace(plan.summary, watched=None, unwatched=None, unseen=None))


def render_json(code: ExitCode) -> str:
    """Render how the demonstration ended, for programs."""
    return problems_report.render_json((), code)
