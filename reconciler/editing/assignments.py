"""Where in a cohort file's values who holds a slot is written, and in which times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import LISTED, SINGLE, Slot

Fields = dict[str, Data]
DAY = timedelta(days=1)


class Term(NamedTuple):
    """Who holds a slot from `start` (None: since ever) to `end` (None: for good), both included; None is nobody."""

    staff: str | None
    start: date | None = None
    end: date | None = None

    def on(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


def learners_of(cohort: Fields) -> list[Fields]:
    found = cohort.get("learners")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def defaults_of(cohort: Fields) -> Fields:
    found = cohort.get("defaults")
    return found if isinstance(found, dict) else {}


def held(section: Fields) -> Iterator[tuple[Slot, Fields, str]]:
    """The slots of a learner or of the defaults: each with the mapping that has it, and the key there."""
    for name, kind in SINGLE.items():
        if name in section:
            yield Slot(kind), section, name
    for name, (key, kinds) in LISTED.items():
        for item in _mappings(section.get(name)):
            for part, kind in kinds.items():
                number = item.get(key)
                if part in item and isinstance(number, int | str):
                    yield Slot(kind, number), item, part


def put(section: Fields, slot: Slot, value: Data) -> None:
    """Write who holds a slot, in a place of its own where the section has none yet."""
    for known, fields, key in held(section):
        if known == slot:
            fields[key] = value
            return
    for name, kind in SINGLE.items():
        if kind is slot.kind:
            _put_behind(section, name, value)
    for name, (key, kinds) in LISTED.items():
        for part, kind in kinds.items():
            if kind is slot.kind and slot.key is not None:
                _put_behind(_item(section, name, key, slot.key), part, value)


def _item(section: Fields, name: str, key: str, number: int | str) -> Fields:
    """The item of a list that is about this standard or unit; made where there is none."""
    items = section.get(name)
    if not isinstance(items, list):
        items = []
        _put_behind(section, name, items)
    for item in _mappings(items):
        if item.get(key) == number:
            return item
    made: Fields = {key: number}
    items.append(made)
    return made


_NAMES = [listed.name for listed in LISTED.values()]
_PARTS = dict.fromkeys(part for listed in LISTED.values() for part in listed.kinds)
_ORDER = ("id", "misid", "label", *SINGLE, *LISTED, "additional", *_NAMES, *_PARTS)


def _put_behind(fields: Fields, name: str, value: Data) -> None:
    """Add a key behind the last of those that come before it in the canonical order."""
    earlier = _ORDER[: _ORDER.index(name)]
    pairs = list(fields.items())
    place = max((number for number, (key, _) in enumerate(pairs, 1) if key in earlier), default=0)
    pairs.insert(place, (name, value))
    fields.clear()
    fields.update(pairs)


def _mappings(value: Data) -> Iterator[Fields]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


# ------------------------------------------------------------------ times


def terms_of(value: Data) -> tuple[Term, ...]:
    """The times of a slot's value, in the order of the file."""
    if isinstance(value, list):
        return tuple(term_of(item) for item in value)
    return (term_of(value),)


def term_of(item: Data) -> Term:
    if isinstance(item, Mapping):
        return Term(_text(item["staff"]), _day(item.get("from")), _day(item.get("until")))
    return Term(_text(item))


def value_of(terms: Sequence[Term], before: Data = None) -> Data:
    """The value that says so: a handle where one holds the slot at all times, else dated entries."""
    if len(terms) == 1 and terms[0] == Term(terms[0].staff) and not (isinstance(before, list) and len(before) == 1):
        return terms[0].staff
    return [dated(term) for term in terms]


def dated(term: Term) -> Fields:
    found: Fields = {"staff": term.staff}
    if term.start is not None:
        found["from"] = term.start.isoformat()
    if term.end is not None:
        found["until"] = term.end.isoformat()
    return found


def changed_from(terms: Sequence[Term], day: date, old: str | None, new: str | None) -> tuple[Term, ...]:
    """From *day* on *new* holds what *old* held; what ended before stays, and a time that *day* falls in is divided.

    Times that then follow each other with one holder are joined.
    """
    found: list[Term] = []
    for term in terms:
        if term.staff != old or (term.end is not None and term.end < day):
            found.append(term)
        elif term.start is not None and term.start >= day:
            found.append(term._replace(staff=new))
        else:
            found += [term._replace(end=day - DAY), Term(new, day, term.end)]
    return _joined(found, terms)


def changed_on(terms: Sequence[Term], day: date, new: str | None) -> tuple[Term, ...]:
    """From *day* on *new* holds the slot, for as long as the time lasts that *day* falls in; later ones stay."""
    found: list[Term] = []
    for term in terms:
        if not term.on(day):
            found.append(term)
        elif term.start is None and term.end is None and len(terms) == 1:
            found.append(Term(new))
        elif term.start == day:
            found.append(term._replace(staff=new))
        else:
            found += [term._replace(end=day - DAY), Term(new, day, term.end)]
    return _joined(found, terms)


def swapped(terms: Sequence[Term], today: date, old: str | None, new: str | None) -> tuple[Term, ...]:
    """*new* for *old* in every time that has not ended."""
    kept = (term.end is not None and term.end < today for term in terms)
    found = [
        term if ended or term.staff != old else term._replace(staff=new)
        for term, ended in zip(terms, kept, strict=True)
    ]
    return _joined(found, terms)


def _joined(terms: Sequence[Term], before: Sequence[Term]) -> tuple[Term, ...]:
    """Neighbours with one holder as one time, unless both stood so already."""
    found: list[Term] = []
    for term in terms:
        last = found[-1] if found else None
        meets = last is not None and last.end is not None and term.start is not None and last.end + DAY == term.start
        if last is not None and meets and last.staff == term.staff and not (last in before and term in before):
            found[-1] = last._replace(end=term.end)
        else:
            found.append(term)
    return tuple(found)


def _text(value: Data) -> str | None:
    return value if isinstance(value, str) else None


def _day(value: Data) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else None
