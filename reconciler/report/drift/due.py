"""Due changes in drift reports: what a run applied because its day has come, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.model.operations import Outcome, State
from reconciler.plan.drift import DriftReport
from reconciler.report.common.markdown import cell, heading, notice_entry, row, table_head, value
from reconciler.report.common.notices import Notices, problem_notice
from reconciler.report.common.terminal import GREEN, YELLOW, Page
from reconciler.report.common.truncate import ASIDE, GRAVE, Item, Part
from reconciler.report.common.words import operation_words, plan_names
from reconciler.report.drift.words import who_words
from reconciler.report.outcome.json import outcome_json
from reconciler.report.problems.json import problem_json
from reconciler.text import spaced

_WAITING = "Due by date, and waiting for a person"


def _title(report: DriftReport) -> str:
    return f"Applied because their day has come, in run {report.due_run} ({len(report.due_outcomes)})"


def due_lines(page: Page, report: DriftReport) -> Iterator[str]:
    """Yield the due changes for a terminal."""
    if report.due_outcomes:
        yield from page.title(_title(report), GREEN)
    for outcome in report.due_outcomes:
        name, what, end = _words(outcome, report)
        yield from page.wrap(f"{name}: {what}: {end}", first=2)
    if report.due_waiting:
        yield from page.title(f"{_WAITING} ({len(report.due_waiting)})", YELLOW)
    for problem in report.due_waiting:
        yield from page.notice(problem.place(), problem.what, problem.fix)


def due_rows(report: DriftReport) -> tuple[str, list[tuple[str, str, str]], Notices]:
    """Return the title and the rows of the due changes that were applied, and those that wait for a person."""
    waiting = Notices(_WAITING, "", tuple(map(problem_notice, report.due_waiting)), risky=True)
    return _title(report), [_words(outcome, report) for outcome in report.due_outcomes], waiting


def due_parts(report: DriftReport) -> Iterator[Part]:
    """Yield the due changes for Markdown."""
    if report.due_outcomes:
        items = tuple(Item(_row(outcome, report), GRAVE, "due changes") for outcome in report.due_outcomes)
        yield Part(items, heading(_title(report)) + table_head(("learner", "change", "result")), "\n", always=True)
    if report.due_waiting:
        items = tuple(
            Item(notice_entry(problem_notice(problem)), ASIDE, "due changes") for problem in report.due_waiting
        )
        yield Part(items, heading(f"{_WAITING} ({len(items)})"), "\n", always=True)


def due_json(report: DriftReport) -> dict[str, Any]:
    """Return the keys of the JSON document about due changes."""
    return {
        "due_run": report.due_run,
        "due_outcomes": [outcome_json(outcome) for outcome in report.due_outcomes],
        "due_waiting": [problem_json(problem) for problem in report.due_waiting],
    }


def _row(outcome: Outcome, report: DriftReport) -> str:
    name, what, end = _words(outcome, report)
    return row((value(name), cell(what), cell(end)))


def _words(outcome: Outcome, report: DriftReport) -> tuple[str, str, str]:
    operation = outcome.operation
    labels = {change.learner: change.label for change in report.plan.changes}
    end = spaced(outcome.state.value) if outcome.state is not State.DONE else "done"
    name = who_words(report, operation.learner, labels.get(operation.learner, ""))
    what = operation_words(operation, plan_names(report.plan))
    return name, what, f"{end}: {outcome.detail}" if outcome.detail else end
