"""View model of an apply's outcomes: the words and order that every format renders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.model.operations import Outcome, State, addresses
from reconciler.model.plan import GitState, Plan
from reconciler.model.structs import Struct
from reconciler.problems import Problem
from reconciler.report.common.manual_steps import ManualStep, manual_steps
from reconciler.report.common.notices import Notice, Notices, problem_notice
from reconciler.report.common.words import learner_words, operation_words
from reconciler.report.plan.view import waivers
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.apply import ApplyResult

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
    """One operation: learner, change, proof if it is done, and why it did not succeed."""

    who: str
    what: str
    cohort: str
    proof: str = ""
    detail: str = ""


class OutcomeView(Struct, frozen=True):
    """An apply's outcomes in words; nothing in it is escaped. `problems` ended the run early.

    The order of reports: the headline (`title`, `notes`, `calls`, `fingerprint`), what ended the run, the outcomes
    worst first, open manual steps, what was set aside (`aside`), waived findings (`waived`).
    """

    title: str
    target: str
    organisation: int
    run: int
    fingerprint: str
    notes: tuple[str, ...]
    calls: str
    problems: tuple[Notice, ...]
    groups: tuple[tuple[End, tuple[EndRow, ...]], ...]
    manual: tuple[ManualStep, ...]
    aside: str
    waived: Notices


def outcome_view(
    plan: Plan,
    outcomes: Sequence[Outcome],
    *,
    fingerprint: str,
    run: int,
    spent_calls: int,
    problems: Sequence[Problem] = (),
    checked_out: str = "",
) -> OutcomeView:
    """Return the view of a run's outcomes.

    *problems* ended the run early; *checked_out* is the commit checked out where it was applied.
    """
    aside = plan.summary.blocked
    places = {change.address: (change.label, change.cohort) for change in plan.changes}
    groups = ((end, tuple(_rows(end, outcomes, plan, places))) for end in ENDS)
    return OutcomeView(
        title=_title(outcomes, run),
        target=plan.target,
        organisation=plan.organisation,
        run=run,
        fingerprint=fingerprint,
        notes=(*_unproven(outcomes), *_unapproved(plan.made_from, checked_out)),
        calls=f"{number_of(spent_calls, 'call')} made",
        problems=tuple(map(problem_notice, problems)),
        groups=tuple((end, rows) for end, rows in groups if rows),
        manual=manual_steps(plan),
        aside=f"{number_of(aside, 'slot')} set aside and not written: see reconciler plan" if aside else "",
        waived=waivers(plan),
    )


def applied_view(applied: ApplyResult) -> OutcomeView:
    """Return the view of what an apply that began did."""
    return outcome_view(
        applied.planned.plan,
        applied.outcomes,
        fingerprint=applied.planned.fingerprint,
        run=applied.run or 0,
        spent_calls=applied.spent_calls,
        problems=applied.error.problems if applied.error else (),
        checked_out=applied.here,
    )


def _title(outcomes: Sequence[Outcome], run: int) -> str:
    ends = Counter(outcome.state for outcome in outcomes)
    listed = ", ".join(f"{ends[end.state]} {end.word}" for end in reversed(ENDS) if ends[end.state])
    return f"Run {run}: {listed or 'nothing to write'}"


def _unproven(outcomes: Sequence[Outcome]) -> Iterator[str]:
    written = [outcome for outcome in outcomes if outcome.state is State.DONE]
    if unproven := sum(outcome.proof != "read_back" for outcome in written):
        yield f"{unproven} of the {len(written)} done cannot be verified"


def _unapproved(made_from: GitState, checked_out: str) -> Iterator[str]:
    """Yield why the run's commit is no baseline for drift, or is not the one checked out."""
    commit = made_from.commit[:10]
    if made_from.uncommitted:
        yield "Files had uncommitted changes, so this run is not a baseline for drift --correct. Commit and apply again"
    elif commit and checked_out not in ("", made_from.commit):
        yield f"This plan was made from commit {commit}, but {checked_out[:10]} is checked out"
    elif checked_out and not commit:
        yield "The plan names no commit, so this run is not a baseline for drift --correct"


def _rows(end: End, outcomes: Sequence[Outcome], plan: Plan, places: Mapping[str, tuple[str, str]]) -> Iterator[EndRow]:
    for outcome in outcomes:
        if outcome.state is end.state:
            operation = outcome.operation
            what = operation_words(operation, plan.handles)
            label, cohort = next((places[address] for address in addresses(operation) if address in places), ("", ""))
            yield EndRow(
                who=learner_words(operation.learner, label, plan.names),
                what=what,
                cohort=cohort,
                proof=_PROOFS[outcome.proof] if end.state is State.DONE else "",
                detail="" if end.state is State.DONE and outcome.proof == "unreadable" else outcome.detail,
            )
