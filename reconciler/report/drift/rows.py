"""Rows of a drift report: slots that differ only in the learner are one row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.model.operations import Outcome, State, moves
from reconciler.model.plan import Change
from reconciler.plan.drift import Drifted, DriftReport
from reconciler.report.common.grouping import Entry, Group, grouped
from reconciler.report.common.words import change_mark, change_people, detail_words, move_people, plan_names, slot_words
from reconciler.report.drift.words import labels_of, moved_people, seen_words, waiting_details, who_words
from reconciler.text import spaced

_CORRECTED: Mapping[State, str] = {State.DONE: "corrected", State.ALREADY_DONE: "already back"}


def drift_rows(slots: Sequence[Drifted], report: DriftReport, *, verbose: bool = False) -> tuple[Group, ...]:
    """Group drifted slots; `why` says since when the drift is known, and what will happen."""
    names = plan_names(report.plan)
    return grouped(
        [
            Entry(
                0,
                who_words(report, drifted.change.learner, drifted.change.label),
                drifted.change.cohort,
                drifted.change.slot.kind,
                slot_words(drifted.change.slot, names),
                moved_people(drifted, report),
                seen_words(drifted, report),
                source=drifted.change.source,
            )
            for drifted in slots
        ],
        verbose=verbose,
    )


def waiting_rows(changes: Iterable[Change], report: DriftReport, *, verbose: bool = False) -> tuple[Group, ...]:
    """Group changes that wait; those changed in OneFile too come first, because they displace a person."""
    names = plan_names(report.plan)
    ordered = sorted(changes, key=lambda change: report.moved_too(change) is None)
    return grouped(
        [
            Entry(
                int(report.moved_too(change) is None),
                who_words(report, change.learner, change.label),
                change.cohort,
                change.slot.kind,
                slot_words(change.slot, names),
                change_people(change, names),
                waiting_details(change, report),
                change_mark(change),
                change.source,
            )
            for change in ordered
        ],
        verbose=verbose,
    )


def correction_rows(outcomes: Iterable[Outcome], report: DriftReport, *, verbose: bool = False) -> tuple[Group, ...]:
    """Group corrections; `why` says how they ended."""
    return _outcome_rows(outcomes, report, _CORRECTED, verbose)


def due_rows(report: DriftReport, *, verbose: bool = False) -> tuple[Group, ...]:
    """Group the due changes that were applied; `why` says how they ended."""
    return _outcome_rows(report.due_outcomes, report, {}, verbose)


def _outcome_rows(
    outcomes: Iterable[Outcome], report: DriftReport, ends: Mapping[State, str], verbose: bool
) -> tuple[Group, ...]:
    names, labels = plan_names(report.plan), labels_of(report)
    return grouped(
        [
            Entry(
                0,
                who_words(report, outcome.operation.learner, labels.get(outcome.operation.learner, "")),
                "",
                slot.kind,
                slot_words(slot, names),
                move_people(slot, move, names),
                _ending(outcome, ends),
            )
            for outcome in outcomes
            for slot, move in moves(outcome.operation)
        ],
        verbose=verbose,
    )


def _ending(outcome: Outcome, ends: Mapping[State, str]) -> str:
    words, detail = ends.get(outcome.state, spaced(outcome.state.value)), detail_words(outcome)
    return f"{words}: {detail}" if detail else words
