"""A plan as JSON, the format of saved plans."""

from __future__ import annotations

from reconciler.model.plan import Plan
from reconciler.plan.document import dumps, to_document


def render_json(plan: Plan, *, full_rows: bool = True) -> str:
    """Render the plan as it is saved; unless `full_rows`, with compact rows of what does not change."""
    return dumps(to_document(plan, full=full_rows))
