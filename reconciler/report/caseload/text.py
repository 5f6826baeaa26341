"""The caseload table in plain text."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.report.caseload.view import CaseloadLine
from reconciler.report.common.terminal import RED, YELLOW, Page

_HEAD = ("staff", "learners", "", "default", "learning aim", "unit", "target", "max")


def caseload_table(page: Page, lines: Sequence[CaseloadLine], title: str) -> list[str]:
    """Return the heading and the table; nothing without lines."""
    if not lines:
        return []
    marks = [(RED if line.over else YELLOW, line.mark) for line in lines]
    return [*page.title(title), *page.table(_HEAD, [_cells(line) for line in lines], marks)]


def _cells(line: CaseloadLine) -> tuple[str, ...]:
    return (
        line.handle,
        _from_to(line.before.learners, line.after.learners),
        f"{line.gain:+d}" if line.gain else "",
        _from_to(line.before.default, line.after.default),
        _from_to(line.before.learning_aim, line.after.learning_aim),
        _from_to(line.before.unit, line.after.unit),
        "" if line.target is None else str(line.target),
        "" if line.maximum is None else str(line.maximum),
    )


def _from_to(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} -> {after}"
