"""Runs, writes and manual steps as plain text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.model.operations import step_id, time_json
from reconciler.report.common.escape import visible
from reconciler.report.common.words import learner_words, move_words, removal_words
from reconciler.report.history.rows import Labels, steps_in_order
from reconciler.report.history.timeline import timeline_entries, unknown_learners
from reconciler.report.history.words import (
    NO_STEPS,
    PROOFS,
    UNCOMMITTED,
    no_runs_words,
    people_words,
    plan_words,
    revert_words,
    summary_words,
    unended_words,
    unwritten_words,
)
from reconciler.text import spaced

if TYPE_CHECKING:
    from reconciler.commands.history import Timeline

_WIDEST = 40
"""Characters of a target in the list of runs."""


def render_steps(steps: Sequence[OpenIssue], names: Names, labels: Labels) -> str:
    """Render each manual step, open ones first."""
    if not steps:
        return f"{NO_STEPS}\n"
    lines = []
    for step in steps_in_order(steps):
        who = learner_words(step.learner, labels.get(step.learner, ""))
        what = removal_words(step.slot, step.holder, names)
        lines.append(visible(f"{step_id(step.learner, step.slot)}  {who}: {what}"))
        closed = f"closed {time_json(step.ended)}: {visible(step.ending)}" if step.ended else "open"
        lines.append(f"    since {time_json(step.first_seen)}, last seen {time_json(step.last_seen)}, {closed}")
    return "\n".join(lines) + "\n"


def render_runs(
    runs: Sequence[RunRow],
    *,
    target: str | None = None,
    organisation: int | None = None,
    elsewhere: Sequence[str] = (),
    no_store: str = "",
) -> str:
    """Render a table of runs, newest first; without runs, why there are none."""
    if not runs:
        return f"{no_runs_words(target, organisation, elsewhere, no_store)}\n"
    wide = min(max(len("target"), *(len(visible(run.target)) for run in runs)), _WIDEST)
    lines = [
        f"{'run':>5}  {'started (UTC)':16}  {'command':8}  {'target':{wide}}  {'organisation':>12}  {'exit':>4}  "
        f"{'who':16}  {'commit':10}  result"
    ]
    for run in runs:
        ended = str(run.exit_code) if run.exit_code is not None else "-"
        result = summary_words(run) + (f" ({UNCOMMITTED})" if run.uncommitted else "")
        lines.append(
            f"{run.id:>5}  {run.started.astimezone(UTC):%Y-%m-%d %H:%M}  {run.command:8}  "
            f"{_cut(run.target, wide):{wide}}  {run.organisation:>12}  {ended:>4}  "
            f"{_cut(run.who, 16):16}  {run.commit[:10] or '-':10}  {result}"
        )
    return "\n".join(lines) + "\n"


def render_run(run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels) -> str:
    """Render one run with every slot that it wrote and what was recorded of it."""
    ended = f"ended {time_json(run.ended)} with exit {run.exit_code}" if run.ended else unended_words(run)
    lines = [
        f"Run {run.id}: {run.command} to {visible(run.target)}, organisation {run.organisation}{revert_words(run)}",
        f"Asked by {visible(people_words(run))}, {_commit(run)}",
        f"Started {time_json(run.started)}, {ended}",
        f"Fingerprint {plan_words(run)}",
        "",
    ]
    for row in journal:
        label = f" ({visible(labels[row.operation.learner])})" if row.operation.learner in labels else ""
        for slot, move in row.operation.moves:
            lines.append(f"learner {row.operation.learner}{label}: {visible(move_words(slot, move, names))}")
        lines.append(f"    {row.operation.method} {row.operation.path}  {json.dumps(dict(row.operation.body))}")
        for event in row.events:
            proof = f", {PROOFS[event.proof]}" if event.proof else ""
            detail = f": {visible(event.detail)}" if event.detail else ""
            lines.append(f"    {time_json(event.at)}  {spaced(event.state.value)}{proof}{detail}")
    if not journal:
        lines.append("It wrote nothing.")
    return "\n".join(lines) + "\n"


def _commit(run: RunRow) -> str:
    return f"commit {run.commit or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}"


def render_timeline(timeline: Timeline) -> str:
    """Render each run and issue of these learners, newest first; learners of whom nothing is known come last."""
    lines: list[str] = []
    for entry in timeline_entries(timeline):
        lines.append(visible(f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC  {entry.title}"))
        lines += [visible(line) for line in entry.lines]
    lines += [unwritten_words(learner, timeline.known.labels) for learner in unknown_learners(timeline)]
    return "\n".join(lines) + "\n"


def _cut(text: str, width: int) -> str:
    """Return a text of at most this width, with a sign where it is cut."""
    shown = visible(text)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"
