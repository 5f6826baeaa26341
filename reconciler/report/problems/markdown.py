"""Problems as Markdown, errors before warnings."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.problems import Problem
from reconciler.report.common import truncate as fit
from reconciler.report.common.line_links import NO_LINKS, LineLinks
from reconciler.report.common.markdown import problems_part
from reconciler.report.common.truncate import COMMENT_LIMIT

FULL_REPORT = "Run the command again with its text format to see all."


def render_markdown(problems: Sequence[Problem], *, limit: int = COMMENT_LIMIT, links: LineLinks = NO_LINKS) -> str:
    """Render errors, then warnings, in at most *limit* bytes; without problems the text is empty."""
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    parts = [
        problems_part(group, title, tier)
        for group, title, tier in ((errors, "Problems", fit.STOPS), (warnings, "Warnings", fit.WARNS))
        if group
    ]
    return fit.fit("", parts, "", limit=limit, full_report=FULL_REPORT, links=links) if parts else ""
