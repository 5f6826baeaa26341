"""A plan as JSON, the format of saved plans."""

from __future__ import annotations

from reconciler.model.plan import Plan
from reconciler.plan.document import document_texts
from reconciler.report.common.pieces import Pieces


def render_json(plan: Plan, *, full_rows: bool = True) -> Pieces:
    """Render the plan as it is saved; unless `full_rows`, with compact rows of what does not change."""
    return Pieces(lambda: document_texts(plan, full=full_rows))
