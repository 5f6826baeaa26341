"""Compact rows of the unchanged slots of a saved plan: one short row a learner, which is read back without loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from operator import attrgetter, sub
from typing import Any, NamedTuple

from reconciler.model.declared import DeclaredLearner, PlainSlots
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


def compact(changes: Sequence[Change]) -> tuple[Sequence[Change], CompactRows]:
    """Split changes into those that need a row of their own, and compact rows for the rest.

    The rest is left out of the order of the changes, so all need a row unless the order follows from their content.
    """
    if not _is_sorted(changes):
        return changes, NO_ROWS
    shapes = _Shapes()
    cohorts: dict[tuple[str, OrganisationId, str], list[Row]] = {}
    differing = list[Change]()
    for group in groups_of(changes):
        if isinstance(group, UnchangedLearner) and is_of_one_file(group.learner):
            learner = group.learner
            place = (learner.cohort, learner.organisation, learner.source.file)
            row = shapes.learner_row(group.id, learner.label, group.slots, held(learner, group.slots), group.recorded)
            cohorts.setdefault(place, []).append(row)
            continue
        plain = list[Change]()
        for change in group.changes() if isinstance(group, UnchangedLearner) else group:
            (plain if is_plain(change) else differing).append(change)
        for (cohort, organisation, file, user, label), rows in groupby(plain, _learner_of):
            same = list(rows)
            recorded = frozenset(change.slot for change in same if change.recorded)
            same_held = Held(
                [change.after for change in same],
                tuple(change.reason for change in same),
                [change.source.line for change in same],
            )
            row = shapes.learner_row(user, label, tuple(change.slot for change in same), same_held, recorded)
            cohorts.setdefault((cohort, organisation, file), []).append(row)
    return differing, CompactRows(
        shapes.rows(),
        [
            {"cohort": cohort, "organisation": organisation, "file": file, "learners": rows}
            for (cohort, organisation, file), rows in cohorts.items()
        ],
    )


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
    """Return whether the changes are by cohort, learner and slot, as in a plan of the files; no slot is there twice."""
    return all(before < after for before, after in pairwise(_orders(changes)))


def _orders(changes: Sequence[Change]) -> Iterator[tuple[str, UserId, tuple[int, int, str]]]:
    """Yield the places in the order; of an unchanged learner, whose slots are in order, those of the first and last."""
    for group in groups_of(changes):
        if isinstance(group, UnchangedLearner):
            for slot in {group.slots[0]: None, group.slots[-1]: None}:
                yield group.learner.cohort, group.id, slot.order()
        else:
            yield from map(_order, group)


# ------------------------------------------------------------------ one learner


class Held(NamedTuple):
    """Holders of a learner's slots, each with the reason and the line."""

    staff: list[UserId | None]
    reasons: tuple[Reason, ...]
    lines: Sequence[int]


def is_of_one_file(learner: DeclaredLearner) -> bool:
    slots, file = learner.slots, learner.source.file
    return isinstance(slots, PlainSlots) or {wanted.source.file for wanted in slots.values()} == {file}


def held(learner: DeclaredLearner, order: Sequence[Slot]) -> Held:
    slots = learner.slots
    if isinstance(slots, PlainSlots):
        holders, lines = slots.holders, slots.lines()
        if tuple(holders) != order:
            line_of = dict(zip(holders, lines, strict=True))
            return Held([holders[slot] for slot in order], _DECLARED * len(order), [line_of[slot] for slot in order])
        return Held(list(holders.values()), _DECLARED * len(order), lines)
    wanted = [slots[slot] for slot in order]
    return Held(
        [want.staff for want in wanted],
        tuple(want.reason for want in wanted),
        [want.source.line for want in wanted],
    )


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
        held: Held,
        recorded: frozenset[Slot],
    ) -> Row:
        staff, reasons, lines = held
        holders = list(dict.fromkeys(staff))
        number = self._number_of(slots, tuple(map(holders.index, staff)), reasons, recorded)
        return [learner, label, number, holders, [*lines[:1], *map(sub, lines[1:], lines)]]

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
