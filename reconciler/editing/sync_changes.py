"""Compares a listing with the values of the cohort files and with the last sync: what to edit, and what conflicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches

from reconciler.editing.assignments import DAY, Fields, Term, changed_on, defaults_of, learners_of, term_of, terms_of
from reconciler.editing.holders import slots_of
from reconciler.editing.replace import learner_key
from reconciler.editing.yaml_tree import Data
from reconciler.model import structs
from reconciler.model.listing import COHORT_FIELD, ListedLearner, ListedTerm, Listing, Remembered, field_of
from reconciler.model.slots import NOBODY, Handle, LearnerKey, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.problems import Problem, Source

Terms = tuple[Term, ...]
Files = Mapping[str, Fields]
"""Values of the cohort files by cohort."""


class Newcomer(Struct, frozen=True):
    """Learner whom no file has."""

    learner: LearnerKey
    label: str
    cohort: str
    source: Source


class HolderChange(Struct, frozen=True):
    """Slot of a learner in a cohort whose holder changes; without `before`, the files did not have the slot."""

    learner: LearnerKey
    cohort: str
    slot: Slot
    before: Terms | None
    after: Terms
    source: Source


class Moved(Struct, frozen=True):
    """Learner who changes cohorts; `holders` are the slots that the learner had, or has then, with another holder."""

    learner: LearnerKey
    before: str
    after: str
    source: Source
    holders: tuple[HolderChange, ...] = ()


class Leaver(Struct, frozen=True):
    """Learner of a cohort who is missing in the listing."""

    learner: LearnerKey
    cohort: str


class Difference(Struct, frozen=True):
    """Field whose value differs between listing and files, and is left alone; "" is: not declared."""

    learner: LearnerKey
    cohort: str
    field: str
    listing: str
    files: str
    synced: str
    source: Source | None = None


class SyncChanges(Struct, frozen=True):
    """Result of a comparison.

    `conflicts` moved in listing and files since the last sync, to different values; `kept` moved in the files only.
    `remembered` is what the next sync should compare with, if these changes are written; `removes`: leavers are taken
    out of the files.
    """

    newcomers: tuple[Newcomer, ...] = ()
    moves: tuple[Moved, ...] = ()
    holders: tuple[HolderChange, ...] = ()
    leavers: tuple[Leaver, ...] = ()
    conflicts: tuple[Difference, ...] = ()
    kept: tuple[Difference, ...] = ()
    refusals: tuple[Problem, ...] = ()
    remembered: Remembered = structs.field(default_factory=dict)
    removes: bool = False

    @property
    def effects(self) -> tuple[HolderChange, ...]:
        """The slots whose holder changes: of a learner who moves, from what they had to what they get."""
        moved = {move.learner: move.holders for move in self.moves}
        staying = (change for change in self.holders if change.learner not in moved)
        return (*staying, *(change for changes in moved.values() for change in changes))


def compare(
    files: Files,
    listing: Listing,
    *,
    day: date,
    ids: Mapping[Handle, UserId],
    remembered: Remembered,
    remove: bool = False,
) -> SyncChanges:
    """Return the changes that bring the files up to the listing.

    *ids* are the accounts of the members of staff. Holders are compared as declared on *day*, without cover. What only
    the listing or only the files changed since the last sync is no conflict: the newer value stays. Without a last
    sync, the listing's value is taken.
    """
    return _Comparison(files, day, ids, remembered, remove).of(listing)


@dataclass
class _Comparison:
    files: Files
    day: date
    ids: Mapping[Handle, UserId]
    synced: Remembered
    removes: bool
    newcomers: list[Newcomer] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    holders: list[HolderChange] = field(default_factory=list)
    conflicts: list[Difference] = field(default_factory=list)
    kept: list[Difference] = field(default_factory=list)
    refusals: list[Problem] = field(default_factory=list)
    settled: dict[tuple[LearnerKey, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.declared: dict[LearnerKey, tuple[str, Fields]] = {
            learner_key(learner): (cohort, learner)
            for cohort, values in self.files.items()
            for learner in learners_of(values)
        }
        self.labels = {
            str(learner["label"]): key for key, (_, learner) in self.declared.items() if learner.get("label")
        }
        self.handles = {user: handle for handle, user in self.ids.items()}

    def of(self, listing: Listing) -> SyncChanges:
        listed: dict[LearnerKey, ListedLearner] = {}
        for learner in listing.learners:
            key = self._key(learner)
            if key is None:
                continue
            if key in listed:
                what = f"learner {key} is listed twice: also at {listed[key].source}"
                self.refusals.append(Problem(what, "Remove one of the two.", learner.source))
                continue
            listed[key] = learner
            self._learner(key, learner)
        leavers = () if self.refusals else tuple(self._leavers(self._complete(listing, listed), listed))
        gone = {leaver.learner for leaver in leavers if self.removes}
        for leaver in leavers:  # known from now on, so that the next sync does not take them for added by hand
            self.settled.setdefault((leaver.learner, COHORT_FIELD), leaver.cohort)
        return SyncChanges(
            tuple(self.newcomers),
            tuple(self.moves),
            tuple(self.holders),
            leavers,
            tuple(self.conflicts),
            tuple(self.kept),
            tuple(self.refusals),
            self._remembered(gone),
            self.removes,
        )

    def _key(self, learner: ListedLearner) -> LearnerKey | None:
        """Return the key by which the files have this learner, or a newcomer's own; None if it is refused."""
        known = [key for key in learner.keys if key in self.declared]
        if len(known) > 1:
            what = f"{known[0]} and {known[1]} are two learners in the files"
            self.refusals.append(Problem(what, "Correct the id or the MISID.", learner.source))
            return None
        if known:
            return known[0]
        for key in learner.keys:
            if (other := self.labels.get(str(key))) is not None:
                what = f"{key} is the label of learner {other} in the files, so either of the two may be meant"
                fix = f"Write {other} in the row, or add a column with the OneFile id."
                self.refusals.append(Problem(what, fix, learner.source))
                return None
        return learner.keys[0]

    def _learner(self, key: LearnerKey, learner: ListedLearner) -> None:
        before = self.declared[key][0] if key in self.declared else ""
        earlier = self.synced.get((key, COHORT_FIELD), "")
        target = learner.cohort or before or learner.newcomer_cohort or earlier
        if not self._is_cohort(target, learner):
            return
        cohort = before
        if before == target:
            self.settled[key, COHORT_FIELD] = target
        elif self._takes(key, before or target, COHORT_FIELD, target, before, learner.source):
            cohort = target
            if not before:
                self.newcomers.append(Newcomer(key, learner.label, target, learner.source))
        if cohort:
            own = self.declared[key][1] if key in self.declared else {}
            values = slots_of(self.files[cohort], own)
            for slot, terms in learner.holders.items():
                self._holder(key, cohort, slot, tuple(map(_term, terms)), values, own, learner.source)
            if before and cohort != before:
                self.moves.append(Moved(key, before, cohort, learner.source, self._handed_over(key, before, cohort)))

    def _handed_over(self, key: LearnerKey, before: str, cohort: str) -> tuple[HolderChange, ...]:
        """Return the slots that have another holder once the learner has moved, by a default or by the listing."""
        own = self.declared[key][1]
        had, gets = self._held_in(before, own), self._held_in(cohort, own)
        source = Source("")
        for change in self.holders:
            if change.learner == key:
                gets[change.slot], source = change.after, change.source
        return tuple(
            HolderChange(key, cohort, slot, had.get(slot), gets.get(slot, ()), source)
            for slot in sorted({**had, **gets}, key=Slot.order)
            if had.get(slot, ()) != gets.get(slot, ())
        )

    def _held_in(self, cohort: str, own: Fields) -> dict[Slot, Terms]:
        """Return the terms of each slot of a learner with these entries in a cohort, additional people included."""
        found = {slot: terms_of(value) for slot, value in slots_of(self.files[cohort], own).items()}
        for section in (defaults_of(self.files[cohort]), own):
            items = section.get("additional")
            for item in items if isinstance(items, list) else ():
                if (term := term_of(item)).staff in self.ids:
                    found[Slot(SlotKind.ADDITIONAL, self.ids[Handle(term.staff or "")])] = (term,)
        return found

    def _is_cohort(self, name: str, learner: ListedLearner) -> bool:
        if name in self.files:
            return True
        if name:
            near = get_close_matches(name, self.files, n=1)
            what, fix = f"there is no cohort {name}", "Correct the name, or write the cohort's file first."
            fix = f"Did you mean {near[0]}? Otherwise write the cohort's file first." if near else fix
        else:
            what, fix = "the learner is new, and the row names no cohort", "Fill in the cohort, or use --cohort NAME."
        self.refusals.append(Problem(what, fix, learner.source))
        return False

    def _takes(self, key: LearnerKey, cohort: str, name: str, listing: str, files: str, source: Source) -> bool:
        """Judge a field that differs: return True if the listing's value is to be written."""
        synced = self.synced.get((key, name))
        if synced is None or synced == files:
            self.settled[key, name] = listing
            return True
        self.settled[key, name] = synced
        found = self.kept if synced == listing else self.conflicts
        found.append(Difference(key, cohort, name, listing, files, synced, source))
        return False

    # -------------------------------------------------------------- holders

    def _holder(
        self,
        key: LearnerKey,
        cohort: str,
        slot: Slot,
        terms: Terms,
        values: Mapping[Slot, Data],
        own: Fields,
        source: Source,
    ) -> None:
        if slot.kind is SlotKind.ADDITIONAL:
            before = self._additional(cohort, own, slot)
        else:
            before = terms_of(values[slot]) if slot in values else None
        is_dated = terms != (Term(terms[0].staff),)
        files = self._text(before or ()) if is_dated else self._text_on(before or ())
        listing, name = self._text(terms), field_of(slot)
        if listing == files:
            self.settled[key, name] = listing
        elif self._takes(key, cohort, name, listing, files, source):
            after = terms if is_dated else _held_on(before or (), self.day, terms[0].staff)
            self.holders.append(HolderChange(key, cohort, slot, before, after, source))

    def _additional(self, cohort: str, own: Fields, slot: Slot) -> Terms | None:
        """Return the terms of an additional person; the learner's own entry hides the default's."""
        handle = self.handles.get(UserId(slot.key)) if isinstance(slot.key, int) else None
        for section in (own, defaults_of(self.files[cohort])):
            items = section.get("additional")
            for item in items if isinstance(items, list) else ():
                if (term := term_of(item)).staff == handle:
                    return (term,)
        return None

    def _text_on(self, terms: Terms) -> str:
        return next((self._name(term.staff) for term in terms if term.on(self.day)), "")

    def _text(self, terms: Terms) -> str:
        ordered = sorted(terms, key=lambda term: (term.start or date.min, term.end or date.max))
        return ",".join(f"{self._name(term.staff)}{_span(term)}" for term in ordered)

    def _name(self, staff: str | None) -> str:
        return NOBODY if staff is None else str(self.ids.get(Handle(staff), staff))

    # -------------------------------------------------------------- leavers

    def _leavers(self, complete: Collection[str], listed: Collection[LearnerKey]) -> Iterator[Leaver]:
        """Yield whom the listing does not list, but for those whom the files have changed since the last sync."""
        known = {value for (_, name), value in self.synced.items() if name == COHORT_FIELD}
        for key, (cohort, own) in self.declared.items():
            if cohort not in complete or key in listed:
                continue
            if cohort in known and (key, COHORT_FIELD) not in self.synced:  # added to the files by hand
                self.kept.append(Difference(key, cohort, COHORT_FIELD, "", cohort, ""))
            elif self.removes and (changed := self._changed(key, cohort, own)):
                self.conflicts.append(changed)
            else:
                yield Leaver(key, cohort)

    def _complete(self, listing: Listing, listed: Collection[LearnerKey]) -> frozenset[str]:
        if listing.complete is not None:
            return listing.complete
        named = {learner.cohort for learner in listing.learners}
        return frozenset(named | {self.declared[key][0] for key in listed if key in self.declared})

    def _changed(self, key: LearnerKey, cohort: str, own: Fields) -> Difference | None:
        """Return a field that the files have changed since the last sync, if any."""
        if (synced := self.synced.get((key, COHORT_FIELD), cohort)) != cohort:
            return Difference(key, cohort, COHORT_FIELD, "", cohort, synced)
        for slot, value in slots_of(self.files[cohort], own).items():
            terms, name = terms_of(value), field_of(slot)
            now = self._text_on(terms)
            synced = self.synced.get((key, name), now)
            if synced not in (now, self._text(terms)):
                return Difference(key, cohort, name, "", now, synced)
        return None

    def _remembered(self, gone: Collection[LearnerKey]) -> Remembered:
        """Return the settled values, with the earlier ones of fields that are not listed now."""
        kept = self.declared.keys() - set(gone)
        earlier = {place: value for place, value in self.synced.items() if place[0] in kept}
        return {**earlier, **{place: value for place, value in self.settled.items() if place[0] not in gone}}


def _term(term: ListedTerm) -> Term:
    return Term(*term)


def _span(term: Term) -> str:
    if term.start is None and term.end is None:
        return ""
    return f"@{term.start or ''}..{term.end or ''}"


def _held_on(terms: Sequence[Term], day: date, staff: str | None) -> Terms:
    """Make somebody the holder on the day: in the term that has it, else until the next term."""
    if any(term.on(day) for term in terms):
        return changed_on(terms, day, staff)
    later = min((term.start for term in terms if term.start is not None and term.start > day), default=None)
    new = Term(staff, day if terms else None, later and later - DAY)
    return tuple(sorted([*terms, new], key=lambda term: term.start or date.min))


def grouped(changes: Sequence[HolderChange]) -> Mapping[str, Sequence[HolderChange]]:
    """Group changes by cohort."""
    groups: dict[str, list[HolderChange]] = defaultdict(list)
    for change in changes:
        groups[change.cohort].append(change)
    return groups
