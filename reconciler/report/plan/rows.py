"""Rows of a plan's changes in words, by cohort and by risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from reconciler.model.plan import Change, Plan
from reconciler.model.slots import SlotKind, Unread
from reconciler.model.structs import Struct
from reconciler.problems import Source
from reconciler.report.common.words import NOT_VERIFIED, Handles, change_words, holder_words, kind_words, learner_words
from reconciler.report.plan.risk import Risk, place_in_order, risk_of
from reconciler.text import number_of

MANY_UNKNOWN = 10  # more unknown slots than this in a cohort become one row per member of staff

DECLARED = "declared"
_REASONS = {
    "declared": DECLARED,
    "drift": "drift: changed in OneFile, not in the files",
    "cover": "cover",
    "unknown": DECLARED,
}
REVERTED = "run "
"""The beginning of a change's source in a plan that reverts a run."""
_HELD = {"report": "drift, reported only", "ignore": "drift, ignored"}


class Row(Struct, frozen=True):
    """One change in words: learner, change, reason, and the line that asks for it.

    `slots` is more than one for a group: slots of one learner set aside for one reason, or slots that one person
    takes without OneFile showing them.
    """

    risk: Risk
    who: str
    what: str
    why: str = ""
    source: Source | None = None
    slots: int = 1

    @property
    def sign(self) -> str:
        """The risk's sign."""
        return self.risk.sign

    def reason(self) -> str:
        """Return the reason and the place together; the reason is left out if the files simply declare the change."""
        why = "" if self.why == DECLARED and self.source else self.why
        return ", ".join(part for part in (why, str(self.source) if self.source else "") if part)


class CohortRows(Struct, frozen=True):
    """One cohort's rows, the riskiest first."""

    cohort: str
    rows: tuple[Row, ...]

    @property
    def slots(self) -> int:
        """The number of slots in all rows."""
        return sum(row.slots for row in self.rows)

    def counts(self) -> Mapping[Risk, int]:
        """Return the number of slots by risk, the gravest first, including rows without room."""
        counted: Counter[Risk] = Counter()
        for row in self.rows:
            counted[row.risk] += row.slots
        return dict(sorted(counted.items()))


Shown = Sequence[tuple[Risk, Change]]
"""Every change that reports show, with its risk; unchanged slots are only counted."""


def shown(plan: Plan) -> Shown:
    """Return the changes that reports show."""
    return [(risk, change) for change in plan.changes if (risk := risk_of(change)) is not None]


def cohort_rows(changes: Shown, plan: Plan, *, fold: bool, pending: bool) -> tuple[CohortRows, ...]:
    """Return each cohort's changes, by the cohort's name; without a base nothing is pending.

    With *fold*, many slots of unknown holder are left to the headline, which counts them by kind.
    """
    if pending and not plan.base:
        return ()
    groups: dict[str, list[tuple[Risk, Change]]] = {}
    hidden = {Risk.UNKNOWN} if fold and len(unknown_slots(changes)) > MANY_UNKNOWN else set()
    for risk, change in changes:
        if risk not in hidden and (bool(plan.base) and change.pending) is pending:
            groups.setdefault(change.cohort, []).append((risk, change))
    return tuple(CohortRows(name, tuple(_rows(group, plan, fold))) for name, group in sorted(groups.items()))


def _rows(group: Iterable[tuple[Risk, Change]], plan: Plan, fold: bool) -> Iterator[Row]:
    group = sorted(group, key=lambda pair: place_in_order(pair[0], pair[1].slot, pair[1].learner))
    unknown = [change for _, change in group if _is_unknown(change)]
    fold = fold and len(unknown) > MANY_UNKNOWN

    def who(change: Change) -> str:
        return learner_words(change.learner, change.label, plan.names)

    yield from _aside([change for risk, change in group if risk is Risk.ASIDE], who)
    for risk, change in group:
        if risk is not Risk.ASIDE and not (fold and _is_unknown(change)):
            yield Row(risk, who(change), change_words(change, plan.handles), *_reason(change))
    if fold:
        yield from _folded(unknown, plan.handles)


def _reason(change: Change) -> tuple[str, Source | None]:
    """Return the reason and the line that asks for it; a change that reverts a run has no line."""
    if change.held:
        return _HELD[change.held], change.source
    source = change.source
    if change.reason == "declared" and source and not source.line and source.file.startswith(REVERTED):
        return f"reverts {source.file}", None
    return _REASONS[change.reason], source


def _is_unknown(change: Change) -> bool:
    return change.action == "create" and change.before is Unread.UNREADABLE


def _aside(changes: Sequence[Change], who: Callable[[Change], str]) -> Iterator[Row]:
    """Yield one row per learner and reason."""
    slots = Counter((change.learner, change.blocked) for change in changes)
    first = {(change.learner, change.blocked): change for change in reversed(changes)}
    for key in sorted(slots):
        change, count = first[key], slots[key]
        yield Row(Risk.ASIDE, who(change), f"{number_of(count, 'slot')} set aside: {change.blocked}", slots=count)


def _folded(changes: Sequence[Change], handles: Handles) -> Iterator[Row]:
    """Yield unknown slots by new holder: `kate-anderson: 30 slots of 15 learners (15 default assessor, ...)`."""
    groups: dict[tuple[Risk, str], list[Change]] = {}
    for change in changes:
        risk = risk_of(change)
        if risk is not None:
            groups.setdefault((risk, holder_words(change.after, handles)), []).append(change)
    for (risk, staff), group in sorted(groups.items()):
        learners = number_of(len({change.learner for change in group}), "learner")
        what = f"{number_of(len(group), 'slot')} of {learners} ({by_kind(group)}), {NOT_VERIFIED}"
        yield Row(risk, staff, what, slots=len(group))


def unknown_slots(changes: Shown) -> list[Change]:
    """Return the slots that should be empty and whose holder is unknown."""
    return [change for risk, change in changes if risk is Risk.UNKNOWN]


def by_kind(changes: Iterable[Change]) -> str:
    """Return the number of slots of each kind: `15 default assessor, 31 unit IQA`."""
    kinds = Counter(change.slot.kind for change in changes)
    return ", ".join(f"{kinds[kind]} {kind_words(kind)}" for kind in SlotKind if kinds[kind])
