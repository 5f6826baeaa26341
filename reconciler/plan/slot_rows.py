"""Rows of the slots of a plan as JSON in pieces: as values, those of 100,000 learners take gigabytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, count, islice
from operator import itemgetter
from typing import NamedTuple

from reconciler.model.declared import DeclaredLearner
from reconciler.model.plan import Change, Reason, UnchangedLearner, groups_of
from reconciler.model.slots import Handle, OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.plan.document_rows import Handles, Row
from reconciler.plan.unchanged_rows import held, is_of_one_file, is_plain
from reconciler.problems import Source

Encode = Callable[[object], str]
"""An encoder that writes each value as it does within another value."""

_PIECE = 20
"""Rows, or learners with theirs, that are written together."""


class Layout(NamedTuple):
    """Text before, between and after the rows of a list."""

    opening: str
    joint: str
    closing: str


class SlotRows(Struct, frozen=True):
    """A value of a document: a row for each slot, as `row_of` makes it, somewhere within the rest of the value."""

    changes: Sequence[Change]
    handles: Handles
    row_of: Callable[[Change, Handles], Row]
    around: Callable[[list[Row]], object] = list

    def value(self) -> object:
        """Return the value with all rows."""
        return self.around([self.row_of(change, self.handles) for change in self.changes])

    def texts(self, encode: Encode, layout: Layout) -> Iterator[str]:
        """Yield the value's JSON in pieces."""
        start, _, end = encode(self.around([])).partition("[]")
        yield start
        yield from listed(self._rows(encode, layout.joint), layout)
        yield end

    def _rows(self, encode: Encode, joint: str) -> Iterator[str]:
        patterns = _Patterns(self, encode, joint)
        for group in groups_of(self.changes):
            if isinstance(group, UnchangedLearner) and is_of_one_file(group.learner):
                yield patterns.learner(group)
                continue
            for change in group.changes() if isinstance(group, UnchangedLearner) else group:
                yield patterns.slot(change) if is_plain(change) else encode(self.row_of(change, self.handles))


def listed(rows: Iterator[str], layout: Layout) -> Iterator[str]:
    """Yield a list of rows, many in each piece."""
    start = layout.opening
    while some := list(islice(rows, _PIECE)):
        yield start + layout.joint.join(some)
        start = layout.joint
    yield "[]" if start is layout.opening else layout.closing


_SHARED = 5
"""Values that the slots of a learner share."""
_ADDITIONAL = SlotKind.ADDITIONAL  # Python 3.11 takes longer to look up a member than to compare two
_OfShape = tuple[Slot | None, Reason, bool]
"""A slot, or None for an additional person, whose slot is named by the holder; the reason; whether it is recorded."""


class _Patterns:
    """Texts of the rows that only say that a slot holds who is declared.

    The rows of learners with the same slots differ in a few values, so those of a sample are encoded once, and the
    values are put in their places: that takes a tenth of the time.
    """

    def __init__(self, rows: SlotRows, encode: Encode, joint: str) -> None:
        self._row_of, self._encode, self._joint = rows.row_of, encode, joint
        self._handles: dict[UserId | None, str] = {user: encode(handle) for user, handle in rows.handles.items()}
        self._text = lru_cache(maxsize=10_000)(encode)
        self._sample = lru_cache(maxsize=10_000)(self._encoded_sample)
        self._pattern = lru_cache(maxsize=1_000)(self._joined_samples)

    def learner(self, unchanged: UnchangedLearner) -> str:
        """Return the rows of an unchanged learner."""
        learner, recorded = unchanged.learner, unchanged.recorded
        staff, reasons, steps = held(learner, unchanged.slots)
        shape = tuple(
            [
                (None if slot[0] is _ADDITIONAL else slot, reason, slot in recorded)
                for slot, reason in zip(unchanged.slots, reasons, strict=True)
            ]
        )
        return self._filled(shape, unchanged.id, learner, learner.source.file, accumulate(steps), staff)

    def slot(self, change: Change) -> str:
        """Return the row of a change that is plain."""
        slot = None if change.slot.kind is _ADDITIONAL else change.slot
        shape = ((slot, change.reason, change.recorded),)
        return self._filled(shape, change.learner, change, change.source.file, (change.source.line,), (change.after,))

    def _filled(
        self,
        shape: tuple[_OfShape, ...],
        user: UserId,
        learner: DeclaredLearner | Change,
        file: str,
        lines: Iterable[int],
        staff: Sequence[UserId | None],
    ) -> str:
        pattern, values_of = self._pattern(shape)
        handles = [self._handles.get(holder, "null") for holder in staff]
        shared = user, learner.organisation, self._text(learner.label), self._text(learner.cohort), self._text(file)
        return pattern % values_of((*shared, *lines, *staff, *handles))

    def _joined_samples(self, shape: tuple[_OfShape, ...]) -> tuple[str, Callable[[Sequence[object]], object]]:
        """Return the rows of slots with a place for each value, and a function that returns the values in order."""
        samples = [self._sample(*slot) for slot in shape]
        order = [
            value if value < _SHARED else _SHARED + number + (value - _SHARED) * len(shape)
            for number, (_, values) in enumerate(samples)
            for value in values
        ]
        values_of: Callable[[Sequence[object]], object] = itemgetter(*order)
        return self._joint.join(text for text, _ in samples), values_of

    def _encoded_sample(self, slot: Slot | None, reason: Reason, recorded: bool) -> tuple[str, list[int]]:
        """Return the row of a slot with a place for each value, and the numbers of the values.

        They are learner, organisation, label, cohort and file, then line, holder and handle, which each slot has for
        itself. The values of the sample are numbers that are nowhere else in the row.
        """
        key = self._encode(slot and slot.key)
        start = next(number for number in count(7 * 10**17) if str(number) not in key)
        learner, organisation, label, cohort, file, line, staff, handle = (10 * start + value for value in range(8))
        holder = UserId(staff)
        change = Change(
            learner=UserId(learner),
            slot=slot or Slot(_ADDITIONAL, holder),
            label=str(label),
            cohort=str(cohort),
            organisation=OrganisationId(organisation),
            action="no-op",
            reason=reason,
            before=holder,
            after=holder,
            source=Source(str(file), line),
            recorded=recorded,
        )
        row = self._row_of(change, {holder: Handle(str(handle))})
        places = re.compile(rf'"{start}([2347])"|{start}([0156])')
        text = self._encode(row).replace("%", "%%")
        return places.sub("%s", text), [int(place[1] or place[2]) for place in places.finditer(text)]
