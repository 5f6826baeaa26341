"""What the declared state amounts to, once it is found to be sound: counts, and whose caseload it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reconciler.model.plan import CaseloadRow
from reconciler.model.structs import Struct, asdict
from reconciler.problems import Problem
from reconciler.report.common import truncate as fit
from reconciler.report.common.terminal import Page
from reconciler.report.outcome.json import problem_json
from reconciler.report.plan.text import caseload_table
from reconciler.report.plan.view import caseload_line

TITLE = "Declared caseloads"


class Declaration(Struct, frozen=True):
    """Counts by what is counted; `caseload` is None where nobody asked for it, and before equals after in it."""

    day: date
    counts: Mapping[str, int]
    warnings: tuple[Problem, ...]
    caseload: tuple[CaseloadRow, ...] | None = None

    def sentence(self) -> str:
        counted = (f"{count} {what.removesuffix('s') if count == 1 else what}" for what, count in self.counts.items())
        return f"Valid on {self.day}: {', '.join(counted)}."


def render_text(declaration: Declaration, *, colour: bool = False, width: int = 100) -> str:
    page = Page(width, colour)
    lines = [caseload_line(row) for row in declaration.caseload or ()]
    return page.text([*page.wrap(declaration.sentence(), rest=2), *caseload_table(page, lines, TITLE)])


def render_markdown(declaration: Declaration, *, limit: int = fit.COMMENT_LIMIT) -> str:
    from reconciler.report.common.markdown import (
        heading,  # takes longer to load than a small cohort to check
        problems_part,
    )
    from reconciler.report.plan.markdown import caseload_parts

    lines = [caseload_line(row) for row in declaration.caseload or ()]
    opening = heading(declaration.sentence(), 2)
    parts = list(caseload_parts(lines, heading(TITLE)))
    if declaration.warnings:
        parts.append(problems_part(declaration.warnings, "Warnings", fit.WARNS))
    return fit.fit(opening, parts, "", limit=limit, full_report="The text format shows everything.")


def render_json(declaration: Declaration) -> str:
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
