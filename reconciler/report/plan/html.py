"""A plan as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.plan import Plan
from reconciler.report.common.manual_steps import TITLE
from reconciler.report.html.chart import caseload_chart
from reconciler.report.html.links import links_of
from reconciler.report.html.page import part_of_pages, render_page
from reconciler.report.plan.view import PlanView, plan_view


def render_html(plan: Plan, *, fingerprint: str, verbose: bool = False) -> str:
    """Render the plan in the order of its view, with caseloads as a chart and as a table."""
    view = plan_view(plan, fingerprint, verbose=verbose)
    links = links_of((line.handle for line in view.caseload), _learners(view))
    chart = caseload_chart(view.caseload)
    return render_page(
        "plan",
        view=view,
        chart=chart,
        manual_title=TITLE,
        links=links,
        rules=part_of_pages("plan.css") + links.filters(),
    )


def _learners(view: PlanView) -> Iterator[str]:
    for cohort in (*view.cohorts, *view.already):
        for row in cohort.rows:
            yield from row.learners or (row.who,)
