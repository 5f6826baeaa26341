"""Runs, timelines and manual steps as HTML pages, to hand over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.names import Names
from reconciler.model.operations import step_id, time_json
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
from reconciler.report.html.sections import Section, SectionedPage, render_sections
from reconciler.text import spaced

if TYPE_CHECKING:
    from reconciler.commands.history import Timeline


def render_timeline(timeline: Timeline) -> str:
    """Render each event of these learners, newest first."""
    labels = timeline.known.labels
    names = ", ".join(learner_words(learner, labels.get(learner, "")) for learner in timeline.learners)
    rows = [cells for entry in timeline_entries(timeline) for cells in entry.cells]
    notes = [unwritten_words(learner, labels) for learner in unknown_learners(timeline)]
    return _page(f"Timeline of {names}", COLUMNS, rows, notes)


def render_runs(
    runs: Sequence[RunRow],
    *,
    target: str | None = None,
    organisation: int | None = None,
    elsewhere: Sequence[str] = (),
    no_store: str = "",
) -> str:
    """Render the runs, newest first; without runs, why there are none."""
    rows = [
        (
            str(run.id),
            f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M}",
            run.command,
            run.target,
            str(run.organisation),
            "" if run.exit_code is None else str(run.exit_code),
            run.who,
            run.commit[:10] + (f" {UNCOMMITTED}" if run.uncommitted else ""),
            summary_words(run),
        )
        for run in runs
    ]
    return _page("Runs", RUN_HEADINGS, rows, [] if runs else [no_runs_words(target, organisation, elsewhere, no_store)])


def render_run(run: RunRow, journal: Sequence[JournalRow], names: Names, labels: Labels) -> str:
    """Render one run with every slot that it wrote or meant to write."""
    ended = f"Ended with exit {run.exit_code}" if run.ended else unended_words(run)
    notes = [
        f"Asked by {people_words(run)}, commit {run.commit or '(none)'}{f' {UNCOMMITTED}' if run.uncommitted else ''}",
        f"Started {time_json(run.started)}. {ended}",
        f"Fingerprint {plan_words(run)}",
    ]
    rows = [
        (
            learner_words(row.operation.learner, labels.get(row.operation.learner, "")),
            slot_words(slot, names),
            holder_words(move.before, names),
            holder_words(move.after, names),
            spaced(row.state.value) + (f": {row.events[-1].detail}" if row.events[-1].detail else ""),
            PROOFS.get(row.events[-1].proof, ""),
            f"{row.events[-1].at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        )
        for row in journal
        for slot, move in row.operation.moves
    ]
    title = f"Run {run.id}: {run.command} to {run.target}, organisation {run.organisation}{revert_words(run)}"
    return _page(title, SLOT_HEADINGS, rows, notes if rows else [*notes, "It wrote nothing."])


def render_steps(steps: Sequence[OpenIssue], names: Names, labels: Labels) -> str:
    """Render each manual step, open ones first."""
    rows = [
        (
            step_id(step.learner, step.slot),
            learner_words(step.learner, labels.get(step.learner, "")),
            removal_words(step.slot, step.holder, names),
            time_json(step.first_seen) or "",
            time_json(step.ended) or "open",
            step.ending,
        )
        for step in steps_in_order(steps)
    ]
    return _page("Manual steps", STEP_HEADINGS, rows, [] if rows else [NO_STEPS])


def _page(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    words = [Section("", note) for note in notes]
    return render_sections(SectionedPage(title, [*words, Section("", "", columns, rows)]))
