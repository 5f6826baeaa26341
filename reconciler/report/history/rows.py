"""Runs, writes and manual steps as rows of values, for JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.model.operations import holder_json, step_id, time_json
from reconciler.model.slots import UserId
from reconciler.report.common.words import holder_words, slot_words

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
    "approved_by",
    "commit",
    "uncommitted_changes",
    "fingerprint",
    "exit_code",
    "settled_by",
    "plan_made",
    "reverts",
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
    "approved_by",
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
LEARNER_COLUMNS = (*WRITE_COLUMNS, "command", "target", "organisation", "event", "at", "until")
"""Columns of each table, present also without rows."""

Writes = Sequence[tuple[RunRow, JournalRow]]


def runs_as_rows(runs: Iterable[RunRow]) -> list[Row]:
    """Return one row per run, as given; `exit_code` is null for a run that was cut off or is still running."""
    return [
        {
            "run": run.id,
            "started": time_json(run.started),
            "ended": time_json(run.ended),
            "command": run.command,
            "target": run.target,
            "organisation": run.organisation,
            "who": run.who,
            "approved_by": run.approved_by,
            "commit": run.commit,
            "uncommitted_changes": run.uncommitted,
            "fingerprint": run.fingerprint,
            "exit_code": run.exit_code,
            "settled_by": run.settled_by,
            "plan_made": time_json(run.made),
            "reverts": run.reverts,
            **{f"operations_{state}": count for state, count in sorted(run.summary.items())},
        }
        for run in runs
    ]


def run_as_rows(run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels) -> list[Row]:
    """Return one row per slot that a run wrote or meant to write, in the order of writing."""
    return [row for entry in journal for row in slot_rows(run, entry, names, labels)]


def slot_rows(run: RunRow, entry: JournalRow, names: Names, labels: Labels) -> list[Row]:
    """Return one row per slot of an operation, with everything recorded of it."""
    return [
        {
            "run": run.id,
            "operation": entry.operation.id,
            "address": slot.address(entry.operation.learner),
            "learner_id": entry.operation.learner,
            "label": labels.get(entry.operation.learner, ""),
            "slot": slot_words(slot, names),
            "before": holder_json(move.before),
            "before_staff": holder_words(move.before, names),
            "after": move.after,
            "after_staff": holder_words(move.after, names),
            "outcome": entry.state.value,
            "proof": entry.events[-1].proof,
            "detail": entry.events[-1].detail,
            "sent": time_json(next((event.at for event in entry.events if event.state == "sent"), None)),
            "settled": time_json(entry.events[-1].at),
            "method": entry.operation.method,
            "path": entry.operation.path,
            "body": dict(entry.operation.body),
            "who": run.who,
            "approved_by": run.approved_by,
            "commit": run.commit,
            "uncommitted_changes": run.uncommitted,
            "fingerprint": run.fingerprint,
        }
        for slot, move in entry.operation.moves
    ]


def steps_in_order(steps: Iterable[OpenIssue]) -> list[OpenIssue]:
    """Sort open steps before closed ones, newest first."""
    return sorted(steps, key=lambda step: (step.ended is not None, -step.id))


def steps_as_rows(steps: Iterable[OpenIssue], names: Names) -> list[Row]:
    """Return one row per manual step, with how it was closed."""
    return [
        {
            "step": step_id(step.learner, step.slot),
            "address": step.slot.address(step.learner),
            "learner_id": step.learner,
            "holder": holder_json(step.holder),
            "holder_staff": holder_words(step.holder, names),
            "first_seen": time_json(step.first_seen),
            "last_seen": time_json(step.last_seen),
            "closed": time_json(step.ended),
            "how": step.ending,
        }
        for step in steps_in_order(steps)
    ]
