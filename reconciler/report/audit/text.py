"""An audit as plain text for a terminal."""

from __future__ import annotations

from reconciler.model.audit import Audit
from reconciler.report.audit.view import CASELOADS, audit_view
from reconciler.report.caseload.text import caseload_table
from reconciler.report.common.terminal import BOLD, Page
from reconciler.report.common.text import notices_lines


def render_text(audit: Audit, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render the verdict, the findings by seriousness and the caseloads; *verbose* names every learner."""
    page, view = Page(width, colour), audit_view(audit, verbose=verbose)
    lines = [*(page.paint(BOLD, line) for line in page.wrap(view.title)), *page.wrap(view.verdict, rest=2)]
    lines += [line for note in view.notes for line in page.wrap(note, rest=2)]
    lines += [line for group in view.notices for line in notices_lines(page, group)]
    lines += caseload_table(page, view.caseload, CASELOADS)
    if view.fine:
        lines += ["", *page.wrap(view.fine, rest=2)]
    return page.text(lines)
