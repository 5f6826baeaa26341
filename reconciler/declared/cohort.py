"""Typed entries of a cohort file: one form for the three ways of writing who holds a slot.

Values that the schema has refused are absent, so that the rules can still check the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache

from reconciler.declared.yaml_loader import Document, Fields, Items, Refused
from reconciler.model.slots import LISTED, SINGLE, Handle, OrganisationId, Slot, SlotKind, UserId, shared_slot
from reconciler.model.structs import Struct
from reconciler.text import shown


class Term(Struct, frozen=True):
    """Holder of a slot in a period: `staff` None is nobody; `start` and `end` None are open ends."""

    staff: Handle | None
    start: date | None
    end: date | None
    line: int


class Held(Struct, frozen=True):
    """Slot with its terms, in the order of the file."""

    slot: Slot
    terms: tuple[Term, ...]
    line: int


class Slots(Struct, frozen=True):
    """Slots declared for one learner, or by a cohort's defaults."""

    held: tuple[Held, ...] = ()
    additional: tuple[Term, ...] = ()


Fitting = Mapping[SlotKind, frozenset[Handle | None]]
"""Handles that may hold each kind of slot."""


class Learner(Struct, frozen=True):
    """Learner of a cohort file, named by `id` or by `misid`."""

    id: UserId | None
    misid: str | None
    label: str
    line: int

    @property
    def slots(self) -> Slots:
        """Slots that the entry names."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """Name of the learner in problems."""
        return _subject(self.id, self.misid)

    def is_plain(self, fitting: Fitting) -> bool:
        """Return True for the usual case: each slot has one undated entry of a fitting holder, so nothing is wrong."""
        terms = [(held.slot.kind, term) for held in self.slots.held for term in held.terms]
        terms += [(SlotKind.ADDITIONAL, term) for term in self.slots.additional]
        return all(len(held.terms) == 1 for held in self.slots.held) and all(
            not term.start and not term.end and term.staff in fitting[kind] for kind, term in terms
        )


class LearnerEntry(Learner, frozen=True):
    """Learner whose entry was parsed."""

    slots: Slots


def _subject(key: UserId | None, misid: str | None) -> str:
    if key is not None:
        return f"learner {key}"
    return f"learner {shown(misid)}" if misid is not None else "learner"


class CohortEntry(Struct, frozen=True):
    """Cohort file. `name` is the name of the file, `declared` the value of its key `cohort`."""

    file: str
    name: str
    declared: str
    line: int
    organisation: OrganisationId | None
    defaults: Slots
    learners: tuple[Learner, ...]


# ------------------------------------------------------------------ values of one type, or nothing


def text_at(fields: Fields, key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and not isinstance(value, Refused) else None


def number_at(fields: Fields, key: str) -> int | None:
    value = fields.get(key)
    return value if isinstance(value, int) else None


def fields_at(fields: Fields, key: str) -> Fields:
    value = fields.get(key)
    return value if isinstance(value, Fields) else Fields()


def mappings_at(fields: Fields, key: str) -> Iterator[tuple[Fields, int]]:
    """Yield the mappings in the list under *key*, each with its line."""
    value = fields.get(key)
    if isinstance(value, Items):
        for item, line in zip(value, value.lines, strict=True):
            if isinstance(item, Fields):
                yield item, line


def has_refused(fields: Fields) -> bool:
    """Return True if one of the values has a fault that is already reported."""
    return Refused in map(type, fields.values())


# ------------------------------------------------------------------ one cohort file


def read_cohort(document: Document, name: str) -> CohortEntry:
    """Read the entries of a cohort file; invalid days and duplicates in a list become problems of the document."""
    root = document.value if isinstance(document.value, Fields) else Fields()
    reader = Reader(document)
    organisation = number_at(root, "organisation")
    return CohortEntry(
        file=document.file,
        name=name,
        declared=text_at(root, "cohort") or "",
        line=root.lines.get("cohort", 0),
        organisation=None if organisation is None else OrganisationId(organisation),
        defaults=reader.slots(fields_at(root, "defaults"), "defaults"),
        learners=tuple(reader.learner(fields, line) for fields, line in mappings_at(root, "learners")),
    )


class Reader:
    """Reads values of one document, and adds a problem to it for each fault."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def learner(self, fields: Fields, line: int) -> LearnerEntry:
        number = number_at(fields, "id")
        key = None if number is None else UserId(number)
        misid, label = text_at(fields, "misid"), text_at(fields, "label") or ""
        return LearnerEntry(key, misid, label, line, self.slots(fields, _subject(key, misid)))

    def slots(self, fields: Fields, subject: str) -> Slots:
        slots: list[Held] = []
        for key in fields:
            if key in SINGLE:
                slots += self._held(shared_slot(SINGLE[key], None), fields, key, subject)
            elif key in LISTED:
                for slot, item, part in self._listed(fields, key, subject):
                    slots += self._held(slot, item, part, subject)
        additional = self._additional(fields, subject) if "additional" in fields else ()
        return Slots(tuple(slots), additional)

    def _listed(self, fields: Fields, key: str, subject: str) -> Iterator[tuple[Slot, Fields, str]]:
        """Yield the slots of `learning_aims` or `units`, each with the entry and the key that name its holder."""
        name, kinds = LISTED[key]
        first: dict[int | str, int] = {}
        for item, line in mappings_at(fields, key):
            number = item.get(name)
            if not isinstance(number, int | str) or isinstance(number, Refused):
                continue
            if number in first:
                what = f"{subject}: {name} {shown(str(number))} is listed twice; first on line {first[number]}"
                self._document.problem(line, what, "Put both into one entry, or remove one.")
                continue
            first[number] = line
            for part, kind in kinds.items():
                if part in item:
                    yield shared_slot(kind, number), item, part

    def _held(self, slot: Slot, fields: Fields, key: str, subject: str) -> tuple[Held, ...]:
        """Read a slot with its terms; return nothing if a term has a fault, because gaps would be wrong then."""
        value, line = fields[key], fields.lines[key]
        if type(value) is str or value is None:  # the usual case
            holder = None if value is None else Handle(value)
            return (Held(slot, (Term(holder, None, None, line),), line),)
        if not isinstance(value, Items):
            return ()
        terms = [self._term(item, line, subject) for item, line in mappings_at(fields, key)]
        sound = tuple(term for term in terms if term is not None)
        return (Held(slot, sound, line),) if len(sound) == len(value) else ()

    def _term(self, item: Fields, line: int, subject: str) -> Term | None:
        """Read one dated entry; return None if it has a fault that is already reported."""
        if "staff" not in item or has_refused(item):
            return None
        start = self.day(item, "from", subject) if "from" in item else None
        end = self.day(item, "until", subject) if "until" in item else None
        if (start is None and "from" in item) or (end is None and "until" in item):
            return None
        staff = item["staff"]
        return Term(Handle(staff) if isinstance(staff, str) else None, start, end, line)

    def _additional(self, fields: Fields, subject: str) -> tuple[Term, ...]:
        value = fields["additional"]
        terms: dict[Handle | None, Term] = {}
        for item, line in zip(value, value.lines, strict=True) if isinstance(value, Items) else ():
            term = None
            if isinstance(item, Fields):
                term = self._term(item, line, subject)
            elif isinstance(item, str) and not isinstance(item, Refused):
                term = Term(Handle(item), None, None, line)
            if term is not None and term.staff in terms:
                what = f"{subject}: additional names '{term.staff}' twice; first on line {terms[term.staff].line}"
                self._document.problem(line, what, "Remove one of the two.")
            elif term is not None:
                terms[term.staff] = term
        return tuple(terms.values())

    def day(self, fields: Fields, key: str, subject: str) -> date | None:
        """Read the day under *key*; a day that is not in the calendar becomes a problem."""
        text = text_at(fields, key)
        return None if text is None else self.day_in(fields, key, text, subject)

    def day_in(self, fields: Fields, key: str, text: str, subject: str) -> date | None:
        """Read a day that is a part of the value under *key*."""
        day = calendar_day(text)
        if day is None:
            fix = "Correct the day or the month; February has 29 days in leap years only."
            self._document.problem(fields.lines[key], f"{subject}: {key}: there is no day {text}", fix)
        return day


@lru_cache(maxsize=10_000)
def calendar_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
