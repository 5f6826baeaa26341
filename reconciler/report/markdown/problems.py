"""Problems as Markdown: what a command found wrong, each with its place and its fix."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.problems import Problem
from reconciler.report import fit
from reconciler.report.fit import COMMENT_LIMIT, Item, Part
from reconciler.report.markdown.pieces import heading, notice
from reconciler.report.review import problem_notice


def problems_part(problems: Sequence[Problem], title: str, tier: int) -> Part:
    items = tuple(Item(notice(problem_notice(one)), tier, title.lower()) for one in problems)
    return Part(items, heading(f"{title} ({len(items)})"), "\n", always=True)


def render_problems(problems: Sequence[Problem], *, limit: int = COMMENT_LIMIT) -> str:
    """Errors, then warnings, in at most `limit` bytes; no problems are no text."""
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    parts = [
        problems_part(found, title, tier)
        for found, title, tier in ((errors, "Problems", fit.STOPS), (warnings, "Warnings", fit.WARNS))
        if found
    ]
    full = "Run the command again with its text format to see all."
    return fit.fit("", parts, "", limit=limit, full_report=full) if parts else ""
