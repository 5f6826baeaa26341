"""Probable causes of drift in words: what it looks like, since when, how sure, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from reconciler.model.operations import time_json
from reconciler.model.slots import UserId
from reconciler.plan.drift import Cause, CauseKind, Drifted, DriftReport
from reconciler.report.common.notices import Notice, Notices
from reconciler.report.common.words import holder_words, kinds_words, moment_words, plan_names
from reconciler.text import number_of

CAUSES = "Likely causes: slots that moved together, or again after each correction"


def cause_notices(report: DriftReport) -> Notices:
    """Return each probable cause with what to do about it."""
    items = tuple(Notice(cause_words(cause, report), fix_words(cause, report)) for cause in report.causes)
    return Notices(CAUSES, "likely causes", items, risky=True, verbose=True)


def cause_words(cause: Cause, report: DriftReport) -> str:
    """Return what moved, what it looks like, since when, and how sure that is."""
    what = _WORDS[cause.kind](cause, report)
    return f"{what} ({cause.confidence}; first seen {moment_words(cause.since)})"


def fix_words(cause: Cause, report: DriftReport) -> str:
    """Return what to do."""
    names = plan_names(report.plan)
    accept = "reconciler adopt"
    match cause.kind:
        case CauseKind.ARCHIVED:
            return (
                f"Share the work out in the files, or accept {holder_words(cause.came, names)} with: {accept}. "
                "Corrections never put an archived person back."
            )
        case CauseKind.SENT_AGAIN:
            kind = cause.kinds[0].value
            return (
                "Find the system that sends them, and correct it there. If it owns these slots, write in "
                f"settings.yaml: writers: {{{kind}: NAME}}. To accept what it sends: {accept}."
            )
        case CauseKind.BATCH:
            return f"If the import is right, accept it with: {accept}. Otherwise drift --correct puts them back."
        case CauseKind.REALLOCATED:
            return f"Ask who did it. If it is right, accept it with: {accept}. Otherwise drift --correct puts it back."


def _archived(cause: Cause, report: DriftReport) -> str:
    names = plan_names(report.plan)
    left, came = holder_words(cause.left, names), holder_words(cause.came, names)
    return (
        f"{_counted(cause)} went from {left} to {came}, and {left} is archived in OneFile: archiving an account gives "
        "all its work to one heir"
    )


def _sent_again(cause: Cause, report: DriftReport) -> str:
    came = f" to {holder_words(cause.came, plan_names(report.plan))}" if cause.came is not None else ""
    words = f"{_counted(cause)} moved{came} again after {number_of(cause.corrections, 'correction')}"
    if cause.between:
        start, end = (f"{moment.astimezone(UTC):%H:%M}" for moment in cause.between)
        words += f", each time seen {f'at {start}' if start == end else f'between {start} and {end}'} UTC"
    return f"{words}: another system probably sends its own value again"


def _batch(cause: Cause, report: DriftReport) -> str:
    came, people = holder_words(cause.came, plan_names(report.plan)), len(_left(cause.slots))
    return (
        f"{_counted(cause)} went from {people} people to {came} between two readings: a bulk import gives a whole "
        "batch one default"
    )


def _reallocated(cause: Cause, report: DriftReport) -> str:
    names = plan_names(report.plan)
    left, came = holder_words(cause.left, names), holder_words(cause.came, names)
    return f"{_counted(cause)} went from {left} to {came} between two readings: somebody probably moved them at once"


_WORDS: Mapping[CauseKind, Callable[[Cause, DriftReport], str]] = {
    CauseKind.ARCHIVED: _archived,
    CauseKind.SENT_AGAIN: _sent_again,
    CauseKind.BATCH: _batch,
    CauseKind.REALLOCATED: _reallocated,
}


def _counted(cause: Cause) -> str:
    """Return `12 default assessors of 12 learners`."""
    kinds = Counter(drifted.change.slot.kind for drifted in cause.slots)
    return f"{kinds_words(kinds)} of {number_of(cause.learners, 'learner')}"


def _left(slots: Iterable[Drifted]) -> set[UserId | None]:
    return {drifted.change.after for drifted in slots}


def unexplained(slots: Sequence[Drifted], report: DriftReport, *, verbose: bool) -> list[Drifted]:
    """Return the slots that no cause explains, or with *verbose* all of them."""
    return [drifted for drifted in slots if verbose or report.cause_of(drifted) is None]


def explained_words(slots: Sequence[Drifted], shown: Sequence[Drifted]) -> str:
    """Return how many slots are not shown because a cause explains them; empty if none."""
    hidden = len(slots) - len(shown)
    return f"{number_of(hidden, 'slot')} with a likely cause, see there (--verbose lists each)" if hidden else ""


def cause_json(cause: Cause, report: DriftReport) -> dict[str, Any]:
    """Return a cause for programs."""
    between = [f"{moment.astimezone(UTC):%H:%M}" for moment in cause.between] if cause.between else None
    return {
        "kind": cause.kind.value,
        "confidence": cause.confidence,
        "first_seen": time_json(cause.since),
        "types": [kind.value for kind in cause.kinds],
        "left_staff_id": cause.left,
        "came_staff_id": cause.came,
        "corrections": cause.corrections,
        "seen_between": between,
        "addresses": [drifted.change.address for drifted in cause.slots],
        "what": cause_words(cause, report),
        "fix": fix_words(cause, report),
    }
