"""An audit as an HTML page."""

from __future__ import annotations

from reconciler.model.audit import Audit
from reconciler.report.audit.view import CASELOADS, audit_view
from reconciler.report.caseload.html import caseload_section
from reconciler.report.html.sections import Section, SectionedPage, render_sections


def render_html(audit: Audit, *, verbose: bool = False) -> str:
    """Render the verdict, the findings by seriousness and the caseloads; *verbose* names every learner."""
    view = audit_view(audit, verbose=verbose)
    sections = [
        *(Section(notices=[group]) for group in view.notices),
        caseload_section(view.caseload, CASELOADS),
        Section("What is in order", view.fine),
    ]
    lead = " ".join(view.notes)
    return render_sections(SectionedPage(view.title, sections, lead=lead, verdict=view.verdict, signed=True))
