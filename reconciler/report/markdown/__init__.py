"""Reports as Markdown for pull requests and job summaries: summary first, risk in sight, never too long."""

from __future__ import annotations

from reconciler.report.common.markdown import render_problems
from reconciler.report.outcome.markdown import render_outcomes
from reconciler.report.plan.markdown import render_plan

__all__ = ["render_outcomes", "render_plan", "render_problems"]
