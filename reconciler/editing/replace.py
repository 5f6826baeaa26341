"""One member of staff in another's place, in every slot that the files give them; pure."""

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

"""A learner's id or MISID, as the file has it."""


class Taken(Struct, frozen=True):
    """A place in a cohort file that changed hands; `learner` None is the cohort's defaults."""

    cohort: str
    learner: LearnerKey | None
    slot: SlotKind
    key: int | str | None = None


class Replacement(Struct):
    """`taken` is what changed hands; `stuck` says, place by place, why something could not."""

    taken: list[Taken] = field(default_factory=list)
    stuck: list[tuple[Taken, str]] = field(default_factory=list)


def learner_key(fields: Fields) -> LearnerKey:
    key = fields.get("id", fields.get("misid"))
    return UserId(key) if isinstance(key, int) else key if isinstance(key, str) else ""


@dataclass
class Replace:
    """*by* in the place of *who*: from *start* on, or without one in every time that has not ended *today*."""

    who: str
    by: str
    start: date | None
    today: date

    def in_cohort(self, name: str, cohort: Fields, only: Collection[LearnerKey] | None) -> Replacement:
        """Change the values of one cohort. *only* names learners; what they have from defaults becomes their own."""
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
            if not self._as_meant(before[key], people, concerned=only is None or key in only):
                why = f"the defaults and their own entries name {self.who} or {self.by} as additional at other days"
                done.stuck.append((Taken(name, key, SlotKind.ADDITIONAL), why))
        return done

    def _as_meant(self, before: Collection[Term], after: Collection[Term], *, concerned: bool) -> bool:
        """Whether on every day that counts the same people are added as before, but for *by* in the place of *who*.
        An entry of a learner's own hides the defaults' entry for the same person, so that one edit may do too much."""
        first = self.start or self.today
        begin = min(self.today, first - DAY) if self.start else first
        days = {begin, first - DAY, first}
        for term in (*before, *after):
            days |= {term.start or begin, begin if term.end is None else term.end + DAY}

        def meant(day: date) -> set[str | None]:
            moves = concerned and day >= first
            return {self.by if moves and one.staff == self.who else one.staff for one in before if one.on(day)}

        return all(meant(day) == {one.staff for one in after if one.on(day)} for day in days if day >= begin)

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
        """What this one learner has from the defaults, as entries of their own."""
        known = {slot for slot, _, _ in held(own)}
        for slot, fields, key in held(defaults):
            before = terms_of(fields[key])
            if slot not in known and (after := self._after(before)) != before:
                put(own, slot, value_of(after))
                done.taken.append(Taken(cohort, learner, slot.kind, slot.key))
        mine, shared = own.get("additional"), defaults.get("additional")
        named = {term_of(item).staff for item in mine} if isinstance(mine, list) else set()
        if isinstance(shared, list) and self.who not in named:
            theirs = [item for item in shared if term_of(item).staff == self.who]
            if theirs and self._lasts(term_of(theirs[0])):
                place = Taken(cohort, learner, SlotKind.ADDITIONAL)
                own_items: list[Data] = [*(mine if isinstance(mine, list) else []), *theirs]
                own.setdefault("additional", own_items)
                # the defaults' entry goes on for the others, so here it has to end
                self._additional(place, own, own_items, done, start=self.start or self.today)

    def _lasts(self, term: Term) -> bool:
        return term.end is None or term.end >= (self.start or self.today)

    # -------------------------------------------------------------- additional people, a set

    def _additional(
        self, place: Taken, section: Fields, items: list[Data], done: Replacement, start: date | None = None
    ) -> None:
        """One entry a person: where *by* is there already, *who* only ends."""
        begin = start or self.start
        found = {term_of(item).staff: term_of(item) for item in items}
        mine = found.get(self.who)
        if mine is None or not self._lasts(mine):
            return
        theirs, ends = found.get(self.by), begin is not None and (mine.start is None or mine.start < begin)
        coming = Term(self.by, begin if ends else mine.start, mine.end)
        if theirs is not None and not _covers(theirs, coming):
            done.stuck.append((place, f"{self.by} is among the additional people at other days"))
            return
        after: list[Data] = []
        for item in items:
            if term_of(item).staff != self.who:
                after.append(item)
                continue
            if ends and begin is not None:
                after.append(dated(mine._replace(end=begin - DAY)))
            if theirs is None:
                after.append(self.by if coming == Term(self.by) and isinstance(item, str) else dated(coming))
        if after:
            section["additional"] = after
        else:
            del section["additional"]
        done.taken.append(place)


def _additional_people(cohort: Fields) -> dict[LearnerKey, list[Term]]:
    """Whom each learner has added, and when: their own entries hide the defaults' for the same person."""

    def named(section: Fields) -> dict[str | None, Term]:
        items = section.get("additional")
        terms = map(term_of, items) if isinstance(items, list) else ()
        return {term.staff: term for term in terms}

    shared = named(defaults_of(cohort))
    return {learner_key(one): list({**shared, **named(one)}.values()) for one in learners_of(cohort)}


def _covers(one: Term, other: Term) -> bool:
    starts = one.start is None or (other.start is not None and one.start <= other.start)
    return starts and (one.end is None or (other.end is not None and other.end <= one.end))


def with_cover(staff: Fields, who: str, cover: Fields) -> None:
    """Add a stand-in to a member of staff, among the others by their first day."""
    members = staff["staff"]
    member = members[who] if isinstance(members, dict) else None
    if not isinstance(member, dict):
        return
    covers = member.get("cover")
    if not isinstance(covers, list):
        member["cover"] = [cover]
        return
    begins = str(cover["from"])
    place = sum(isinstance(one, dict) and str(one.get("from")) <= begins for one in covers)
    covers.insert(place, cover)
