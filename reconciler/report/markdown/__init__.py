"""Reports as Markdown for pull requests and job summaries: summary first, risk in sight, never too long."""

from __future__ import annotations

from reconciler.report.markdown.outcomes import render_outcomes
from reconciler.report.markdown.plan import render_plan
from reconciler.report.markdown.problems import render_problems

__all__ = ["render_outcomes", "render_plan", "render_problems"]
