"""Checked values as typed entries: one form for the three ways of writing who holds a slot.

Tolerant by design: what the schema has refused is simply absent here, so that the rules still see the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from reconciler.declared.yaml_loader import Document, Fields, Items, Refused
from reconciler.model.slots import LISTED, SINGLE, Handle, OrganisationId, Slot, UserId
from reconciler.model.structs import Struct
from reconciler.text import shown


class Term(Struct, frozen=True, array_like=True):
    """Who holds a slot in a time: `staff` None is nobody, `start` None since ever, `end` None for good."""

    staff: Handle | None
    start: date | None
    end: date | None
    line: int


class Held(Struct, frozen=True, array_like=True):
    """A slot and its terms, in the order of the file."""

    slot: Slot
    terms: tuple[Term, ...]
    line: int


class Slots(Struct, frozen=True, array_like=True):
    """What one learner, or a cohort's defaults, ask for."""

    held: tuple[Held, ...] = ()
    additional: tuple[Term, ...] = ()


class LearnerEntry(Struct, frozen=True, array_like=True):
    id: UserId | None
    misid: str | None
    label: str
    line: int
    slots: Slots

    @property
    def subject(self) -> str:
        """How problems call this learner."""
        return _subject(self.id, self.misid)


def _subject(key: UserId | None, misid: str | None) -> str:
    if key is not None:
        return f"learner {key}"
    return f"learner {shown(misid)}" if misid is not None else "learner"


class CohortEntry(Struct, frozen=True, array_like=True):
    """One cohort file. `name` is the file's own name, `declared` what its key `cohort` says."""

    file: str
    name: str
    declared: str
    line: int
    organisation: OrganisationId | None
    defaults: Slots
    learners: tuple[LearnerEntry, ...]


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
    """The mappings in the list under *key*, each with its line."""
    value = fields.get(key)
    if isinstance(value, Items):
        for item, line in zip(value, value.lines, strict=True):
            if isinstance(item, Fields):
                yield item, line


def spoilt(fields: Fields) -> bool:
    """Whether a value in here has a fault that is already told."""
    return Refused in map(type, fields.values())


# ------------------------------------------------------------------ one cohort file

slot_of = lru_cache(maxsize=10_000)(Slot)  # the same few thousand slots stand on all learners


def read_cohort(document: Document, name: str) -> CohortEntry:
    """The entries of a cohort file; what is no day, or stands twice in one list, becomes a problem of the document."""
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
    """Reads values of one document, and tells it what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def learner(self, fields: Fields, line: int) -> LearnerEntry:
        number = number_at(fields, "id")
        key = None if number is None else UserId(number)
        misid, label = text_at(fields, "misid"), text_at(fields, "label") or ""
        return LearnerEntry(key, misid, label, line, self.slots(fields, _subject(key, misid)))

    def slots(self, fields: Fields, subject: str) -> Slots:
        held: list[Held] = []
        for key in fields:
            if key in SINGLE:
                held += self._held(slot_of(SINGLE[key]), fields, key, subject)
            elif key in LISTED:
                for slot, item, part in self._listed(fields, key, subject):
                    held += self._held(slot, item, part, subject)
        additional = self._additional(fields, subject) if "additional" in fields else ()
        return Slots(tuple(held), additional)

    def _listed(self, fields: Fields, key: str, subject: str) -> Iterator[tuple[Slot, Fields, str]]:
        """The slots of `learning_aims` or `units`, each with the entry and the key that say who holds it."""
        name, kinds = LISTED[key]
        first: dict[int | str, int] = {}
        for item, line in mappings_at(fields, key):
            number = item.get(name)
            if not isinstance(number, int | str) or isinstance(number, Refused):
                continue
            if number in first:
                what = f"{subject}: {name} {shown(str(number))} is listed twice; first on line {first[number]}"
                self._document.problem(line, what, "put both into one entry, or remove one.")
                continue
            first[number] = line
            for part, kind in kinds.items():
                if part in item:
                    yield slot_of(kind, number), item, part

    def _held(self, slot: Slot, fields: Fields, key: str, subject: str) -> tuple[Held, ...]:
        """A slot with its terms; nothing if one has a fault: with one missing, talk of gaps would be wrong."""
        value, line = fields[key], fields.lines[key]
        if type(value) is str or value is None:  # by far the most
            holder = None if value is None else Handle(value)
            return (Held(slot, (Term(holder, None, None, line),), line),)
        if not isinstance(value, Items):
            return ()
        terms = [self._term(item, line, subject) for item, line in mappings_at(fields, key)]
        sound = tuple(term for term in terms if term is not None)
        return (Held(slot, sound, line),) if len(sound) == len(value) else ()

    def _term(self, item: Fields, line: int, subject: str) -> Term | None:
        """One dated entry, or None if it has a fault that is already told."""
        if "staff" not in item or spoilt(item):
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
                self._document.problem(line, what, "remove one of the two.")
            elif term is not None:
                terms[term.staff] = term
        return tuple(terms.values())

    def day(self, fields: Fields, key: str, subject: str) -> date | None:
        """The day under *key*; a day that no calendar has is a problem."""
        text = text_at(fields, key)
        if text is None:
            return None
        found = calendar_day(text)
        if found is None:
            fix = "correct the day or the month; February has 29 days in leap years only."
            self._document.problem(fields.lines[key], f"{subject}: {key}: there is no day {text}", fix)
        return found


@lru_cache(maxsize=10_000)
def calendar_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
