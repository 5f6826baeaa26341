"""Compact rows of the unchanged slots of a saved plan: one short row a learner, which is read back without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, groupby
from operator import attrgetter, sub
from typing import Any

from reconciler.model.declared import DeclaredLearner
from reconciler.model.plan import Change, Reason, UnchangedLearner, groups_of
from reconciler.model.slots import OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.problems import Source

Row = Any

_SlotOfShape = tuple[Slot | None, int, Reason, bool]
_learner_of = attrgetter("cohort", "organisation", "source.file", "learner", "label")
_DECLARED: tuple[Reason, ...] = ("declared",)
_ADDITIONAL = SlotKind.ADDITIONAL  # Python 3.11 takes longer to look up a member than to compare two


class CompactRows(Struct, frozen=True):
    """Rows of a plan's unchanged slots.

    `shapes` are the different lists of slots that learners have, each slot with the position of its holder. `cohorts`
    have a row for each learner: id, label, number of the shape, holders, and the lines of the slots, the first as it is
    and each further one as the distance from the one before.
    """

    shapes: Sequence[Row]
    cohorts: Sequence[Row]


NO_ROWS = CompactRows((), ())
"""Every slot has a row like the others."""


def compact(changes: Sequence[Change], finished: Callable[[Row], Row]) -> tuple[Sequence[Change], CompactRows]:
    """Split changes into those that need a row of their own, and compact rows for the rest.

    The rest is left out of the order of the changes, so all need a row unless the order follows from their content.
    `finished` may replace each whole row of a cohort by one that takes less memory.
    """
    if not _is_sorted(changes):
        return changes, NO_ROWS
    shapes, cohorts, differing = _Shapes(), _Cohorts(finished), list[Change]()
    for group in groups_of(changes):
        if isinstance(group, UnchangedLearner) and is_of_one_file(group.learner):
            learner = group.learner
            staff, reasons, lines = held(learner, group.slots)
            row = shapes.learner_row(group.id, learner.label, group.slots, staff, reasons, lines, group.recorded)
            cohorts.add(learner.cohort, learner.organisation, learner.source.file, row)
            continue
        plain = list[Change]()
        for change in group.changes() if isinstance(group, UnchangedLearner) else group:
            (plain if is_plain(change) else differing).append(change)
        for (cohort, organisation, file, user, label), rows in groupby(plain, _learner_of):
            same = list(rows)
            recorded = frozenset(change.slot for change in same if change.recorded)
            reasons, lines = tuple(change.reason for change in same), [change.source.line for change in same]
            staff, slots = [change.after for change in same], tuple(change.slot for change in same)
            row = shapes.learner_row(user, label, slots, staff, reasons, _distances(lines), recorded)
            cohorts.add(cohort, organisation, file, row)
    return differing, CompactRows(shapes.rows(), cohorts.rows())


class _Cohorts:
    """Rows of cohorts, whose learners come cohort by cohort."""

    def __init__(self, finished: Callable[[Row], Row]) -> None:
        self._finished = finished
        self._rows: list[Row] = []
        self._cohort = ""
        self._learners: dict[tuple[OrganisationId, str], list[Row]] = {}  # of the cohort, by organisation and file

    def add(self, cohort: str, organisation: OrganisationId, file: str, learner: Row) -> None:
        if cohort != self._cohort:
            self._finish()
            self._cohort = cohort
        self._learners.setdefault((organisation, file), []).append(learner)

    def rows(self) -> list[Row]:
        self._finish()
        return self._rows

    def _finish(self) -> None:
        for (organisation, file), learners in self._learners.items():
            row = {"cohort": self._cohort, "file": file, "learners": learners, "organisation": organisation}
            self._rows.append(self._finished(row))
        self._learners = {}


def expand(rows: CompactRows, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Put the unchanged slots back among the other changes, in order. Raises ValueError for rows of no plan."""
    shapes = [[_read_slot(row) for row in shape] for shape in rows.shapes]
    plain = [change for cohort in rows.cohorts for change in _cohort_changes(cohort, shapes)]
    if not plain:
        return tuple(changes)
    together = sorted([*plain, *changes], key=_order)
    if not _is_sorted(together):
        raise ValueError("a slot is there twice")
    return tuple(together)


def is_plain(change: Change) -> bool:
    """Return whether a change says nothing but that a slot holds who is declared."""
    return (
        change.action == "no-op"
        and change.before == change.after
        and type(change.before) is int
        and not (change.blocked or change.held or change.pending or change.writer)
        and (change.slot.kind is not _ADDITIONAL or change.slot.key == change.before)
    )


def _order(change: Change) -> tuple[str, UserId, tuple[int, int, str]]:
    return change.cohort, change.learner, change.slot.order()


