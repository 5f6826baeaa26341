"""Replaces one member of staff with another in the values of a cohort file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from reconciler.editing.assignments import (
    DAY,
    Fields,
    Term,
    changed_from,
    dated,
    defaults_of,
    held,
    learners_of,
    put,
    swapped,
    term_of,
    terms_of,
    value_of,
)
from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import LearnerKey, SlotKind, UserId
from reconciler.model.structs import Struct, field


class Taken(Struct, frozen=True):
    """Slot in a cohort file whose holder changed; `learner` None is the cohort's defaults."""

    cohort: str
    learner: LearnerKey | None
    slot: SlotKind
    key: int | str | None = None


class Replacement(Struct):
    """Result of a replacement: slots whose holder changed, and slots that could not change, with the reason."""

    taken: list[Taken] = field(default_factory=list)
    stuck: list[tuple[Taken, str]] = field(default_factory=list)


def learner_key(fields: Fields) -> LearnerKey:
    key = fields.get("id", fields.get("misid"))
    return UserId(key) if isinstance(key, int) else key if isinstance(key, str) else ""


@dataclass
class Replace:
    """Replacement of `who` by `by`, from `start` on, or without it in every term that has not ended `today`."""

    who: str
    by: str
    start: date | None
    today: date

    def in_cohort(self, name: str, cohort: Fields, only: Collection[LearnerKey] | None) -> Replacement:
        """Change the values of one cohort. With *only*, inherited slots of these learners become their own entries."""
        done, before = Replacement(), _additional_people(cohort)
        if only is None:
            self._section(name, None, defaults_of(cohort), done)
        for learner in learners_of(cohort):
            key = learner_key(learner)
            if only is None or key in only:
                self._section(name, key, learner, done)
            if only is not None and key in only:
                self._inherited(name, key, learner, defaults_of(cohort), done)
        for key, people in _additional_people(cohort).items():
            if not self._is_as_intended(before[key], people, concerned=only is None or key in only):
                why = f"the defaults and the learner's own entries name {self.who} or {self.by} on different days"
                done.stuck.append((Taken(name, key, SlotKind.ADDITIONAL), why))
        return done

    def _is_as_intended(self, before: Collection[Term], after: Collection[Term], *, concerned: bool) -> bool:
        """Return True if the same people are additional on every day as before, but for `by` in the place of `who`.

        A learner's own entry hides the defaults' entry for the same person, so that one edit may do too much.
        """
        first = self.start or self.today
        eve = max(first, date.min + DAY) - DAY
        begin = min(self.today, eve) if self.start else first
        days = {begin, eve, first}
        for term in (*before, *after):
            days |= {term.start or begin, begin if term.end is None else min(term.end, date.max - DAY) + DAY}

        def intended(day: date) -> set[str | None]:
            moves = concerned and day >= first
            return {self.by if moves and term.staff == self.who else term.staff for term in before if term.on(day)}

        return all(intended(day) == {term.staff for term in after if term.on(day)} for day in days if day >= begin)

    def _after(self, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        if self.start is None:
            return swapped(terms, self.today, self.who, self.by)
        return changed_from(terms, self.start, self.who, self.by)

    def _section(self, cohort: str, learner: LearnerKey | None, section: Fields, done: Replacement) -> None:
        for slot, fields, key in list(held(section)):
            before = terms_of(fields[key])
            if (after := self._after(before)) != before:
                fields[key] = value_of(after, fields[key])
                done.taken.append(Taken(cohort, learner, slot.kind, slot.key))
        items = section.get("additional")
        if isinstance(items, list):
            self._additional(Taken(cohort, learner, SlotKind.ADDITIONAL), section, items, done)

    def _inherited(self, cohort: str, learner: LearnerKey, own: Fields, defaults: Fields, done: Replacement) -> None:
        """Write what a learner inherits from the defaults as entries of their own."""
        known = {slot for slot, _, _ in held(own)}
        for slot, fields, key in held(defaults):
            before = terms_of(fields[key])
            if slot not in known and (after := self._after(before)) != before:
                put(own, slot, value_of(after))
                done.taken.append(Taken(cohort, learner, slot.kind, slot.key))
        additional, shared = own.get("additional"), defaults.get("additional")
        named = {term_of(item).staff for item in additional} if isinstance(additional, list) else set()
        if isinstance(shared, list) and self.who not in named:
            inherited = [item for item in shared if term_of(item).staff == self.who]
            if inherited and self._lasts(term_of(inherited[0])):
                place = Taken(cohort, learner, SlotKind.ADDITIONAL)
                own_items: list[Data] = [*(additional if isinstance(additional, list) else []), *inherited]
                own.setdefault("additional", own_items)
                # the defaults' entry continues for other learners, so this one has to end
                self._additional(place, own, own_items, done, start=self.start or self.today)

    def _lasts(self, term: Term) -> bool:
        return term.end is None or term.end >= (self.start or self.today)

    # -------------------------------------------------------------- additional people, a set

    def _additional(
        self, place: Taken, section: Fields, items: list[Data], done: Replacement, start: date | None = None
    ) -> None:
        """Change a list of additional people, with one entry per person: if `by` has one already, `who` only ends."""
        begin = start or self.start
        terms = {term_of(item).staff: term_of(item) for item in items}
        old = terms.get(self.who)
        if old is None or not self._lasts(old):
            return
        present = terms.get(self.by)
        ends = begin is not None and begin > (old.start or date.min)
        new = Term(self.by, begin if ends else old.start, old.end)
        if present is not None and not _covers(present, new):
            done.stuck.append((place, f"{self.by} is already additional on other days"))
            return
        after: list[Data] = []
        for item in items:
            if term_of(item).staff != self.who:
                after.append(item)
                continue
            if ends and begin is not None:
                after.append(dated(old._replace(end=begin - DAY)))
            if present is None:
                after.append(self.by if new == Term(self.by) and isinstance(item, str) else dated(new))
        if after:
            section["additional"] = after
        else:
            del section["additional"]
        done.taken.append(place)


def _additional_people(cohort: Fields) -> dict[LearnerKey, list[Term]]:
    """Return each learner's additional people; own entries hide the defaults' for the same person."""

    def named(section: Fields) -> dict[str | None, Term]:
        items = section.get("additional")
        terms = map(term_of, items) if isinstance(items, list) else ()
        return {term.staff: term for term in terms}

    shared = named(defaults_of(cohort))
    return {learner_key(learner): list({**shared, **named(learner)}.values()) for learner in learners_of(cohort)}


def _covers(outer: Term, inner: Term) -> bool:
    starts = outer.start is None or (inner.start is not None and outer.start <= inner.start)
    return starts and (outer.end is None or (inner.end is not None and inner.end <= outer.end))


def with_cover(staff: Fields, who: str, cover: Fields) -> None:
    """Add a stand-in to a member of staff, in the order of first days."""
    members = staff["staff"]
    member = members[who] if isinstance(members, dict) else None
    if not isinstance(member, dict):
        return
    covers = member.get("cover")
    if not isinstance(covers, list):
        member["cover"] = [cover]
        return
    begins = str(cover["from"])
    place = sum(isinstance(item, dict) and str(item.get("from")) <= begins for item in covers)
    covers.insert(place, cover)
