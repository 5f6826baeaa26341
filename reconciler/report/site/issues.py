"""Rows of drift and manual steps, shared by the pages of a site."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reconciler.model.history import OpenIssue
from reconciler.model.names import Names
from reconciler.model.operations import step_id
from reconciler.report.common.words import age_words, holder_words, moment_words, removal_words, slot_words
from reconciler.report.html.bar_chart import age_chart
from reconciler.report.html.sections import Row, Section
from reconciler.report.site.frame import Frame


def step_rows(steps: Iterable[OpenIssue], names: Names) -> list[Row]:
    """Return a row for each manual step of one learner: what to do, since when, and how it was closed."""
    return [
        (
            step_id(step.learner, step.slot),
            removal_words(step.slot, step.holder, names),
            f"{step.first_seen:%Y-%m-%d}",
            f"{step.ended:%Y-%m-%d}" if step.ended else "open",
            step.ending,
        )
        for step in steps
    ]


def drift_section(frame: Frame) -> Section:
    """Return what was changed in OneFile and is still there, oldest first."""
    names, now = frame.centre.names, frame.centre.now
    issues = frame.centre.open_issues("drift")
    rows = [
        (
            frame.learner(issue.learner),
            slot_words(issue.slot, names),
            holder_words(issue.holder, names),
            holder_words(issue.due, names),
            f"{issue.first_seen:%Y-%m-%d}, {age_words(now - issue.first_seen)} ago",
            moment_words(issue.last_seen),
        )
        for issue in issues
    ]
    chart = age_chart([now - issue.first_seen for issue in issues]) if issues else ""
    columns = ("Learner", "Slot", "OneFile has", "Was applied", "First seen", "Last seen")
    return Section("Drift: changed in OneFile, not in the files", "", columns, rows, chart, sorts=True)


def steps_section(frame: Frame) -> Section:
    """Return what people must do in OneFile: as the reading shows, else as runs have found it, oldest first."""
    owner = frame.centre.declared.settings.step_owner
    rows = _planned_steps(frame) if frame.centre.plan else _open_steps(frame)
    words = f"For {owner}." if owner and rows else ""
    return Section("Open manual steps", words, ("Learner", "What to do in OneFile", "Since", "Step"), rows, sorts=True)


def _open_steps(frame: Frame) -> list[Row]:
    return [
        (
            frame.learner(step.learner),
            removal_words(step.slot, step.holder, frame.centre.names),
            _since(frame, step.first_seen),
            step_id(step.learner, step.slot),
        )
        for step in frame.centre.open_issues("step")
    ]


def _planned_steps(frame: Frame) -> list[Row]:
    steps = frame.centre.plan.manual if frame.centre.plan else ()
    return [
        (
            frame.learner(step.learner),
            removal_words(step.slot, step.holder, frame.centre.names),
            _since(frame, step.first_seen),
            step.id,
        )
        for step in steps
        if frame.may_see(step.learner)
    ]


def _since(frame: Frame, moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}, {age_words(frame.centre.now - moment)} ago" if moment else "found now"