def _is_sorted(changes: Sequence[Change]) -> bool:
    """Return whether the changes are by cohort, learner and slot, as in a plan of the files; no slot is there twice.

    The slots of an unchanged learner are in order. A learner in two groups counts as not sorted.
    """
    before: tuple[object, ...] = ()
    for group in groups_of(changes):
        if isinstance(group, UnchangedLearner):
            place: tuple[object, ...] = (group.learner.cohort, group.id)
            if place <= before:
                return False
            before = place
        else:
            for place in map(_order, group):
                if place <= before or place[:2] == before:
                    return False
                before = place
    return True


# ------------------------------------------------------------------ one learner


_Held = tuple[Sequence[UserId | None], tuple[Reason, ...], list[int]]
"""Holders of a learner's slots, each with the reason, and with its line as in the row."""


def is_of_one_file(learner: DeclaredLearner) -> bool:
    slots, file = learner.slots, learner.source.file
    return not isinstance(slots, dict) or {wanted.source.file for wanted in slots.values()} == {file}


def held(learner: DeclaredLearner, order: tuple[Slot, ...]) -> _Held:
    slots = learner.slots
    if not isinstance(slots, dict) and (holders := slots.holders).slots == order:
        first, *others = _distances_of(slots.offsets())
        return holders.column, _DECLARED * len(order), [learner.source.line + first, *others]
    wanted = [slots[slot] for slot in order]
    lines = _distances([want.source.line for want in wanted])
    return [want.staff for want in wanted], tuple(want.reason for want in wanted), lines


def _distances(lines: Sequence[int]) -> list[int]:
    """Return the first line, and how far each further one is from the one before."""
    return [*lines[:1], *map(sub, lines[1:], lines)]


_distances_of = lru_cache(maxsize=10_000)(_distances)  # many learners have the same


class _Shapes:
    """Numbers of the different lists of slots, in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Row, ...], int] = {}
        self._number_of = lru_cache(maxsize=None)(self._number)

    def rows(self) -> list[Row]:
        return [[_shape_row(*slot) for slot in shape] for shape in self._numbers]

    def learner_row(
        self,
        learner: UserId,
        label: str,
        slots: tuple[Slot, ...],
        staff: Sequence[UserId | None],
        reasons: tuple[Reason, ...],
        lines: list[int],
        recorded: frozenset[Slot],
    ) -> Row:
        holders = list(dict.fromkeys(staff))
        number = self._number_of(slots, tuple(map(holders.index, staff)), reasons, recorded)
        return [learner, label, number, holders, lines]

    def _number(
        self,
        slots: tuple[Slot, ...],
        positions: tuple[int, ...],
        reasons: tuple[Reason, ...],
        recorded: frozenset[Slot],
    ) -> int:
        shape = tuple(
            (kind, None if kind is _ADDITIONAL else key, position, reason, (kind, key) in recorded)
            for (kind, key), position, reason in zip(slots, positions, reasons, strict=True)
        )
        return self._numbers.setdefault(shape, len(self._numbers))


def _shape_row(kind: SlotKind, key: int | str | None, holder: int, reason: str, recorded: bool) -> Row:
    row: dict[str, object] = {"type": kind.value, "holder": holder}
    if key is not None:
        row["key"] = key
    if reason != "declared":
        row["reason"] = reason
    return row | {"recorded": True} if recorded else row


def _read_slot(row: Row) -> _SlotOfShape:
    """Return the slot, or None for an additional person, whose slot is named by the holder."""
    kind, key = SlotKind(row["type"]), row.get("key")
    if kind is _ADDITIONAL:
        slot = None
    else:
        slot = Slot(kind, key)
        if Slot.parse(kind, slot.address(UserId(1)))[1] != slot:
            raise ValueError(f"{key!r} is not the key of a slot of kind {kind.value}")
    return slot, row["holder"], row.get("reason", "declared"), row.get("recorded", False)


def _cohort_changes(cohort: Row, shapes: Sequence[Sequence[_SlotOfShape]]) -> Iterator[Change]:
    name, organisation, file = cohort["cohort"], OrganisationId(cohort["organisation"]), cohort["file"]
    for learner, label, shape, holders, steps in cohort["learners"]:
        for (slot, position, reason, recorded), line in zip(shapes[shape], accumulate(steps), strict=True):
            holder = UserId(holders[position])
            yield Change(
                learner=UserId(learner),
                slot=slot or Slot(_ADDITIONAL, holder),
                label=label,
                cohort=name,
                organisation=organisation,
                action="no-op",
                reason=reason,
                before=holder,
                after=holder,
                source=Source(file, line),
                recorded=recorded,
            )
