"""What an apply did as a person reads it, whatever became of the run; every format renders this and adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.operations import Outcome, State, addresses
from reconciler.model.plan import GitState, Plan
from reconciler.model.structs import Struct
from reconciler.problems import Problem
from reconciler.report.common.words import NOT_SHOWN, learner_words, operation_words
from reconciler.report.plan.view import ManualStep, Notice, Notices, manual_steps, problem_notice, waivers
from reconciler.text import number_of

ENDED_BY = "What ended the run"


class End(Struct, frozen=True):
    """One way in which operations end. `grave` needs somebody to look; `open` is neither done nor wrong."""

    state: State
    word: str
    title: str
    grave: bool = False
    open: bool = False


ENDS = (
    End(State.FAILED, "failed", "Failed", grave=True),
    End(
        State.UNKNOWN,
        "unknown",
        "Unknown: whether these took effect cannot be told; look in OneFile",
        grave=True,
    ),
    End(State.CONFLICT, "in conflict", "Conflict: OneFile moved since the plan, left alone; plan again", grave=True),
    End(State.SENT, "sent without an answer", "Sent, and no answer noted; the next run settles these", grave=True),
    End(State.INTENT, "begun", "Begun, and perhaps not sent; the next run settles these", grave=True),
    End(State.NOT_TRIED, "not tried", "Not tried", open=True),
    End(State.ALREADY_DONE, "already done", "Already done: the new holder was there before this run wrote"),
    End(State.DONE, "done", "Done"),
)
"""Worst first: the order of every report."""

_PROOFS = {"read_back": "read back", "unreadable": "not shown by OneFile, so not proven", "": "not read back"}


class EndRow(Struct, frozen=True):
    """One operation: to whom, what, what proves it (where it is done), and why it did not succeed."""

    who: str
    what: str
    cohort: str
    proof: str = ""
    detail: str = ""


class OutcomeView(Struct, frozen=True):
    """An apply's outcomes in words; nothing in it is escaped. `problems` are what ended the run early.

    The order in which reports tell it: the headline (`title`, `notes`, `calls`, `fingerprint`), what ended the run,
    the outcomes worst first, steps that are left to do by hand, what was set aside (`aside`), what exceptions
    let pass (`waived`).
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
    here: str = "",
) -> OutcomeView:
    """How each operation of a run ended; `problems` are what ended it early. `here` is the commit
    checked out where it was applied."""
    aside = plan.summary.blocked
    places = {change.address: (change.label, change.cohort) for change in plan.changes}
    groups = ((end, tuple(_rows(end, outcomes, plan, places))) for end in ENDS)
    return OutcomeView(
        title=_title(outcomes, run),
        target=plan.target,
        organisation=plan.organisation,
        run=run,
        fingerprint=fingerprint,
        notes=(*_unproven(outcomes), *_unapproved(plan.made_from, here)),
        calls=f"{number_of(spent_calls, 'call')} made",
        problems=tuple(map(problem_notice, problems)),
        groups=tuple((end, rows) for end, rows in groups if rows),
        manual=manual_steps(plan),
        aside=f"{number_of(aside, 'slot')} set aside and not written: reconciler plan says why" if aside else "",
        waived=waivers(plan),
    )


def _title(outcomes: Sequence[Outcome], run: int) -> str:
    ends = Counter(outcome.state for outcome in outcomes)
    listed = ", ".join(f"{ends[end.state]} {end.word}" for end in reversed(ENDS) if ends[end.state])
    return f"Run {run}: {listed or 'nothing to write'}"


def _unproven(outcomes: Sequence[Outcome]) -> Iterator[str]:
    written = [outcome for outcome in outcomes if outcome.state is State.DONE]
    if unproven := sum(outcome.proof != "read_back" for outcome in written):
        yield f"{unproven} of the {len(written)} done could not be read back, so nothing proves them yet"


def _unapproved(made_from: GitState, here: str) -> Iterator[str]:
    """What the commit of the plan's files, which the run records, does not say by itself."""
    commit = made_from.commit[:10]
    if made_from.uncommitted:
        yield f"Made with uncommitted changes: commit {commit} does not hold these files, so drift cannot go by it"
    elif commit and here not in ("", made_from.commit):
        yield f"The plan was made from commit {commit}, which drift goes by, and not from {here[:10]}, checked out here"
    elif here and not commit:
        yield "The plan does not say from which commit it was made, so drift cannot go by it"


def _rows(end: End, outcomes: Sequence[Outcome], plan: Plan, places: Mapping[str, tuple[str, str]]) -> Iterator[EndRow]:
    for outcome in outcomes:
        if outcome.state is end.state:
            operation = outcome.operation
            what = operation_words(operation, plan.handles)
            label, cohort = next((places[one] for one in addresses(operation) if one in places), ("", ""))
            yield EndRow(
                who=learner_words(operation.learner, label, plan.names),
                what=what,
                cohort=cohort,
                proof=_proof(outcome, what) if end.state is State.DONE else "",
                detail="" if end.state is State.DONE and outcome.proof == "unreadable" else outcome.detail,
            )


def _proof(outcome: Outcome, what: str) -> str:
    """That OneFile does not show a slot is said once: by the words for the write, where they say so."""
    return "so not proven" if outcome.proof == "unreadable" and NOT_SHOWN in what else _PROOFS[outcome.proof]
