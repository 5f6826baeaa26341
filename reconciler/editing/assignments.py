"""Assignments in the values of a cohort file: where each slot's holder is written, and its dated terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from reconciler.editing.layout import shape_of
from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import LISTED, SINGLE, Slot

Fields = dict[str, Data]
DAY = timedelta(days=1)


class Term(NamedTuple):
    """Holder of a slot (None is nobody) from `start` to `end`, both included; None is an open end."""

    staff: str | None
    start: date | None = None
    end: date | None = None

    def on(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


def learners_of(cohort: Fields) -> list[Fields]:
    return list(_mappings(cohort.get("learners")))


def defaults_of(cohort: Fields) -> Fields:
    defaults = cohort.get("defaults")
    return defaults if isinstance(defaults, dict) else {}


def held(section: Fields) -> Iterator[tuple[Slot, Fields, str]]:
    """Yield the slots of a learner or of the defaults, each with the mapping that has it, and the key there."""
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
    """Write the holder of a slot, adding the slot if the section does not have it yet."""
    for existing, fields, key in held(section):
        if existing == slot:
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
    """Return the item of a list for this standard or unit; add it if it is missing."""
    items = section.get(name)
    if not isinstance(items, list):
        items = []
        _put_behind(section, name, items)
    for item in _mappings(items):
        if item.get(key) == number:
            return item
    new: Fields = {key: number}
    items.append(new)
    return new


@cache
def _order() -> tuple[str, ...]:
    """Return the keys of a learner, then those of a learning aim or unit, in their canonical order."""
    learner = shape_of("cohort").of("learners").of(None)
    items = [learner.of(name).of(None).keys for name in LISTED]
    return (*learner.keys, *(keys[0] for keys in items), *dict.fromkeys(key for keys in items for key in keys[1:]))


def _put_behind(fields: Fields, name: str, value: Data) -> None:
    """Add a key after the last of those that precede it in the canonical order."""
    earlier = _order()[: _order().index(name)]
    pairs = list(fields.items())
    place = max((number for number, (key, _) in enumerate(pairs, 1) if key in earlier), default=0)
    pairs.insert(place, (name, value))
    fields.clear()
    fields.update(pairs)


def _mappings(value: Data) -> Iterator[Fields]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


# ------------------------------------------------------------------ terms


def terms_of(value: Data) -> tuple[Term, ...]:
    """Return the terms of a slot's value, in the order of the file."""
    if isinstance(value, list):
        return tuple(term_of(item) for item in value)
    return (term_of(value),)


def term_of(item: Data) -> Term:
    if isinstance(item, Mapping):
        return Term(_text(item["staff"]), _day(item.get("from")), _day(item.get("until")))
    return Term(_text(item))


def value_of(terms: Sequence[Term], before: Data = None) -> Data:
    """Return the value for terms: a handle for a single term without days, else dated entries."""
    if len(terms) == 1 and terms[0] == Term(terms[0].staff) and not (isinstance(before, list) and len(before) == 1):
        return terms[0].staff
    return [dated(term) for term in terms]


def dated(term: Term) -> Fields:
    entry: Fields = {"staff": term.staff}
    if term.start is not None:
        entry["from"] = term.start.isoformat()
    if term.end is not None:
        entry["until"] = term.end.isoformat()
    return entry


def changed_from(terms: Sequence[Term], day: date, old: str | None, new: str | None) -> tuple[Term, ...]:
    """Replace *old* with *new* from *day* on; ended terms stay, and a term that *day* falls in is split.

    Adjacent terms that then have the same holder are joined.
    """
    result: list[Term] = []
    for term in terms:
        if term.staff != old or (term.end is not None and term.end < day):
            result.append(term)
        elif day == date.min or (term.start is not None and term.start >= day):
            result.append(term._replace(staff=new))
        else:
            result += [term._replace(end=day - DAY), Term(new, day, term.end)]
    return _joined(result, terms)


def changed_on(terms: Sequence[Term], day: date, new: str | None) -> tuple[Term, ...]:
    """Make *new* the holder from *day* to the end of the term that *day* falls in; later terms stay."""
    result: list[Term] = []
    for term in terms:
        if not term.on(day):
            result.append(term)
        elif term.start is None and term.end is None and len(terms) == 1:
            result.append(Term(new))
        elif day in (term.start, date.min):
            result.append(term._replace(staff=new))
        else:
            result += [term._replace(end=day - DAY), Term(new, day, term.end)]
    return _joined(result, terms)


def swapped(terms: Sequence[Term], today: date, old: str | None, new: str | None) -> tuple[Term, ...]:
    """Replace *old* with *new* in every term that has not ended."""
    ended = (term.end is not None and term.end < today for term in terms)
    result = [
        term if has_ended or term.staff != old else term._replace(staff=new)
        for term, has_ended in zip(terms, ended, strict=True)
    ]
    return _joined(result, terms)


def _joined(terms: Sequence[Term], before: Sequence[Term]) -> tuple[Term, ...]:
    """Join adjacent terms with the same holder, unless both were there before."""
    result: list[Term] = []
    for term in terms:
        last = result[-1] if result else None
        meets = last is not None and last.end is not None and term.start is not None and term.start - last.end == DAY
        if last is not None and meets and last.staff == term.staff and not (last in before and term in before):
            result[-1] = last._replace(end=term.end)
        else:
            result.append(term)
    return tuple(result)


def _text(value: Data) -> str | None:
    return value if isinstance(value, str) else None


def _day(value: Data) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else None
