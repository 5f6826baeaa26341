"""Entries, dates, cover and defaults to what is declared for one day. Pure: the day is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from reconciler.declared.entries import CohortEntry, LearnerEntry, Slots, Term
from reconciler.declared.words import slot_name
from reconciler.model import (
    Cover,
    DeclaredLearner,
    Handle,
    OrganisationId,
    Slot,
    SlotKind,
    Staff,
    Wanted,
)
from reconciler.problems import Problem, Source

Acting = Mapping[Handle, tuple[Staff, Cover | None]]
"""Who acts for each handle on the day, and the cover that put them there (the last one of a chain)."""


def acting(staff: Mapping[Handle, Staff], day: date) -> Acting:
    """Follow every chain of cover. Circles and strangers are refused by the rules; met here, they end the chain."""
    return {handle: _stand_in(member, staff, day) for handle, member in staff.items()}


def _stand_in(member: Staff, staff: Mapping[Handle, Staff], day: date) -> tuple[Staff, Cover | None]:
    passed, last = {member.handle}, None
    while cover := cover_on(member, day):
        if cover.by in passed or cover.by not in staff:
            break
        member, last = staff[cover.by], cover
        passed.add(member.handle)
    return member, last


def cover_on(member: Staff, day: date) -> Cover | None:
    """The cover in force on *day*, both ends included."""
    for cover in member.cover:
        if cover.start <= day and (cover.end is None or day <= cover.end):
            return cover
    return None


def term_on(terms: tuple[Term, ...], day: date) -> Term | None:
    for term in terms:
        if (term.start is None or term.start <= day) and (term.end is None or day <= term.end):
            return term
    return None


def build_cohort(
    cohort: CohortEntry, organisation: OrganisationId, people: Acting, day: date
) -> tuple[list[DeclaredLearner], list[Problem]]:
    """The cohort's learners on *day*, and a warning for every slot whose entries leave that day empty.

    What comes from the defaults is resolved once and shared by all learners who do not say otherwise.
    """
    builder = _Builder(cohort, cohort.organisation or organisation, people, day)
    return [builder.learner(entry) for entry in cohort.learners], builder.warnings


class _Builder:
    def __init__(self, cohort: CohortEntry, organisation: OrganisationId, people: Acting, day: date) -> None:
        self._cohort, self._organisation, self._people, self._day = cohort, organisation, people, day
        self.warnings: list[Problem] = []
        self._defaults = self._single(cohort.defaults, "defaults")
        self._further = self._additional(cohort.defaults.additional)
        self._inherited = {**self._further, **self._defaults}
        self._warn_of_ended(cohort.defaults.additional, "defaults")

    def learner(self, entry: LearnerEntry) -> DeclaredLearner:
        return DeclaredLearner(
            id=entry.id,
            misid=entry.misid,
            label=entry.label,
            cohort=self._cohort.name,
            organisation=self._organisation,
            slots=self._slots(entry),
            source=Source(self._cohort.file, entry.line),
        )

    def _slots(self, entry: LearnerEntry) -> Mapping[Slot, Wanted]:
        own = entry.slots
        if not own.held and not own.additional:
            return self._inherited
        self._warn_of_ended(own.additional, entry.subject)
        further = self._further
        if own.additional:
            named = {term.staff for term in own.additional}
            kept = [term for term in self._cohort.defaults.additional if term.staff not in named]
            further = self._additional((*kept, *own.additional))
        spoken_for = {held.slot for held in own.held}
        kept_defaults = {slot: wanted for slot, wanted in self._defaults.items() if slot not in spoken_for}
        return {**further, **kept_defaults, **self._single(own, entry.subject)}

    def _single(self, slots: Slots, subject: str) -> dict[Slot, Wanted]:
        """Slots that hold one; one without anybody on the day is not managed on that day, and says so.

        One without any entry is not managed on any day, which is what it is written for: to leave out a default.
        """
        found: dict[Slot, Wanted] = {}
        for held in slots.held:
            term = term_on(held.terms, self._day)
            if term is None and not held.terms:
                continue
            if term is None:
                self.warnings.append(self._nobody(held.terms, held.line, f"{subject}: {slot_name(held.slot)}"))
            else:
                found[held.slot] = self._wanted(term)
        return found

    def _additional(self, terms: tuple[Term, ...]) -> dict[Slot, Wanted]:
        """Set members by the user who acts. Who is named beats who only stands in for somebody else."""
        wanted = [self._wanted(term) for term in terms if term_on((term,), self._day)]
        wanted.sort(key=lambda one: (one.reason == "declared", one.handle or ""))
        return {Slot(SlotKind.ADDITIONAL, one.staff): one for one in wanted}

    def _wanted(self, term: Term) -> Wanted:
        if term.staff is None:
            return Wanted(None, None, Source(self._cohort.file, term.line))
        member, cover = self._people[term.staff]
        if cover is None:
            return Wanted(member.id, member.handle, Source(self._cohort.file, term.line))
        return Wanted(member.id, member.handle, cover.source, "cover")

    def _nobody(self, terms: tuple[Term, ...], line: int, place: str) -> Problem:
        ends = [term.end for term in terms if term.end is not None and term.end < self._day]
        starts = [term.start for term in terms if term.start is not None and term.start > self._day]
        when = f"after {max(ends)}" if ends else f"before {min(starts)}"
        return Problem(
            f"{place}: nobody is declared {when}, so the slot is not managed on {self._day}",
            "add an entry for that time, or remove the key if the slot shall not be managed.",
            Source(self._cohort.file, line),
            severity="warning",
        )

    def _warn_of_ended(self, terms: tuple[Term, ...], subject: str) -> None:
        """OneFile has no unassign: an additional person stays until somebody takes them off by hand."""
        for term in terms:
            if term.end is not None and term.end < self._day:
                what = f"{subject}: additional: the time of '{term.staff}' ended on {term.end}"
                fix = "take the person off in OneFile, then remove the entry here."
                self.warnings.append(Problem(what, fix, Source(self._cohort.file, term.line), severity="warning"))
