"""View model of an apply's outcomes: the words and order that every format renders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.operations import Outcome, State, addresses, moves
from reconciler.model.plan import NO_WATCH, GitState, Plan, Watch, changes_of
from reconciler.model.structs import Struct
from reconciler.problems import Problem
from reconciler.report.common.grouping import Entry, grouped
from reconciler.report.common.manual_steps import ManualStep, manual_steps
from reconciler.report.common.notices import Notice, Notices, problem_notice
from reconciler.report.common.words import (
    detail_words,
    learner_words,
    moment_words,
    move_people,
    organisation_words,
    plan_names,
    slot_words,
    watched_words,
)
from reconciler.report.plan.view import waivers
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.apply_run import ApplyResult

ENDED_BY = "Run ended early"


class End(Struct, frozen=True):
    """One way in which operations end. `grave` needs attention; `open` is neither done nor wrong."""

    state: State
    word: str
    title: str
    grave: bool = False
    open: bool = False


ENDS = (
    End(State.FAILED, "failed", "Failed", grave=True),
    End(State.UNKNOWN, "unknown", "Unknown: these may have taken effect; look in OneFile", grave=True),
    End(
        State.CONFLICT, "in conflict", "Conflict: changed in OneFile since the plan, left alone; plan again", grave=True
    ),
    End(State.SENT, "sent without an answer", "Sent, no answer recorded; the next run settles these", grave=True),
    End(State.INTENT, "begun", "Begun, perhaps not sent; the next run settles these", grave=True),
    End(State.NOT_TRIED, "not tried", "Not tried", open=True),
    End(State.ALREADY_DONE, "already done", "Already done: the slot had the new holder before this run wrote"),
    End(State.DONE, "done", "Done"),
)
"""Worst first: the order of every report."""

_PROOFS = {"read_back": "read back", "unreadable": "not verified", "": "not read back"}


class EndRow(Struct, frozen=True):
    """One slot's outcome, or several that differ only in the learner: learners, change, and its proof or reason."""

    who: str
    what: str
    cohorts: tuple[str, ...]
    why: str = ""
    slots: int = 1
    learners: tuple[str, ...] = ()


class EndGroup(Struct, frozen=True):
    """The operations that ended in one way, by number and in rows."""

    end: End
    operations: int
    rows: tuple[EndRow, ...]

    @property
    def title(self) -> str:
        """The heading with the number of operations."""
        return f"{self.end.title} ({self.operations})"

    @property
    def needs_attention(self) -> bool:
        """True unless all is well."""
        return self.end.grave or self.end.open

    def reasons(self) -> str:
        """Return the number of slots by proof or reason: `31 read back, 25 not verified`."""
        counts: Counter[str] = Counter()
        for row in self.rows:
            counts[row.why] += row.slots
        return ", ".join(f"{count} {why}" for why, count in counts.most_common())


class OutcomeView(Struct, frozen=True):
    """An apply's outcomes in words; nothing in it is escaped. `problems` ended the run early.

    The order of reports: the headline (`title`, `unproven`, `notes`, `watched`, `calls`, `fingerprint`), what ended
    the run, the outcomes worst first, open manual steps, what was set aside (`aside`), waived findings (`waived`).
    """

    title: str
    target: str
    organisation: int
    run: int
    fingerprint: str
    writes: bool
    unproven: str
    notes: tuple[str, ...]
    calls: str
    problems: tuple[Notice, ...]
    groups: tuple[EndGroup, ...]
    manual: tuple[ManualStep, ...]
    aside: str
    waived: Notices
    watched: str = ""


