"""Every recorded write to a learner's slots, newest first: who changed what, when, in which run, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from itertools import groupby

from reconciler.model import UserId
from reconciler.operations import State
from reconciler.report.escape import visible
from reconciler.report.history import UNCOMMITTED, WRITE_COLUMNS, Handles, Labels, Row, slot_rows
from reconciler.report.words import learner_words, move_words
from reconciler.store.rows import JournalRow, RunRow

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
