"""Pages of runs: the list, and of each run every slot that it wrote or meant to write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC

from reconciler.model.history import JournalRow, RunRow
from reconciler.model.slots import UserId
from reconciler.report.common.words import holder_words, moment_words, slot_words
from reconciler.report.history.words import (
    NO_RUNS,
    PROOFS,
    UNCOMMITTED,
    people_words,
    plan_words,
    revert_words,
    summary_words,
    unended_words,
)
from reconciler.report.html.cells import folded
from reconciler.report.html.sections import Row, Section
from reconciler.report.site.frame import RUNS, Frame
from reconciler.text import number_of, spaced

_COLUMNS = ("Run", "Started (UTC)", "Command", "Asked by", "Commit", "Result", "Exit")


def runs_section(frame: Frame, title: str, runs: Sequence[RunRow]) -> Section:
    """Return the runs, newest first."""
    rows = [
        (
            frame.run(run),
            f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M}",
            run.command,
            run.who,
            run.commit[:10] + (f" {UNCOMMITTED}" if run.uncommitted else ""),
            summary_words(run),
            "" if run.exit_code is None else str(run.exit_code),
        )
        for run in runs
    ]
    return Section(title, "" if rows else NO_RUNS, _COLUMNS, rows, sorts=True)


def runs_page(frame: Frame) -> str:
    """Render the list of all runs."""
    return frame.page("Runs", [runs_section(frame, "", frame.centre.runs)], place=RUNS)


def run_page(frame: Frame, run: RunRow, journal: Sequence[JournalRow]) -> str:
    """Render one run; slots that differ only in the learner are one row."""
    rows = _rows(frame, journal)
    facts = [
        ("Started", moment_words(run.started)),
        ("Ended", f"{moment_words(run.ended)}, exit {run.exit_code}" if run.ended else unended_words(run)),
        ("Asked by", people_words(run)),
        ("Commit", (run.commit or "(none)") + (f" {UNCOMMITTED}" if run.uncommitted else "")),
        ("Fingerprint", plan_words(run)),
        ("Result", summary_words(run)),
    ]
    columns = ("Slot", "Before", "After", "Learners", "Outcome", "Proof", "Settled (UTC)")
    section = Section("What it wrote", "" if rows else "It wrote nothing.", columns, rows)
    title = f"Run {run.id}: {run.command} to {run.target}{revert_words(run)}"
    return frame.page(title, [section], place=RUNS, facts=facts)


def _rows(frame: Frame, journal: Sequence[JournalRow]) -> list[Row]:
    names = frame.centre.names
    groups: dict[tuple[str, ...], list[JournalRow]] = defaultdict(list)
    for row in journal:
        last = row.events[-1]
        outcome = spaced(row.state.value) + (f": {last.detail}" if last.detail else "")
        for slot, move in row.operation.moves:
            people = (holder_words(move.before, names), holder_words(move.after, names))
            groups[slot_words(slot, names), *people, outcome, PROOFS.get(last.proof, "")].append(row)
    return [
        (what, before, after, _learners(frame, [row.operation.learner for row in group]), outcome, proof, _when(group))
        for (what, before, after, outcome, proof), group in groups.items()
    ]


def _learners(frame: Frame, users: Sequence[UserId]) -> str:
    learners = [frame.learner(user) for user in dict.fromkeys(users)]
    return folded(number_of(len(learners), "learner"), learners)


def _when(rows: Sequence[JournalRow]) -> str:
    first, last = (
        f"{pick(row.events[-1].at for row in rows).astimezone(UTC):%Y-%m-%d %H:%M:%S}" for pick in (min, max)
    )
    return first if first == last else f"{first} to {last[11:]}"