def outcome_view(
    plan: Plan,
    outcomes: Sequence[Outcome],
    *,
    fingerprint: str,
    run: int,
    spent_calls: int,
    problems: Sequence[Problem] = (),
    checked_out: str = "",
    who: str = "",
    started: datetime | None = None,
    watch: Watch = NO_WATCH,
    verbose: bool = False,
) -> OutcomeView:
    """Return the view of a run's outcomes.

    *problems* ended the run early; *checked_out* is the commit checked out where it was applied; *who* asked for the
    run, which began at *started*; *watch* sorts the declared slots after it. With *verbose*, nothing is grouped.
    """
    aside = plan.summary.blocked
    changes = changes_of(plan.changes, {outcome.operation.learner for outcome in outcomes})
    places = {change.address: (change.label, change.cohort) for change in changes}
    groups = (_group(end, outcomes, plan, places, verbose) for end in ENDS)
    return OutcomeView(
        title=f"Run {run} on {plan.target}, {organisation_words(plan)}{_asked(who, started)}: {_counts(outcomes)}",
        target=plan.target,
        organisation=plan.organisation,
        run=run,
        fingerprint=fingerprint,
        writes=bool(plan.operations),
        unproven=_unproven(outcomes),
        notes=tuple(_unapproved(plan.made_from, checked_out)),
        calls=number_of(spent_calls, "call"),
        problems=tuple(map(problem_notice, problems)),
        groups=tuple(group for group in groups if group.operations),
        manual=manual_steps(plan),
        aside=f"{number_of(aside, 'slot')} set aside and not written: see reconciler plan" if aside else "",
        waived=waivers(plan),
        watched=watched_words(watch),
    )


def applied_view(applied: ApplyResult, *, verbose: bool = False) -> OutcomeView:
    """Return the view of what an apply that began did."""
    return outcome_view(
        applied.planned.plan,
        applied.outcomes,
        fingerprint=applied.planned.fingerprint,
        run=applied.run or 0,
        spent_calls=applied.spent_calls,
        problems=applied.error.problems if applied.error else (),
        checked_out=applied.here,
        who=applied.who,
        started=applied.started,
        watch=applied.watch,
        verbose=verbose,
    )


def _asked(who: str, started: datetime | None) -> str:
    return f", by {who}, {moment_words(started)}" if started else ""


def _counts(outcomes: Sequence[Outcome]) -> str:
    ends = Counter(outcome.state for outcome in outcomes)
    listed = ", ".join(f"{ends[end.state]} {end.word}" for end in reversed(ENDS) if ends[end.state])
    return listed or "nothing to write"


def _unproven(outcomes: Sequence[Outcome]) -> str:
    """Return how many writes cannot be verified; empty if none."""
    written = [outcome for outcome in outcomes if outcome.state is State.DONE]
    unproven = sum(outcome.proof != "read_back" for outcome in written)
    return f"{unproven} of the {len(written)} done cannot be verified" if unproven else ""


def _unapproved(made_from: GitState, checked_out: str) -> Iterator[str]:
    """Yield why the run's commit is no baseline for drift, or is not the one checked out."""
    commit = made_from.commit[:10]
    if made_from.uncommitted:
        yield "Files had uncommitted changes, so this run is not a baseline for drift --correct. Commit and apply again"
    elif commit and checked_out not in ("", made_from.commit):
        yield f"This plan was made from commit {commit}, but {checked_out[:10]} is checked out"
    elif checked_out and not commit:
        yield "The plan names no commit, so this run is not a baseline for drift --correct"


def _group(
    end: End, outcomes: Sequence[Outcome], plan: Plan, places: Mapping[str, tuple[str, str]], verbose: bool
) -> EndGroup:
    ours = [outcome for outcome in outcomes if outcome.state is end.state]
    entries = [entry for outcome in ours for entry in _entries(outcome, plan, places)]
    rows = (
        EndRow(group.who, group.what, group.cohorts, group.first.why, group.slots, group.names)
        for group in grouped(entries, verbose=verbose)
    )
    return EndGroup(end, len(ours), tuple(rows))


def _entries(outcome: Outcome, plan: Plan, places: Mapping[str, tuple[str, str]]) -> Iterator[Entry]:
    operation, names = outcome.operation, plan_names(plan)
    label, cohort = next((places[address] for address in addresses(operation) if address in places), ("", ""))
    who, why = learner_words(operation.learner, label, plan.names), _why(outcome)
    for slot, move in moves(operation):
        yield Entry(0, who, cohort, slot.kind, slot_words(slot, names), move_people(slot, move, names), why)


def _why(outcome: Outcome) -> str:
    """Return the proof of a write that is done, else the reason why it is not."""
    if outcome.state is not State.DONE:
        return detail_words(outcome)
    proof = _PROOFS[outcome.proof]
    return proof if outcome.proof == "unreadable" or not outcome.detail else f"{proof}: {outcome.detail}"
