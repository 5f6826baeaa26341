"""Runs and what each of them did as Markdown, for a ticket or a job summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from reconciler.model.history import JournalRow, OpenIssue, RunRow
from reconciler.model.operations import State, step_id, time_json
from reconciler.model.slots import UserId
from reconciler.report.common import truncate as fit
from reconciler.report.common.markdown import cell, heading, row, sentence, table_head, value
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.common.words import Handles, holder_words, learner_words, removal_words, slot_words
from reconciler.report.history.text import (
    PROOFS,
    UNCOMMITTED,
    Labels,
    Writes,
    steps_in_order,
    unended_words,
    unwritten,
    unwritten_words,
)

_RUNS = ("run", "started (UTC)", "command", "target", "exit", "who", "commit", "what came of it")
_SLOTS = ("learner", "slot", "before", "after", "outcome", "proof", "settled (UTC)")
_WRITES = ("when (UTC)", "run", "who", "commit", "learner", "slot", "before", "after", "outcome", "proof")
_DONE = (State.DONE, State.ALREADY_DONE)
FULL = "The text, JSON and CSV formats show everything."


def render_runs(runs: Sequence[RunRow], *, limit: int = COMMENT_LIMIT) -> str:
    """The runs in a table, newest first."""
    items = tuple(Item(_run(run), fit.REST, "runs") for run in runs)
    part = Part(items, table_head(_RUNS, ("run", "exit")), "\n", always=True)
    return fit.fit(heading("Runs", 2), [part], "", limit=limit, full_report=FULL)


def _run(run: RunRow) -> str:
    counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(run.summary.items()))
    came = counts or ("nothing to write" if run.ended else unended_words(run))
    ended = "" if run.exit_code is None else str(run.exit_code)
    started = f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M}"
    commit = _commit(run, run.commit[:10])
    return row((str(run.id), started, value(run.command), value(run.target), ended, value(run.who), commit, cell(came)))


def _commit(run: RunRow, named: str) -> str:
    return f"{value(named)} {UNCOMMITTED}" if run.uncommitted else value(named)


def render_run(
    run: RunRow, journal: Sequence[JournalRow], handles: Handles, labels: Labels, *, limit: int = COMMENT_LIMIT
) -> str:
    """One run's writes: what did not succeed first, then the rest in the order of writing."""
    facts = (
        f"Asked by {value(run.who)}, commit {_commit(run, run.commit) or 'none'}",
        f"Started {run.started.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        sentence(f"ended with exit {run.exit_code}" if run.ended else unended_words(run)),
        f"Fingerprint {value(run.fingerprint) or 'none'}",
    )
    title = heading(sentence(f"Run {run.id}: {run.command} to {run.target}, organisation {run.organisation}"), 2)
    opening = title + "".join(f"- {fact}\n" for fact in facts) + "\n"
    items = sorted((item for one in journal for item in _slots(one, handles, labels)), key=lambda item: item.tier)
    parts = [Part(tuple(items), table_head(_SLOTS), "\n", always=True)] if items else []
    return fit.fit(opening, parts, "" if items else "It wrote nothing.\n", limit=limit, full_report=FULL)


def render_writes(
    writes: Writes, asked: Sequence[UserId], handles: Handles, labels: Labels, *, limit: int = COMMENT_LIMIT
) -> str:
    """Every recorded write to the learners asked about in a table, newest first."""
    items = tuple(item for run, one in writes for item in _writes(run, one, handles, labels))
    never = "".join(f"- {sentence(unwritten_words(one, labels))}\n" for one in unwritten(writes, asked))
    parts = [Part(items, table_head(_WRITES, ("run",)), "\n", always=True)] if items else []
    return fit.fit(heading("Writes", 2), parts, never, limit=limit, full_report=FULL)


def _writes(run: RunRow, one: JournalRow, handles: Handles, labels: Labels) -> list[Item]:
    commit = _commit(run, run.commit[:10])
    when = f"{one.events[-1].at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    told = (when, str(run.id), value(run.who), commit)
    return [Item(row((*told, *cells)), fit.REST, "writes") for cells in _cells(one, handles, labels)]


def render_steps(steps: Sequence[OpenIssue], handles: Handles, labels: Labels, *, limit: int = COMMENT_LIMIT) -> str:
    """Steps by hand in a table, open ones first."""
    items = tuple(
        Item(
            row(
                (
                    value(step_id(one.learner, one.slot)),
                    value(learner_words(one.learner, labels.get(one.learner, ""))),
                    cell(removal_words(one.slot, one.holder, handles)),
                    cell(time_json(one.first_seen) or ""),
                    cell(time_json(one.ended) or "open"),
                    cell(one.ending),
                )
            ),
            fit.REST if one.ended else fit.BY_HAND,
            "steps by hand",
        )
        for one in steps_in_order(steps)
    )
    opening = heading("Steps by hand", 2) if steps else "No step by hand has been found here yet.\n"
    part = Part(items, table_head(("step", "learner", "what", "since", "closed", "how")), "\n", always=True)
    return fit.fit(opening, [part] if steps else [], "", limit=limit, full_report=FULL)


def _slots(one: JournalRow, handles: Handles, labels: Labels) -> list[Item]:
    settled = f"{one.events[-1].at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    tier, outcome = fit.REST if one.state in _DONE else fit.GRAVE, one.state.value.replace("_", " ")
    return [Item(row((*cells, settled)), tier, outcome) for cells in _cells(one, handles, labels)]


def _cells(one: JournalRow, handles: Handles, labels: Labels) -> list[tuple[str, ...]]:
    """Of each slot of an operation: learner, slot, before, after, outcome and proof."""
    last, learner = one.events[-1], one.operation.learner
    outcome = one.state.value.replace("_", " ")
    told = f"{outcome}: {last.detail}" if last.detail else outcome
    called = f"{learner} {value(labels[learner])}" if learner in labels else str(learner)
    return [
        (
            called,
            cell(slot_words(slot)),
            cell(holder_words(move.before, handles)),
            cell(holder_words(move.after, handles)),
            cell(told),
            PROOFS.get(last.proof, ""),
        )
        for slot, move in one.operation.moves
    ]
