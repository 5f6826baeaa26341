"""The outcomes of an apply as an HTML page."""

from __future__ import annotations

from reconciler.report.common.manual_steps import TITLE_AFTER_APPLY
from reconciler.report.html.page import render_page
from reconciler.report.outcome.view import OutcomeView


def render_html(view: OutcomeView) -> str:
    """Render how each operation of a run ended and what proves it, worst first."""
    return render_page("outcome", view=view, manual_title=TITLE_AFTER_APPLY)
