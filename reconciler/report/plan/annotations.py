"""Findings and problems of a plan as GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.plan import Plan
from reconciler.report.common.annotations import Annotation, Workspace, render
from reconciler.report.plan.view import plan_view


def render_annotations(plan: Plan, workspace: Workspace) -> str:
    """Render what blocks and what is set aside as errors, then the warnings; waived findings are left out."""
    return render(list(_annotations(plan)), workspace)


def _annotations(plan: Plan) -> Iterator[Annotation]:
    for group in plan_view(plan, "", verbose=True).notices:
        for notice in group.items:
            if not notice.waived:
                yield "error" if group.risky else "warning", group.title, notice
