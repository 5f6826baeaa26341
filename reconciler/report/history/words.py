"""Words of the history, shared by its formats; nothing is escaped here unless stated."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model.history import JournalRow, RunRow
from reconciler.model.operations import State
from reconciler.model.slots import UserId
from reconciler.report.common.escape import visible
from reconciler.report.common.words import learner_words, moment_words
from reconciler.report.history.rows import Labels
from reconciler.text import spaced

UNCOMMITTED = "with uncommitted changes"
"""Suffix of a run whose files were not those of the commit that it names."""
NO_RUNS = "No run has been recorded here yet."
NO_STEPS = "No manual step has been recorded here yet."
RUN_HEADINGS = ("run", "started (UTC)", "command", "target", "organisation", "exit", "who", "commit", "result")
SLOT_HEADINGS = ("learner", "slot", "before", "after", "outcome", "proof", "settled (UTC)")
STEP_HEADINGS = ("step", "learner", "what", "since", "closed", "how")
PROOFS = {"read_back": "read back", "unreadable": "not shown by OneFile"}


def no_runs_words(target: str | None, organisation: int | None, elsewhere: Sequence[str], no_store: str) -> str:
    """Return why there are no runs to list, and which targets have some."""
    if no_store:
        return f"No run has been recorded: there is no store at {no_store} yet."
    if organisation is not None and elsewhere:
        return f"No run for organisation {organisation}{f' to {target}' if target else ''} has been recorded."
    if target is None or not elsewhere:
        return NO_RUNS
    return f"No run to {target} has been recorded. There are runs to {', '.join(elsewhere)}."


def people_words(run: RunRow) -> str:
    """Return who asked for the run and, if it is known, who approved it: `sam, approved by ben`."""
    return run.who + (f", approved by {run.approved_by}" if run.approved_by else "")


def revert_words(run: RunRow) -> str:
    """Return `, to revert run 3`; empty if it reverted none."""
    return f", to revert run {run.reverts}" if run.reverts else ""


def plan_words(run: RunRow) -> str:
    """Return the fingerprint of the run's plan and when it was made; `(none)` without a plan."""
    made = f", plan made {moment_words(run.made)}" if run.made and run.fingerprint else ""
    return f"{run.fingerprint or '(none)'}{made}"


def summary_words(run: RunRow) -> str:
    """Return the counts of a run's operations, or why there are none; and the run that it reverted."""
    counts = ", ".join(f"{count} {spaced(state)}" for state, count in sorted(run.summary.items()))
    words = counts or ("nothing to write" if run.ended else unended_words(run))
    return f"{words}{revert_words(run)}"


def unended_words(run: RunRow) -> str:
    """Return the state of a run without a recorded end; the run that settled it is more reliable."""
    settled = run.settled_by
    return f"cut off; settled by run {settled}" if settled else "not ended: still running, or cut off"


def ending_words(row: JournalRow) -> str:
    """Return `done, read back`, with the recorded detail."""
    last = row.events[-1]
    words = spaced(row.state.value)
    words += f", {PROOFS[last.proof]}" if last.proof else ""
    known = row.state is State.DONE and last.proof == "unreadable"  # the detail repeats the proof
    return f"{words} ({last.detail})" if last.detail and not known else words


def unwritten_words(learner: UserId, labels: Labels) -> str:
    """Return the sentence on a learner without a recorded write, made visible."""
    named = learner_words(learner, labels.get(learner, ""))
    return f"No write to {visible(named)} is recorded here (OneFile id {learner})."
