"""An audit as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.audit import Audit
from reconciler.report.audit.view import CASELOADS, AuditView, audit_view
from reconciler.report.caseload.markdown import caseload_parts
from reconciler.report.common import truncate as fit
from reconciler.report.common.markdown import heading, notices_part, sentence
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part

FULL = "Everything is in the report as text or JSON: `reconciler audit --format json`."


def render_markdown(audit: Audit, *, limit: int = COMMENT_LIMIT, full_report: str = FULL, verbose: bool = False) -> str:
    """Render the report in at most *limit* bytes. Raises ValueError for a limit below SMALLEST_LIMIT."""
    fit.check_limit(limit)
    view = audit_view(audit, verbose=verbose)
    notes = "".join(f"- {sentence(note)}\n" for note in view.notes)
    opening = f"{heading(sentence(view.title), 2)}**{sentence(view.verdict)}**\n\n{notes}\n"
    return fit.fit(opening, list(_parts(view)), "", limit=limit, full_report=full_report)


def _parts(view: AuditView) -> Iterator[Part]:
    for group in view.notices:
        yield notices_part(group)
    yield from caseload_parts(view.caseload, heading(CASELOADS))
    if view.fine:
        yield Part((Item(f"{sentence(view.fine)}\n\n", fit.REST, "notes"),))
