"""The outcomes of an apply as an HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.common.manual_steps import TITLE_AFTER_APPLY
from reconciler.report.html.page import part_of_pages, render_page
from reconciler.report.outcome.view import OutcomeView, applied_view
from reconciler.report.plan import html as plan_report

if TYPE_CHECKING:
    from reconciler.commands.apply_run import ApplyResult


def render_html(view: OutcomeView) -> str:
    """Render how each operation of a run ended and what proves it, worst first."""
    return render_page("outcome", view=view, manual_title=TITLE_AFTER_APPLY, rules=part_of_pages("plan.css"))


def render_applied(applied: ApplyResult) -> str:
    """Render what an apply did; the plan if it did not begin."""
    if applied.run is None:
        return plan_report.render_html(applied.planned.plan, fingerprint=applied.planned.fingerprint)
    return render_html(applied_view(applied))
