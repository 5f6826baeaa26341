"""Report of validate: counts of the declared state, and its caseloads, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reconciler.model.plan import CaseloadRow
from reconciler.model.structs import Struct, asdict
from reconciler.problems import Problem
from reconciler.report.caseload.text import caseload_table
from reconciler.report.caseload.view import caseload_line
from reconciler.report.common import truncate as fit
from reconciler.report.common.terminal import Page
from reconciler.report.problems.json import problem_json

TITLE = "Declared caseloads"


class Declaration(Struct, frozen=True):
    """Counts by noun; `caseload` is None unless requested, and has equal numbers before and after."""

    day: date
    counts: Mapping[str, int]
    warnings: tuple[Problem, ...]
    caseload: tuple[CaseloadRow, ...] | None = None

    def sentence(self) -> str:
        """Return the counts as a sentence."""
        counted = (f"{count} {what.removesuffix('s') if count == 1 else what}" for what, count in self.counts.items())
        return f"Valid on {self.day}: {', '.join(counted)}."


def render_text(declaration: Declaration, *, colour: bool = False, width: int = 100) -> str:
    """Render the counts and caseloads."""
    page = Page(width, colour)
    lines = [caseload_line(row) for row in declaration.caseload or ()]
    return page.text([*page.wrap(declaration.sentence(), rest=2), *caseload_table(page, lines, TITLE)])


def render_markdown(declaration: Declaration, *, limit: int = fit.COMMENT_LIMIT) -> str:
    """Render the counts, caseloads and warnings in at most *limit* bytes."""
    from reconciler.report.caseload.markdown import caseload_parts  # loading takes longer than checking a small cohort
    from reconciler.report.common.markdown import heading, problems_part

    lines = [caseload_line(row) for row in declaration.caseload or ()]
    opening = heading(declaration.sentence(), 2)
    parts = list(caseload_parts(lines, heading(TITLE)))
    if declaration.warnings:
        parts.append(problems_part(declaration.warnings, "Warnings", fit.WARNS))
    return fit.fit(opening, parts, "", limit=limit, full_report="The text format shows everything.")


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
