"""Runs, writes and manual steps as plain text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from itertools import groupby

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.model.operations import step_id, time_json
from reconciler.model.slots import UserId
from reconciler.report.common.escape import visible
from reconciler.report.common.words import learner_words, move_words, removal_words
from reconciler.report.history.rows import Labels, Writes, steps_in_order
from reconciler.report.history.words import (
    NO_STEPS,
    PROOFS,
    UNCOMMITTED,
    ending_words,
    no_runs_words,
    summary_words,
    unended_words,
    unwritten,
    unwritten_words,
)
from reconciler.text import spaced

_WIDEST = 24  # characters of a target in the list: a name, or the beginning of an address


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
    runs: Sequence[RunRow], *, target: str | None = None, elsewhere: Sequence[str] = (), no_store: str = ""
) -> str:
    """Render a table of runs, newest first; without runs, why there are none."""
    if not runs:
        return f"{no_runs_words(target, elsewhere, no_store)}\n"
    wide = min(max(len("target"), *(len(visible(run.target)) for run in runs)), _WIDEST)
    lines = [
        f"{'run':>5}  {'started (UTC)':16}  {'command':8}  {'target':{wide}}  {'exit':>4}  {'who':16}  {'commit':10}  "
        "result"
    ]
    for run in runs:
        ended = str(run.exit_code) if run.exit_code is not None else "-"
        result = summary_words(run) + (f" ({UNCOMMITTED})" if run.uncommitted else "")
        lines.append(
            f"{run.id:>5}  {run.started.astimezone(UTC):%Y-%m-%d %H:%M}  {run.command:8}  "
            f"{visible(run.target)[:wide]:{wide}}  {ended:>4}  "
            f"{visible(run.who)[:16]:16}  {run.commit[:10] or '-':10}  {result}"
        )
    return "\n".join(lines) + "\n"


def render_run(run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels) -> str:
    """Render one run with every slot that it wrote and what was recorded of it."""
    ended = f"ended {time_json(run.ended)} with exit {run.exit_code}" if run.ended else unended_words(run)
    lines = [
        f"Run {run.id}: {run.command} to {visible(run.target)}, organisation {run.organisation}",
        f"Asked by {visible(run.who)}, commit {run.commit or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}",
        f"Started {time_json(run.started)}, {ended}",
        f"Fingerprint {run.fingerprint or '(none)'}",
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


def render_writes(writes: Writes, learners: Sequence[UserId], names: Names, labels: Labels) -> str:
    """Render each run with its writes to these learners; learners without a write come last."""
    lines: list[str] = []
    for (number, learner), rows in groupby(writes, key=lambda write: (write[0].id, write[1].operation.learner)):
        group = list(rows)
        run = group[0][0]
        commit = f"{run.commit[:10] or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}"
        lines.append(
            f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M} UTC  run {number}, {run.command} to {visible(run.target)}, "
            f"asked by {visible(run.who)}, commit {commit}"
        )
        lines.append(f"  {visible(learner_words(learner, labels.get(learner, '')))}, OneFile id {learner}")
        for _, row in group:
            lines += [f"    {visible(move_words(slot, move, names))}" for slot, move in row.operation.moves]
            lines.append(f"        {visible(ending_words(row))}, {row.events[-1].at.astimezone(UTC):%H:%M:%S}")
    lines += [unwritten_words(learner, labels) for learner in unwritten(writes, learners)]
    return "\n".join(lines) + "\n"
