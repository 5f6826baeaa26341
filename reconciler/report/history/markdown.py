"""Runs, writes and manual steps as Markdown, for a ticket or a job summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.model.operations import State, step_id, time_json
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import prose
from reconciler.report.common.markdown import cell, heading, row, sentence, table_head, value
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.common.words import holder_words, learner_words, removal_words, slot_words
from reconciler.report.history.rows import Labels, steps_in_order
from reconciler.report.history.timeline import COLUMNS, timeline_entries, unknown_learners
from reconciler.report.history.words import (
    NO_STEPS,
    PROOFS,
    RUN_HEADINGS,
    SLOT_HEADINGS,
    STEP_HEADINGS,
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

_DONE = (State.DONE, State.ALREADY_DONE)
FULL = "The text, JSON and CSV formats show everything."


def render_runs(
    runs: Sequence[RunRow],
    *,
    target: str | None = None,
    organisation: int | None = None,
    elsewhere: Sequence[str] = (),
    no_store: str = "",
    limit: int = COMMENT_LIMIT,
) -> str:
    """Render a table of runs, newest first; without runs, why there are none."""
    if not runs:
        return f"{prose(no_runs_words(target, organisation, elsewhere, no_store))}\n"
    items = tuple(Item(_run(run), fit.REST, "runs") for run in runs)
    part = Part(items, table_head(RUN_HEADINGS, ("run", "exit")), "\n", always=True)
    return fit.fit(heading("Runs", 2), [part], "", limit=limit, full_report=FULL)


def _run(run: RunRow) -> str:
    ended = "" if run.exit_code is None else str(run.exit_code)
    started = f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M}"
    commit = _commit(run, run.commit[:10])
    return row(
        (
            str(run.id),
            started,
            value(run.command),
            value(run.target),
            str(run.organisation),
            ended,
            value(run.who),
            commit,
            cell(summary_words(run)),
        )
    )


def _commit(run: RunRow, commit: str) -> str:
    return f"{value(commit)} {UNCOMMITTED}" if run.uncommitted else value(commit)


def render_run(
    run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels, *, limit: int = COMMENT_LIMIT
) -> str:
    """Render one run's writes: those that did not succeed first, then the rest in the order of writing."""
    facts = (
        f"Asked by {sentence(people_words(run))}, commit {_commit(run, run.commit) or 'none'}",
        f"Started {run.started.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        sentence(f"ended with exit {run.exit_code}" if run.ended else unended_words(run)),
        f"Fingerprint {sentence(plan_words(run))}",
    )
    title = heading(
        sentence(f"Run {run.id}: {run.command} to {run.target}, organisation {run.organisation}{revert_words(run)}"), 2
    )
    opening = title + "".join(f"- {fact}\n" for fact in facts) + "\n"
    items = sorted((item for entry in journal for item in _slots(entry, names, labels)), key=lambda item: item.tier)
    parts = [Part(tuple(items), table_head(SLOT_HEADINGS), "\n", always=True)] if items else []
    return fit.fit(opening, parts, "" if items else "It wrote nothing.\n", limit=limit, full_report=FULL)


def render_timeline(timeline: Timeline, *, limit: int = COMMENT_LIMIT) -> str:
    """Render each event of these learners in a table, newest first."""
    rows = [cells for entry in timeline_entries(timeline) for cells in entry.cells]
    items = tuple(Item(row((*map(value, cells[:6]), *map(cell, cells[6:]))), fit.REST, "events") for cells in rows)
    unknown = unknown_learners(timeline)
    never = "".join(f"- {sentence(unwritten_words(learner, timeline.known.labels))}\n" for learner in unknown)
    parts = [Part(items, table_head(COLUMNS, ("run",)), "\n", always=True)] if items else []
    return fit.fit(heading("Timeline", 2), parts, never, limit=limit, full_report=FULL)


def render_steps(steps: Sequence[OpenIssue], names: Names, labels: Labels, *, limit: int = COMMENT_LIMIT) -> str:
    """Render manual steps in a table, open ones first."""
    items = tuple(
        Item(
            row(
                (
                    value(step_id(step.learner, step.slot)),
                    value(learner_words(step.learner, labels.get(step.learner, ""))),
                    cell(removal_words(step.slot, step.holder, names)),
                    cell(time_json(step.first_seen) or ""),
                    cell(time_json(step.ended) or "open"),
                    cell(step.ending),
                )
            ),
            fit.REST if step.ended else fit.BY_HAND,
            "manual steps",
        )
        for step in steps_in_order(steps)
    )
    opening = heading("Manual steps", 2) if steps else f"{NO_STEPS}\n"
    part = Part(items, table_head(STEP_HEADINGS), "\n", always=True)
    return fit.fit(opening, [part] if steps else [], "", limit=limit, full_report=FULL)


def _slots(entry: JournalRow, names: Names, labels: Labels) -> list[Item]:
    settled = f"{entry.events[-1].at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    tier, outcome = fit.REST if entry.state in _DONE else fit.GRAVE, spaced(entry.state.value)
    return [Item(row((*cells, settled)), tier, outcome) for cells in _cells(entry, names, labels)]


def _cells(entry: JournalRow, names: Names, labels: Labels) -> list[tuple[str, ...]]:
    """Return learner, slot, before, after, outcome and proof of each slot of an operation."""
    last, learner = entry.events[-1], entry.operation.learner
    outcome = spaced(entry.state.value)
    result = f"{outcome}: {last.detail}" if last.detail else outcome
    name = f"{learner} {value(labels[learner])}" if learner in labels else str(learner)
    return [
        (
            name,
            cell(slot_words(slot, names)),
            cell(holder_words(move.before, names)),
            cell(holder_words(move.after, names)),
            cell(result),
            PROOFS.get(last.proof, ""),
        )
        for slot, move in entry.operation.moves
    ]
