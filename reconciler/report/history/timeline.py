"""View of a learner's timeline: one entry per run or issue, newest first, with table rows for each slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.operations import holder_json, step_id, time_json
from reconciler.model.slots import UserId
from reconciler.model.structs import Struct
from reconciler.report.common.words import (
    age_words,
    holder_words,
    learner_words,
    move_words,
    removal_words,
    slot_words,
)
from reconciler.report.history.rows import Row, slot_rows
from reconciler.report.history.words import PROOFS, UNCOMMITTED, ending_words, people_words, revert_words
from reconciler.text import spaced

if TYPE_CHECKING:
    from reconciler.commands.history import RecordedSlot, Timeline

COLUMNS = ("when (UTC)", "event", "run", "who", "commit", "learner", "slot", "before", "after", "outcome", "proof")
_EVENTS = {"drift": "drift", "step": "manual step", "fight": "correction conflict"}
Cells = tuple[str, ...]


class Entry(Struct, frozen=True):
    """One entry: a heading with its lines for text, the same as table cells, and as rows for programs."""

    at: datetime
    title: str
    lines: tuple[str, ...]
    cells: tuple[Cells, ...]
    rows: tuple[Row, ...]


def timeline_entries(timeline: Timeline) -> list[Entry]:
    """Return the entries, newest first."""
    return sorted(_entries(timeline), key=lambda entry: entry.at, reverse=True)


def unknown_learners(timeline: Timeline) -> list[UserId]:
    """Return the learners of whom nothing is recorded."""
    known = {row.operation.learner for _, row in timeline.writes}
    known |= {slot.learner for slot in timeline.recorded} | {issue.learner for issue in timeline.issues}
    return [learner for learner in timeline.learners if learner not in known]


def _entries(timeline: Timeline) -> Iterator[Entry]:
    runs: dict[tuple[int, UserId], Entry] = {}
    for key, group in groupby(timeline.writes, key=lambda write: (write[0].id, write[1].operation.learner)):
        writes = list(group)
        runs[key] = _written(writes[0][0], [row for _, row in writes], timeline)
    recorded = sorted(timeline.recorded, key=lambda slot: (slot.run.id, slot.learner))
    for key, seen in groupby(recorded, key=lambda slot: (slot.run.id, slot.learner)):
        entry = _recorded(list(seen), timeline)
        runs[key] = _joined(runs[key], entry) if key in runs else entry
    yield from runs.values()
    for issue in timeline.issues:
        yield _issue(issue, timeline)


def _joined(written: Entry, seen: Entry) -> Entry:
    """Return one entry for what a run wrote and what it saw of one learner."""
    return Entry(
        written.at,
        written.title,
        (*written.lines, *seen.lines[1:]),
        (*written.cells, *seen.cells),
        (*written.rows, *seen.rows),
    )


def _title(run: RunRow) -> str:
    commit = f"{run.commit[:10] or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}"
    return (
        f"run {run.id}, {run.command} to {run.target}{revert_words(run)}, asked by {people_words(run)}, commit {commit}"
    )


def _name(learner: UserId, timeline: Timeline) -> str:
    return f"{learner_words(learner, timeline.known.labels.get(learner, ''))}, OneFile id {learner}"


def _run_cells(at: datetime, event: str, run: RunRow, learner: UserId) -> Cells:
    return _minute(at), event, str(run.id), run.who, run.commit[:10], str(learner)


def _written(run: RunRow, rows: Sequence[JournalRow], timeline: Timeline) -> Entry:
    names, labels, learner = timeline.known.names, timeline.known.labels, rows[0].operation.learner
    lines = [f"  {_name(learner, timeline)}"]
    for row in rows:
        lines += [f"    {move_words(slot, move, names)}" for slot, move in row.operation.moves]
        lines.append(f"        {ending_words(row)}, {row.events[-1].at.astimezone(UTC):%H:%M:%S}")
    cells = [
        (
            *_run_cells(row.events[-1].at, "write", run, learner),
            slot_words(slot, timeline.known.names),
            holder_words(move.before, names),
            holder_words(move.after, names),
            spaced(row.state.value) + (f": {row.events[-1].detail}" if row.events[-1].detail else ""),
            PROOFS.get(row.events[-1].proof, ""),
        )
        for row in rows
        for slot, move in row.operation.moves
    ]
    facts = {"command": run.command, "target": run.target, "event": "write"}
    programs = [
        {
            **slot,
            **facts,
            "organisation": row.operation.organisation or run.organisation,
            "at": time_json(row.events[-1].at),
        }
        for row in rows
        for slot in slot_rows(run, row, names, labels)
    ]
    return Entry(run.started, _title(run), tuple(lines), tuple(cells), tuple(programs))


def _recorded(slots: Sequence[RecordedSlot], timeline: Timeline) -> Entry:
    run, learner, names = slots[0].run, slots[0].learner, timeline.known.names
    event = "reported by a person" if run.command == "done" else "seen as declared"
    lines = [f"  {_name(learner, timeline)}"]
    lines += [
        f"    {event}: {slot_words(slot.slot, timeline.known.names)}: {holder_words(slot.staff, names)}"
        for slot in slots
    ]
    cells = [
        (
            *_run_cells(slot.at, event, run, learner),
            slot_words(slot.slot, timeline.known.names),
            "",
            holder_words(slot.staff, names),
            event,
            "",
        )
        for slot in slots
    ]
    rows = [
        {
            **_slot_row(slot.learner, slot, timeline),
            "run": run.id,
            "after": slot.staff,
            "after_staff": holder_words(slot.staff, names),
            "outcome": event.replace(" ", "_"),
            "who": run.who,
            "approved_by": run.approved_by,
            "commit": run.commit,
            "uncommitted_changes": run.uncommitted,
            "command": run.command,
            "target": run.target,
            "organisation": run.organisation,
            "event": "recorded",
            "at": time_json(slot.at),
        }
        for slot in slots
    ]
    return Entry(slots[0].at, _title(run), tuple(lines), tuple(cells), tuple(rows))


def _issue(issue: OpenIssue, timeline: Timeline) -> Entry:
    names, event = timeline.known.names, _EVENTS[issue.matter]
    age = age_words((issue.ended or timeline.now) - issue.first_seen)
    state = f"ended {_minute(issue.ended)} UTC after {age}: {issue.ending}" if issue.ended else f"open for {age}"
    match issue.matter:
        case "step":
            what = f"{removal_words(issue.slot, issue.holder, names)} (step {step_id(*issue.place)})"
        case "drift":
            holders = f"OneFile has {holder_words(issue.holder, names)}, {holder_words(issue.due, names)} was applied"
            what = f"{slot_words(issue.slot, timeline.known.names)}: {holders}"
        case _:
            what = f"{slot_words(issue.slot, timeline.known.names)}: corrected again and again; a person must answer"
    cells = (
        _minute(issue.first_seen),
        event,
        "",
        "",
        "",
        str(issue.learner),
        slot_words(issue.slot, timeline.known.names),
        holder_words(issue.holder, names),
        holder_words(issue.due, names) if issue.matter == "drift" else "",
        state,
        "",
    )
    row = {
        **_slot_row(issue.learner, issue, timeline),
        "before": holder_json(issue.holder),
        "before_staff": holder_words(issue.holder, names),
        "after": issue.due,
        "after_staff": holder_words(issue.due, names),
        "outcome": "ended" if issue.ended else "open",
        "detail": issue.ending,
        "event": event.replace(" ", "_"),
        "at": time_json(issue.first_seen),
        "until": time_json(issue.ended),
    }
    lines = (f"  {_name(issue.learner, timeline)}", f"    {what}", f"        {state}")
    return Entry(issue.first_seen, event, lines, (cells,), (row,))


def _slot_row(learner: UserId, slot: RecordedSlot | OpenIssue, timeline: Timeline) -> dict[str, Any]:
    return {
        "address": slot.slot.address(learner),
        "learner_id": learner,
        "label": timeline.known.labels.get(learner, ""),
        "slot": slot_words(slot.slot, timeline.known.names),
    }


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
