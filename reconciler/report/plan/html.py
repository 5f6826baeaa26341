"""A plan as an HTML page."""

from __future__ import annotations

from reconciler.model.plan import Plan
from reconciler.report.common.manual_steps import TITLE
from reconciler.report.html.chart import caseload_chart
from reconciler.report.html.page import render_page
from reconciler.report.plan.view import plan_view


def render_html(plan: Plan, *, fingerprint: str) -> str:
    """Render the plan in the order of its view, with caseloads as a chart and as a table."""
    view = plan_view(plan, fingerprint)
    return render_page("plan", view=view, chart=caseload_chart(view.caseload), manual_title=TITLE)
