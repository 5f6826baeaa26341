"""The caseload table as a section of an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.report.caseload.view import CaseloadLine
from reconciler.report.html.cells import mark
from reconciler.report.html.sections import Row, Section

_COLUMNS = ("Staff", "Learners", "Default", "Learning aim", "Unit", "Target", "Maximum", "Mark")


def caseload_section(lines: Sequence[CaseloadLine], title: str) -> Section:
    """Return each member of staff with learners by layer, target and maximum."""
    return Section(
        title,
        "",
        _COLUMNS,
        [_row(line) for line in lines],
    )


def _row(line: CaseloadLine) -> Row:
    holding = line.after
    counts = (holding.learners, holding.default, holding.learning_aim, holding.unit, line.target, line.maximum)
    numbers = ("" if count is None else str(count) for count in counts)
    return line.handle, *numbers, mark(line.mark, over=line.over)
