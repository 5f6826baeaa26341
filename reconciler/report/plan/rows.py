"""Rows of a plan's changes in words, by cohort and by risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reconciler.model.plan import Change, Plan
from reconciler.model.structs import Struct
from reconciler.problems import Source
from reconciler.report.common.grouping import Entry, Group, group_by, grouped
from reconciler.report.common.words import (
    change_mark,
    change_people,
    kinds_words,
    learner_words,
    plan_names,
    slot_words,
)
from reconciler.report.plan.risk import Risk, place_in_order, risk_of
from reconciler.text import number_of

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
    """One change, or several that differ only in the learner, in words.

    `where` is one line of the files that asks for it, and how many more there are; `slots` counts
    the slots, and `learners` are all learners of a row about several.
    """

    risk: Risk
    who: str
    what: str
    why: str = ""
    where: str = ""
    slots: int = 1
    learners: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        """The risk's sign."""
        return self.risk.sign

    def reason(self) -> str:
        """Return the reason and the place together, without the reason if the files simply declare the change."""
        why = "" if self.why == DECLARED and self.where else self.why
        return ", ".join(part for part in (why, self.where) if part)


class CohortRows(Struct, frozen=True):
    """One cohort's rows, the riskiest first; `cohort` is empty for rows of several cohorts."""

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
    return [(risk, change) for change in plan.differing if (risk := risk_of(change)) is not None]


def cohort_rows(changes: Shown, plan: Plan, *, verbose: bool, pending: bool) -> tuple[CohortRows, ...]:
    """Return the rows under their cohorts, by name; many rows are grouped across cohorts, unless *verbose*.

    Without a base nothing is pending.
    """
    if pending and not plan.base:
        return ()
    ours = [pair for pair in changes if (bool(plan.base) and pair[1].pending) is pending]
    ours.sort(key=lambda pair: (pair[1].cohort, *place_in_order(pair[0], pair[1].slot, pair[1].learner)))
    groups = grouped([_entry(risk, change, plan) for risk, change in ours], verbose=verbose)
    if all(group.spelled_out for group in groups):
        cohorts = group_by(groups, lambda group: group.first.cohort)
        return tuple(CohortRows(some[0].first.cohort, tuple(map(_row, some))) for some in cohorts)
    rows = sorted(map(_row, groups), key=lambda row: row.risk)
    return (CohortRows("", tuple(rows)),)


def _entry(risk: Risk, change: Change, plan: Plan) -> Entry:
    names = plan_names(plan)
    who = learner_words(change.learner, change.label, plan.names)
    if risk is Risk.ASIDE:  # the reason matters, not who would have come
        return Entry(risk, who, change.cohort, change.slot.kind, "", f"set aside: {change.blocked}")
    why, source = _reason(change)
    place, people = slot_words(change.slot, names), change_people(change, names)
    return Entry(risk, who, change.cohort, change.slot.kind, place, people, why, change_mark(change), source)


def _row(group: Group) -> Row:
    first, risk = group.first, Risk(group.first.order)
    what = f"{number_of(group.slots, 'slot')} {first.people}" if risk is Risk.ASIDE else group.what
    return Row(risk, group.who, what, first.why, group.where, group.slots, group.names)


def _reason(change: Change) -> tuple[str, Source | None]:
    """Return the reason and the line that asks for it; a change that reverts a run has no line."""
    if change.held:
        words = f"left to {change.writer}, as settings.writers says" if change.writer else _HELD[change.held]
        return words, change.source
    source = change.source
    if change.reason == "declared" and source and not source.line and source.file.startswith(REVERTED):
        return f"reverts {source.file}", None
    return _REASONS[change.reason], source


def unknown_slots(changes: Shown) -> list[Change]:
    """Return the slots that should be empty and whose holder is unknown."""
    return [change for risk, change in changes if risk is Risk.UNKNOWN]


def by_kind(changes: Iterable[Change]) -> str:
    """Return the number of slots of each kind: `15 default assessors, 31 unit IQAs`."""
    return kinds_words(Counter(change.slot.kind for change in changes))
