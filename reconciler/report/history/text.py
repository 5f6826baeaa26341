"""Runs and what each of them did, as evidence: text for people, JSON and CSV for whoever asks for a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from itertools import groupby
from typing import Any

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.operations import State, holder_json, step_id, time_json
from reconciler.model.slots import Handle, UserId
from reconciler.report.common.escape import visible
from reconciler.report.common.words import holder_words, learner_words, move_words, removal_words, slot_words

_WIDEST = 24  # characters of a target in the list: a name, or the beginning of an address
UNCOMMITTED = "with uncommitted changes"
"""Of a run whose files were not those of the commit that it names."""
Handles = Mapping[UserId, Handle]
Labels = Mapping[UserId, str]
Row = dict[str, Any]
RUN_COLUMNS: Sequence[str] = [
    "run",
    "started",
    "ended",
    "command",
    "target",
    "organisation",
    "who",
    "commit",
    "uncommitted_changes",
    "fingerprint",
    "exit_code",
    "settled_by",
]
WRITE_COLUMNS: Sequence[str] = [
    "run",
    "operation",
    "address",
    "learner_id",
    "label",
    "slot",
    "before",
    "before_staff",
    "after",
    "after_staff",
    "outcome",
    "proof",
    "detail",
    "sent",
    "settled",
    "method",
    "path",
    "body",
    "who",
    "commit",
    "uncommitted_changes",
    "fingerprint",
]
STEP_COLUMNS: Sequence[str] = [
    "step",
    "address",
    "learner_id",
    "holder",
    "holder_staff",
    "first_seen",
    "last_seen",
    "closed",
    "how",
]
"""What a table has at the least, also one without a row."""


def runs_as_rows(runs: Iterable[RunRow]) -> list[Row]:
    """One row per run, as given (newest first). `exit_code` is null for a run that was cut off or still goes on."""
    return [
        {
            "run": run.id,
            "started": time_json(run.started),
            "ended": time_json(run.ended),
            "command": run.command,
            "target": run.target,
            "organisation": run.organisation,
            "who": run.who,
            "commit": run.commit,
            "uncommitted_changes": run.uncommitted,
            "fingerprint": run.fingerprint,
            "exit_code": run.exit_code,
            "settled_by": run.settled_by,
            **{f"operations_{state}": count for state, count in sorted(run.summary.items())},
        }
        for run in runs
    ]


def run_as_rows(run: RunRow, journal: Sequence[JournalRow], handles: Handles, labels: Labels) -> list[Row]:
    """One row per slot that an operation wrote or meant to write, in the order of writing."""
    return [line for row in journal for line in slot_rows(run, row, handles, labels)]


def slot_rows(run: RunRow, row: JournalRow, handles: Handles, labels: Labels) -> list[Row]:
    """The slots of one operation, each with all that is known of it."""
    return [
        {
            "run": run.id,
            "operation": row.operation.id,
            "address": slot.address(row.operation.learner),
            "learner_id": row.operation.learner,
            "label": labels.get(row.operation.learner, ""),
            "slot": slot_words(slot),
            "before": holder_json(move.before),
            "before_staff": holder_words(move.before, handles),
            "after": move.after,
            "after_staff": holder_words(move.after, handles),
            "outcome": row.state.value,
            "proof": row.events[-1].proof,
            "detail": row.events[-1].detail,
            "sent": time_json(next((event.at for event in row.events if event.state == "sent"), None)),
            "settled": time_json(row.events[-1].at),
            "method": row.operation.method,
            "path": row.operation.path,
            "body": dict(row.operation.body),
            "who": run.who,
            "commit": run.commit,
            "uncommitted_changes": run.uncommitted,
            "fingerprint": run.fingerprint,
        }
        for slot, move in row.operation.moves
    ]


def steps_in_order(steps: Iterable[OpenIssue]) -> list[OpenIssue]:
    """Open ones first, then the closed ones, newest first."""
    return sorted(steps, key=lambda step: (step.ended is not None, -step.id))


def steps_as_rows(steps: Iterable[OpenIssue], handles: Handles) -> list[Row]:
    """One row per step by hand; how each was closed."""
    return [
        {
            "step": step_id(step.learner, step.slot),
            "address": step.slot.address(step.learner),
            "learner_id": step.learner,
            "holder": holder_json(step.holder),
            "holder_staff": holder_words(step.holder, handles),
            "first_seen": time_json(step.first_seen),
            "last_seen": time_json(step.last_seen),
            "closed": time_json(step.ended),
            "how": step.ending,
        }
        for step in steps_in_order(steps)
    ]


def steps_as_text(steps: Sequence[OpenIssue], handles: Handles, labels: Labels) -> str:
    if not steps:
        return "No step by hand has been found here yet.\n"
    lines = []
    for step in steps_in_order(steps):
        who = learner_words(step.learner, labels.get(step.learner, ""))
        what = removal_words(step.slot, step.holder, handles)
        lines.append(visible(f"{step_id(step.learner, step.slot)}  {who}: {what}"))
        closed = f"closed {time_json(step.ended)}: {visible(step.ending)}" if step.ended else "open"
        lines.append(f"    since {time_json(step.first_seen)}, last seen {time_json(step.last_seen)}, {closed}")
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[Row]) -> str:
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """These columns, also where there is no row, and every other that any row has. A cell that a spreadsheet would
    take for a formula starts with a quote."""
    columns = list(dict.fromkeys((*columns, *(column for row in rows for column in row))))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def runs_as_text(runs: Sequence[RunRow]) -> str:
    wide = min(max(len("target"), *(len(visible(run.target)) for run in runs)), _WIDEST)
    lines = [
        f"{'run':>5}  {'started (UTC)':16}  {'command':8}  {'target':{wide}}  {'exit':>4}  {'who':16}  {'commit':10}  "
        "what came of it"
    ]
    for run in runs:
        counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(run.summary.items()))
        ended = str(run.exit_code) if run.exit_code is not None else "-"
        came = counts or ("nothing to write" if run.ended else unended_words(run))
        came += f" ({UNCOMMITTED})" if run.uncommitted else ""
        lines.append(
            f"{run.id:>5}  {run.started.astimezone(UTC):%Y-%m-%d %H:%M}  {run.command:8}  "
            f"{visible(run.target)[:wide]:{wide}}  {ended:>4}  "
            f"{visible(run.who)[:16]:16}  {run.commit[:10] or '-':10}  {came}"
        )
    return "\n".join(lines) + "\n"


def unended_words(run: RunRow) -> str:
    """Of a run that noted no end: the next one knows better than its own journal."""
    settled = run.settled_by
    return f"cut off; settled by run {settled}" if settled else "not ended: it runs, or was cut off"


def run_as_text(run: RunRow, journal: Sequence[JournalRow], handles: Handles, labels: Labels) -> str:
    ended = f"ended {time_json(run.ended)} with exit {run.exit_code}" if run.ended else unended_words(run)
    lines = [
        f"Run {run.id}: {run.command} to {visible(run.target)}, organisation {run.organisation}",
        f"Asked by {visible(run.who)}, commit {run.commit or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}",
        f"Started {time_json(run.started)}, {ended}",
        f"Fingerprint {run.fingerprint or '(none)'}",
        "",
    ]
    for row in journal:
        called = f" ({visible(labels[row.operation.learner])})" if row.operation.learner in labels else ""
        for slot, move in row.operation.moves:
            lines.append(f"learner {row.operation.learner}{called}: {visible(move_words(slot, move, handles))}")
        lines.append(f"    {row.operation.method} {row.operation.path}  {json.dumps(dict(row.operation.body))}")
        for event in row.events:
            proof = {"read_back": ", read back", "unreadable": ", not shown by OneFile"}.get(event.proof, "")
            detail = f": {visible(event.detail)}" if event.detail else ""
            lines.append(f"    {time_json(event.at)}  {event.state.value.replace('_', ' ')}{proof}{detail}")
    if not journal:
        lines.append("It wrote nothing.")
    return "\n".join(lines) + "\n"


Writes = Sequence[tuple[RunRow, JournalRow]]
PROOFS = {"read_back": "read back", "unreadable": "not shown by OneFile"}
COLUMNS = (*WRITE_COLUMNS, "command", "target", "organisation")


def writes_as_rows(writes: Writes, handles: Handles, labels: Labels) -> list[Row]:
    """One row per slot that was written or meant to be."""
    return [
        {**row, "command": run.command, "target": run.target, "organisation": run.organisation}
        for run, one in writes
        for row in slot_rows(run, one, handles, labels)
    ]


def writes_as_text(writes: Writes, asked: Sequence[UserId], handles: Handles, labels: Labels) -> str:
    """Each run with its writes below it; whoever was asked about and never written is named last."""
    lines: list[str] = []
    for (number, learner), rows in groupby(writes, key=lambda one: (one[0].id, one[1].operation.learner)):
        found = list(rows)
        run = found[0][0]
        commit = f"{run.commit[:10] or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}"
        lines.append(
            f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M} UTC  run {number}, {run.command} to {visible(run.target)}, "
            f"asked by {visible(run.who)}, commit {commit}"
        )
        lines.append(f"  {visible(learner_words(learner, labels.get(learner, '')))}, OneFile id {learner}")
        for _, row in found:
            lines += [f"    {visible(move_words(slot, move, handles))}" for slot, move in row.operation.moves]
            lines.append(f"        {visible(ending_words(row))}, {row.events[-1].at.astimezone(UTC):%H:%M:%S}")
    lines += [unwritten_words(one, labels) for one in unwritten(writes, asked)]
    return "\n".join(lines) + "\n"


def ending_words(row: JournalRow) -> str:
    """`done, read back`; with what was noted."""
    last = row.events[-1]
    words = row.state.value.replace("_", " ")
    words += f", {PROOFS[last.proof]}" if last.proof else ""
    said = row.state is State.DONE and last.proof == "unreadable"  # the proof's words say all of it
    return f"{words} ({last.detail})" if last.detail and not said else words


def unwritten(writes: Writes, asked: Sequence[UserId]) -> list[UserId]:
    written = {row.operation.learner for _, row in writes}
    return [one for one in asked if one not in written]


def unwritten_words(learner: UserId, labels: Labels) -> str:
    named = learner_words(learner, labels.get(learner, ""))
    return f"No write to {visible(named)} is recorded here (OneFile id {learner})."
