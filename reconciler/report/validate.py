"""Report of validate: counts of the declared state, and its caseloads, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.model.plan import CaseloadRow
from reconciler.model.structs import asdict
from reconciler.report.caseload.text import caseload_table
from reconciler.report.caseload.view import caseload_line
from reconciler.report.common import truncate as fit
from reconciler.report.common.line_links import NO_LINKS, LineLinks
from reconciler.report.common.terminal import Page
from reconciler.report.problems.json import problem_json
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.validate import Declaration, FileCheck
    from reconciler.report.common.annotations import Workspace

TITLE = "Declared caseloads"


def _sentence(declaration: Declaration) -> str:
    counts = declaration.counts.items()
    counted = (f"{count} {what.removesuffix('s') if count == 1 else what}" for what, count in counts)
    return f"Valid on {declaration.day}: {', '.join(counted)}."


def render_text(declaration: Declaration, *, colour: bool = False, width: int = 100) -> str:
    """Render the counts and caseloads."""
    page = Page(width, colour)
    lines = [caseload_line(row) for row in declaration.caseload or ()]
    return page.text([*page.wrap(_sentence(declaration), rest=2), *caseload_table(page, lines, TITLE)])


def render_markdown(declaration: Declaration, *, limit: int = fit.COMMENT_LIMIT, links: LineLinks = NO_LINKS) -> str:
    """Render the counts, caseloads and warnings in at most *limit* bytes."""
    from reconciler.report.caseload.markdown import caseload_parts  # loading takes longer than checking a small cohort
    from reconciler.report.common.markdown import heading, problems_part

    lines = [caseload_line(row) for row in declaration.caseload or ()]
    opening = heading(_sentence(declaration), 2)
    parts = list(caseload_parts(lines, heading(TITLE)))
    if declaration.warnings:
        parts.append(problems_part(declaration.warnings, "Warnings", fit.WARNS))
    return fit.fit(opening, parts, "", limit=limit, full_report="The text format shows everything.", links=links)


def render_html(declaration: Declaration) -> str:
    """Render the counts, caseloads and warnings as a page."""
    from reconciler.report.caseload.html import caseload_section
    from reconciler.report.common.notices import Notices, problem_notice
    from reconciler.report.html.sections import Section, SectionedPage, render_sections

    sections = [caseload_section([caseload_line(row) for row in declaration.caseload or ()], TITLE)]
    if declaration.warnings:
        warnings = tuple(map(problem_notice, declaration.warnings))
        sections.append(Section(notices=[Notices("Warnings", "warnings", warnings)]))
    return render_sections(SectionedPage("Declared state", sections, verdict=_sentence(declaration)))


def render_files(check: FileCheck) -> str:
    """Render that these files have no problem, and if others have."""
    lines = [f"Valid: {number_of(len(check.files), 'file')}."]
    if check.elsewhere:
        others = number_of(check.elsewhere, "problem")
        lines.append(f"Other files of the state folder have {others}: see reconciler validate.")
    return "".join(f"{line}\n" for line in lines)


def render_files_html(check: FileCheck) -> str:
    """Render the same as a page."""
    from reconciler.report.html.sections import SectionedPage, render_sections

    return render_sections(SectionedPage("Declared files", (), verdict=render_files(check).strip()))


def render_files_json(check: FileCheck) -> str:
    """Render the same for pipelines."""
    document = {
        "files": [file.as_posix() for file in check.files],
        "warnings": len(check.warnings),
        "problems": [problem_json(problem) for problem in check.warnings],
        "problems_elsewhere": check.elsewhere,
    }
    return json.dumps(document) + "\n"


def render_annotations(declaration: Declaration | FileCheck, workspace: Workspace) -> str:
    """Render the warnings as annotations of a forge."""
    from reconciler.report.problems import annotations

    return annotations.render_annotations(declaration.warnings, workspace)


def render_json(declaration: Declaration) -> str:
    """Render the counts, problems and caseloads for pipelines."""
    document: dict[str, Any] = {
        "day": declaration.day.isoformat(),
        **declaration.counts,
        "warnings": len(declaration.warnings),
        "problems": [problem_json(problem) for problem in declaration.warnings],
    }
    if declaration.caseload is not None:
        document["caseload"] = _caseload_json(declaration.caseload)
    return json.dumps(document) + "\n"


def _caseload_json(rows: Sequence[CaseloadRow]) -> list[dict[str, Any]]:
    return [
        {"staff": row.handle, "staff_id": row.staff, **asdict(row.after), "target": row.target, "max": row.maximum}
        for row in rows
    ]
