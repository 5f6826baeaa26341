"""Resolves entries, dates, cover and defaults into the declaration of one day."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import date, timedelta
from typing import TypeVar

from reconciler.declared.cohort import CohortEntry, Held, Learner, Slots, Term
from reconciler.declared.cover import CoverTimeline, StandIns, day_after, moved_cover
from reconciler.declared.shapes import EntryOrder, ShapedEntry
from reconciler.model.declared import Cover, DeclaredLearner, Lapse, PlainSlots, Shift, Wanted
from reconciler.model.slots import (
    OrganisationId,
    Slot,
    SlotKind,
    SlotValues,
    UserId,
    shared_slot,
)
from reconciler.model.structs import Struct, field, replace
from reconciler.problems import Problem, Source
from reconciler.text import slot_name

_DAY = timedelta(days=1)
_Value = TypeVar("_Value")
_Cause = tuple[Source, Cover | None]


def term_on(terms: tuple[Term, ...], day: date) -> Term | None:
    for term in terms:
        if (term.start is None or term.start <= day) and (term.end is None or day <= term.end):
            return term
    return None


def ended_before(terms: tuple[Term, ...], day: date) -> date | None:
    """Return the last day of the entries that ended before *day*."""
    return max((term.end for term in terms if term.end is not None and term.end < day), default=None)


class _Resolved(Struct):
    """Slots of some entries: on the first day, no longer declared (`lapsed`), and changing later."""

    slots: dict[Slot, Wanted] = field(default_factory=dict)
    lapsed: dict[Slot, Lapse] = field(default_factory=dict)
    later: tuple[Shift, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.slots or self.lapsed or self.later)

    def joined(self, other: _Resolved) -> _Resolved:
        """Return both together; no slot is in both."""
        if self.is_empty:
            return other
        later = _in_order((*self.later, *other.later)) if self.later and other.later else self.later or other.later
        return _Resolved({**self.slots, **other.slots}, self.lapsed | other.lapsed, later)

    def without(self, slots: Collection[Slot]) -> _Resolved:
        return _Resolved(
            {slot: wanted for slot, wanted in self.slots.items() if slot not in slots},
            {slot: lapse for slot, lapse in self.lapsed.items() if slot not in slots},
            tuple(shift for shift in self.later if shift.slot not in slots),
        )


_NOTHING = _Resolved()


def _in_order(shifts: Iterable[Shift]) -> tuple[Shift, ...]:
    return tuple(sorted(shifts, key=Shift.order))


def _subject(entry: Learner | None) -> str:
    """Return the learner's name in warnings; None is the cohort's defaults."""
    return entry.subject if entry else "defaults"


def build_cohort(
    cohort: CohortEntry, organisation: OrganisationId, timeline: CoverTimeline
) -> tuple[list[DeclaredLearner], list[Problem]]:
    """Resolve the cohort's learners for the timeline's first day, with the changes up to its last.

    Returns a warning for every slot whose entries leave the first day empty. The defaults are resolved once and shared
    by all learners without entries of their own.
    """
    builder = _Builder(cohort, cohort.organisation or organisation, timeline)
    return [builder.learner(entry) for entry in cohort.learners], builder.warnings


class _SlotsOnDemand(PlainSlots):
    """Slots of a learner, resolved when they are first asked for: `validate` only counts those of most learners."""

    __slots__ = ("_builder", "_entry", "_holders", "_order", "_slots")

    def __init__(self, builder: _Builder, entry: ShapedEntry) -> None:
        self._builder, self._entry = builder, entry
        self._holders: SlotValues[UserId | None] | None = None
        self._order: EntryOrder | None = None
        self._slots: Mapping[Slot, Wanted] | None = None

    @property
    def holders(self) -> SlotValues[UserId | None]:
        if self._holders is None:
            self._order = self._builder.order(self._entry)
            self._holders = self._builder.holders(self._entry, self._order)
        return self._holders

    def offsets(self) -> tuple[int, ...]:
        return self._builder.offsets(self._entry, self._order or self._builder.order(self._entry))

    def _resolved(self) -> Mapping[Slot, Wanted]:
        if self._slots is None:
            self._slots = self._builder.wanted(self.holders, self.offsets(), self._entry.line)
        return self._slots

    def __getitem__(self, slot: Slot) -> Wanted:
        return self._resolved()[slot]

    def __contains__(self, slot: object) -> bool:
        return slot in self.holders

    def __iter__(self) -> Iterator[Slot]:
        return iter(self.holders.slots)

    def __len__(self) -> int:
        count = self._builder.count(self._entry)
        return len(self.holders) if count is None else count

    def keys(self) -> KeysView[Slot]:
        return self.holders.keys()

    def items(self) -> ItemsView[Slot, Wanted]:
        return self._resolved().items()

    def values(self) -> ValuesView[Wanted]:
        return self._resolved().values()

    def __repr__(self) -> str:
        return repr(self._resolved())


class _Builder:
    def __init__(self, cohort: CohortEntry, organisation: OrganisationId, timeline: CoverTimeline) -> None:
        self._cohort = replace(cohort, learners=())  # which would keep every entry
        self._organisation, self._timeline, self._day = organisation, timeline, timeline.first
        self._acting = timeline.on(timeline.first)
        self.warnings: list[Problem] = []
        self._defaults = self._single(cohort.defaults, None)
        self._default_additional = self._additional(cohort.defaults.additional)
        self._inherited = self._default_additional.joined(self._defaults)
        self._is_plain = not (self._inherited.lapsed or self._inherited.later) and all(
            wanted.reason == "declared" for wanted in self._inherited.slots.values()
        )
        self._holders = {slot: wanted.staff for slot, wanted in self._inherited.slots.items()}
        self._lines = {slot: wanted.source.line for slot, wanted in self._inherited.slots.items()}
        self._warn_of_ended(cohort.defaults.additional, None)

    def learner(self, entry: Learner) -> DeclaredLearner:
        on_demand = self._on_demand(entry)
        resolved = self._resolve(entry) if on_demand is None else _NOTHING
        return DeclaredLearner(
            id=entry.id,
            misid=entry.misid,
            label=entry.label,
            cohort=self._cohort.name,
            organisation=self._organisation,
            slots=resolved.slots if on_demand is None else on_demand,
            source=Source(self._cohort.file, entry.line),
            lapsed=resolved.lapsed,
            later=resolved.later,
        )

    def _on_demand(self, entry: Learner) -> PlainSlots | None:
        """Return the slots of an entry whose holders are constant."""
        if self._is_plain and isinstance(entry, ShapedEntry) and entry.is_constant(self._timeline.covered):
            return _SlotsOnDemand(self, entry)
        return None

    def order(self, entry: ShapedEntry) -> EntryOrder:
        """Return the order of the slots that an on-demand entry names."""
        return entry.order(self._timeline.accounts)

    def holders(self, entry: ShapedEntry, order: EntryOrder) -> SlotValues[UserId | None]:
        """Return the holders of an on-demand entry's slots."""
        return self._with_inherited(entry.holders(order, self._timeline.accounts), self._holders)

    def offsets(self, entry: ShapedEntry, order: EntryOrder) -> tuple[int, ...]:
        """Return how far below the entry's line the slots in `holders` are, in their order."""
        inherited = {slot: line - entry.line for slot, line in self._lines.items()}
        return self._with_inherited(order.lines, inherited).column

    def wanted(self, holders: SlotValues[UserId | None], offsets: Iterable[int], line: int) -> dict[Slot, Wanted]:
        """Return the slots of an entry on that line, resolved."""
        handles, file = self._timeline.handles, self._cohort.file
        rows = zip(holders.items(), offsets, strict=True)
        return {slot: Wanted(staff, handles.get(staff), Source(file, line + offset)) for (slot, staff), offset in rows}

    def count(self, entry: ShapedEntry) -> int | None:
        """Return the number of slots in `holders` if it is known without making them."""
        return None if self._holders else len(entry.template.lines)

    @staticmethod
    def _with_inherited(own: SlotValues[_Value], inherited: Mapping[Slot, _Value]) -> SlotValues[_Value]:
        """Return the values of the entry's own slots and of the other defaults."""
        return SlotValues.of({**inherited, **own}) if inherited else own

    def _resolve(self, entry: Learner) -> _Resolved:
        own = entry.slots
        if not own.held and not own.additional:
            return self._inherited
        self._warn_of_ended(own.additional, entry)
        additional = self._with_defaults(own.additional)
        single = self._single(own, entry)
        if not self._defaults.is_empty:
            single = self._defaults.without({held.slot for held in own.held}).joined(single)
        return additional.joined(single)

    def _with_defaults(self, additional: tuple[Term, ...]) -> _Resolved:
        """Resolve additional people together with the defaults'."""
        if not additional:
            return self._default_additional
        named = {term.staff for term in additional}
        kept = [term for term in self._cohort.defaults.additional if term.staff not in named]
        return self._additional((*kept, *additional))

    def _single(self, slots: Slots, entry: Learner | None) -> _Resolved:
        """Resolve slots with one holder; a slot without an entry for the day is not managed then, with a warning.

        A slot without any entry is not managed on any day: that is how a learner leaves out a default.
        """
        resolved, moving = _Resolved(), []
        for held in slots.held:
            if self._is_constant(held.terms):
                resolved.slots[held.slot] = self._wanted(held.terms[0], self._acting)
                continue
            moving.append(held)
            term = term_on(held.terms, self._day)
            if term is not None:
                resolved.slots[held.slot] = self._wanted(term, self._acting)
            elif held.terms:
                self.warnings.append(self._nobody(held.terms, held.line, f"{_subject(entry)}: {slot_name(held.slot)}"))
                if last := ended_before(held.terms, self._day):
                    resolved.lapsed[held.slot] = Lapse(last, Source(self._cohort.file, held.line))
        if moving:
            resolved.later = _in_order(shift for held in moving for shift in self._shifts(held))
        return resolved

    def _additional(self, terms: tuple[Term, ...]) -> _Resolved:
        now = self._members(terms, self._day)
        if all(self._is_constant((term,)) for term in terms):
            return _Resolved(now)
        return _Resolved(now, {}, _in_order(self._additional_shifts(terms, now)))

    def _members(self, terms: tuple[Term, ...], day: date) -> dict[Slot, Wanted]:
        """Return set members by acting user, merged; a named person takes precedence over a stand-in."""
        acting = self._timeline.on(day)
        members = [self._wanted(term, acting) for term in terms if term_on((term,), day)]
        members.sort(key=lambda member: (member.reason == "declared", member.handle or ""))
        slots: dict[Slot, Wanted] = {}
        for member in members:
            slot = shared_slot(SlotKind.ADDITIONAL, member.staff)
            other = slots.get(slot)
            slots[slot] = replace(member, merged=(*other.merged, replace(other, merged=()))) if other else member
        return slots

    def _wanted(self, term: Term, acting: StandIns) -> Wanted:
        if term.staff is None:
            return Wanted(None, None, Source(self._cohort.file, term.line))
        member, covers = acting[term.staff]
        if not covers:
            return Wanted(member.id, member.handle, Source(self._cohort.file, term.line))
        return Wanted(member.id, member.handle, covers[-1].source, "cover", term.staff, covers)

    # -------------------------------------------------------------- later

    def _shifts(self, held: Held) -> Iterator[Shift]:
        """Yield each change of holder, by the slot's entries or by cover."""
        old = term_on(held.terms, self._day)
        before = self._wanted(old, self._acting) if old else None
        for day in self._days_of_change(held.terms):
            new = term_on(held.terms, day)
            after = self._wanted(new, self._timeline.on(day)) if new else None
            if after != before:
                yield Shift(day, held.slot, before, after, *self._cause(old, new, day))
            old, before = new, after

    def _additional_shifts(self, terms: tuple[Term, ...], now: Mapping[Slot, Wanted]) -> Iterator[Shift]:
        """Yield each change in the set of additional people; a stand-in is another member, so another slot."""
        for day in self._days_of_change(terms):
            then = self._members(terms, day)
            for slot in {**now, **then}:
                before, after = now.get(slot), then.get(slot)
                if before != after:
                    yield Shift(day, slot, before, after, *self._cause_among(terms, slot, day))
            now = then

    def _is_constant(self, terms: tuple[Term, ...]) -> bool:
        """Return True for the usual case: one entry without days, of somebody without cover to come."""
        return len(terms) == 1 and terms[0].start is terms[0].end is None and terms[0].staff not in self._timeline.moves

    def _days_of_change(self, terms: tuple[Term, ...]) -> list[date]:
        if self._is_constant(terms):
            return []
        timeline = self._timeline
        days = {*timeline.within(term.start for term in terms), *timeline.within(day_after(term.end) for term in terms)}
        days.update(day for term in terms if term.staff is not None for day in timeline.moves.get(term.staff, ()))
        return sorted(days)

    def _cause(self, old: Term | None, new: Term | None, day: date) -> _Cause:
        """Return the line behind a change of holder, and the cover if it is one.

        It is the entry that begins, or that ended with nothing after it; else the cover that begins or ended, which may
        be any of a chain.
        """
        if old is not new and (term := new or old):
            return Source(self._cohort.file, term.line), None
        assert old is not None  # noqa: S101  with neither entry there is no change
        before, after = (self._wanted(old, self._timeline.on(at)).covers for at in (day - _DAY, day))
        cover = moved_cover(before, after)
        return cover.source, cover

    def _cause_among(self, terms: tuple[Term, ...], slot: Slot, day: date) -> _Cause:
        """Return the line behind the change of a set member: the first entry that adds or removes them."""
        yesterday, today = self._timeline.on(day - _DAY), self._timeline.on(day)
        for term in terms:
            old, new = term_on((term,), day - _DAY), term_on((term,), day)
            before = self._wanted(old, yesterday) if old else None
            after = self._wanted(new, today) if new else None
            if before != after and slot.key in (before and before.staff, after and after.staff):
                return self._cause(old, new, day)
        return Source(self._cohort.file), None

    # -------------------------------------------------------------- warnings

    def _nobody(self, terms: tuple[Term, ...], line: int, place: str) -> Problem:
        starts = [term.start for term in terms if term.start is not None and term.start > self._day]
        last = ended_before(terms, self._day)
        when = f"after {last}" if last else f"before {min(starts)}"
        return Problem(
            f"{place}: nobody is declared {when}, so the slot is not managed on {self._day}",
            "Add an entry for that time, or remove the key if the slot should not be managed.",
            Source(self._cohort.file, line),
            severity="warning",
        )

    def _warn_of_ended(self, terms: tuple[Term, ...], entry: Learner | None) -> None:
        """Warn of ended entries: OneFile has no unassign, so a person has to remove somebody by hand."""
        for term in terms:
            if term.end is not None and term.end < self._day:
                what = f"{_subject(entry)}: additional: the entry of '{term.staff}' ended on {term.end}"
                fix = "Remove the person in OneFile, then remove this entry."
                self.warnings.append(Problem(what, fix, Source(self._cohort.file, term.line), severity="warning"))
