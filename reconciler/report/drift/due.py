"""Due changes in drift reports: what a run applied because its day has come, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.plan.drift import DriftReport
from reconciler.report.common.grouping import Group
from reconciler.report.common.markdown import cell, heading, notices_part, row, table_head, who_cell
from reconciler.report.common.notices import Notices, plan_notices
from reconciler.report.common.terminal import GREEN, Page
from reconciler.report.common.text import notices_lines
from reconciler.report.common.truncate import GRAVE, Item, Part
from reconciler.report.drift.rows import due_rows
from reconciler.report.outcome.json import outcome_json
from reconciler.report.problems.json import problem_json

_WAITING = "Due by date, and waiting for a person"


def due_title(report: DriftReport) -> str:
    """Return the heading of the due changes that were applied."""
    return f"Applied because their day has come, in run {report.due_run} ({len(report.due_outcomes)})"


def due_lines(page: Page, report: DriftReport, verbose: bool) -> Iterator[str]:
    """Yield the due changes for a terminal."""
    if report.due_outcomes:
        yield from page.title(due_title(report), GREEN)
    for group in due_rows(report, verbose=verbose):
        yield from page.wrap(f"{group.who}: {group.what}: {group.first.why}", first=2)
    if report.due_waiting:
        yield from notices_lines(page, due_notices(report, verbose))


def due_notices(report: DriftReport, verbose: bool) -> Notices:
    """Return the due changes that wait for a person."""
    return Notices(_WAITING, "due changes", plan_notices(report.plan, report.due_waiting), risky=True, verbose=verbose)


def due_parts(report: DriftReport, verbose: bool) -> Iterator[Part]:
    """Yield the due changes for Markdown."""
    if report.due_outcomes:
        items = tuple(
            Item(_row(group), GRAVE, "due changes", group.slots) for group in due_rows(report, verbose=verbose)
        )
        yield Part(items, heading(due_title(report)) + table_head(("learner", "change", "result")), "\n", always=True)
    if report.due_waiting:
        yield notices_part(due_notices(report, verbose))


def due_json(report: DriftReport) -> dict[str, Any]:
    """Return the keys of the JSON document about due changes."""
    return {
        "due_run": report.due_run,
        "due_outcomes": [outcome_json(outcome) for outcome in report.due_outcomes],
        "due_waiting": [problem_json(problem) for problem in report.due_waiting],
    }


def _row(group: Group) -> str:
    return row((who_cell(group.who, group.names), cell(group.what), cell(group.first.why)))
