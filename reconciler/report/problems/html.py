"""Problems as an HTML page, for a command that ended without a report."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.problems import Problem
from reconciler.report.common.notices import problem_notice
from reconciler.report.html.page import render_page


def render_html(problems: Sequence[Problem]) -> str:
    """Render the problems as a page of their own."""
    return render_page("problems", notices=[problem_notice(problem) for problem in problems])
