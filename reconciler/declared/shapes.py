"""Reads learners who differ from learners before them only in their values, without parsing their entries.

The text of an entry without its values is its shape. The ordinary reader explains each shape once, from an entry with
marks in place of the values; a pattern made of the same entry then accepts further ones, and captures their values.
Of a file, only the rest is parsed: a copy in which such entries are blank lines. If that copy has a fault, or is not
plain enough to be sure where entries begin and end, the file is parsed as a whole, so every fault comes from there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache, partial
from operator import itemgetter
from sys import intern
from typing import NamedTuple

from reconciler.declared.cohort import Fitting, Held, Learner, LearnerEntry, Slots, Term, read_cohort
from reconciler.declared.schema import check
from reconciler.declared.yaml_loader import load_text
from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Handle,
    OrderedSlots,
    Slot,
    SlotKind,
    SlotValues,
    UserId,
    plan_order,
    shared_slot,
)
from reconciler.model.structs import Struct

PAYS_FROM = 40
"""Entries of a shape that are parsed before it is explained, which takes about as long."""
_NOBODY = -1
_MOST = 1_000  # shapes that are counted: a centre in which every entry has its own loses little time
_LONGEST = 10_000  # characters of an entry that is read by its shape

# ------------------------------------------------------------------ the plain part of YAML

_LETTER = "A-Za-z\xc0-\u024f"
_NUMBER = "[1-9][0-9]{0,8}"
_HANDLE = r"(?!(?:null|true|false)\b)[a-z][a-z0-9-]{0,63}"
_TEXT = rf"(?!(?i:null|true|false)\b)[{_LETTER}](?:[{_LETTER}0-9_./' -]{{0,78}}[{_LETTER}0-9_./'-])?"
_IN_QUOTES = r"[ !#-\[\]-~\xa1-\xac\xae-\u024f]{1,80}"
"""Forms of values that all readers of YAML agree on, each within what the schema allows."""
_VALUE = re.compile(
    rf'(?<=: )(?:{_NUMBER}|{_TEXT})(?=[,}}\n]|\Z)|(?<=: "){_IN_QUOTES}(?=")'  # of a key
    rf"|(?<=\[){_HANDLE}(?=[,\]])|(?<=, ){_HANDLE}(?=[,\]])|(?<=    - ){_HANDLE}(?=\n|\Z)"  # in a list
)
_INDENTED = re.compile(r"[^\n]*(?:\n {4}[^\n]*)*\n*")

_QUOTED = r"""(?:"[^"\\\n]*"|'[^'\n]*')"""
_PLAIN = r"""[^\s"'\[\]{}#&*!|>%@`,]"""  # first character; in a key's value, all characters may follow
_IN_FLOW = r"""(?:[^"'#\[\]{}\n]|(?<=: )"[^"\\\n]*")"""
_FLOW = rf"(?:\[(?:{_IN_FLOW}|\{{{_IN_FLOW}*+\}})*+\]|\{{{_IN_FLOW}*+\}})"
_CONTENT = (
    rf"(?:- ++)*+(?:[a-z_]++:(?: ++(?:{_PLAIN}[^#\n]*+|{_QUOTED}|{_FLOW}))?+"
    rf"|{_PLAIN}[^\"'\[\]{{}}:#\n]*+|{_QUOTED}|{_FLOW})"
)
_LINE = rf"(?> *+(?:{_CONTENT} *+(?:(?<= )#[^\n]*+)?|#[^\n]*+)?(?=\n|\Z))"
_CLOSED_HEAD = re.compile(rf"(?:{_LINE}\n)*+learners:")
_CLOSED_ENTRY = re.compile(rf"{_LINE}(?:\n(?=    | *#| *(?:\n|\Z)){_LINE})*+")
"""Lines of which none leaves a quote or bracket open, or begins a block of text: what follows is the next entry."""

# ------------------------------------------------------------------ shapes


Accounts = Mapping[str | None, UserId | None]
"""Accounts by handle; nobody's is None."""


class EntryOrder(NamedTuple):
    """Slots that some entries of a template name, in plan order.

    `handles` picks their holders from the entry's values with None after them. `lines` count from the entry's own.
    """

    slots: OrderedSlots
    handles: Callable[[tuple[str | None, ...]], tuple[str | None, ...]]
    lines: SlotValues[int]


class Template(Struct, frozen=True, eq=False):
    """Entry with marks in place of its values, its lines counted from its own, and the place of each mark in a row.

    `names` are the places of id, misid and label, None for a value that is the same in all. The names that the entry
    begins with, `first` in number, are not kept among the values, so the places of all others are counted after them.
    `holders` are the places of handles by the kind of slot; the values at a group of `distinct` places must differ.
    `named` makes the slots with one holder of the values at `keys`. `staff` are the places of all holders, -1 for
    nobody, and `lines` their lines; the `additional` people come first. The values that `naming` picks name all slots,
    and `orders` has the orders of those met.
    """

    entry: LearnerEntry
    places: Mapping[object, int]
    names: tuple[int | None, int | None, int | None]
    first: int
    holders: tuple[tuple[SlotKind, int], ...]
    distinct: tuple[tuple[int, ...], ...]
    keys: tuple[int | None, ...]
    named: Callable[[tuple[str | None, ...]], tuple[Slot, ...]]
    naming: Callable[[tuple[str, ...]], object]
    orders: dict[object, EntryOrder]
    is_undated: bool
    additional: int
    staff: tuple[int, ...]
    lines: tuple[int, ...]

    def are_plain(self, rows: Iterable[Sequence[str]], fitting: Fitting) -> bool:
        """Return True if nothing is wrong with the holders in any entry of this shape; *rows* are their values."""
        columns = [*zip(*rows, strict=True)]
        return self.is_undated and all(fitting[kind].issuperset(columns[place]) for kind, place in self.holders)


class ShapedEntry(Learner, frozen=True):
    """Learner whose entry has a known shape; `values` are those of the entry, in its order, without its first names."""

    template: Template
    values: tuple[str, ...]

    @property
    def slots(self) -> Slots:
        marked = self.template.entry.slots
        held = [
            Held(slot, self._terms(one.terms), self.line + one.line)
            for slot, one in zip(self.named(), marked.held, strict=True)
        ]
        return Slots(tuple(held), self._terms(marked.additional))

    def named(self) -> tuple[Slot, ...]:
        """Return the slots with one holder that the entry names."""
        values = self.values
        return self.template.named(tuple([None if place is None else values[place] for place in self.template.keys]))

    def holders(self, order: EntryOrder, accounts: Accounts) -> SlotValues[UserId | None]:
        """Return the holders of the slots that an undated entry names, in their order."""
        return SlotValues(order.slots, tuple(map(accounts.__getitem__, order.handles((*self.values, None)))))

    def order(self, accounts: Accounts) -> EntryOrder:
        """Return the order of the slots that the entry names."""
        names, orders = self.template.naming(self.values), self.template.orders
        if (known := orders.get(names)) is not None:
            return known
        template, handles = self.template, (*self.values, None)
        additional = [accounts[handles[place]] for place in template.staff[: template.additional]]
        order = plan_order((*(shared_slot(SlotKind.ADDITIONAL, account) for account in additional), *self.named()))
        places = order.column(template.staff)
        new = orders[names] = EntryOrder(order.slots, _picker(places), order.values(template.lines))
        return new

    def _terms(self, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        return tuple(Term(self._staff(term.staff), term.start, term.end, self.line + term.line) for term in terms)

    def _staff(self, mark: Handle | None) -> Handle | None:
        return None if mark is None else Handle(self.values[self.template.places[mark]])

    def is_plain(self, fitting: Fitting) -> bool:
        return self.template.are_plain([self.values], fitting)

    def is_constant(self, covered: AbstractSet[str]) -> bool:
        """Return True if nobody else is to hold a slot on any day; *covered*: who has cover then."""
        return self.template.is_undated and covered.isdisjoint(self.values)


def not_plain(learners: Sequence[Learner], fitting: Fitting) -> list[Learner]:
    """Return the learners who are not plain. Those of one shape are checked together, which is faster."""
    values: dict[Template, list[tuple[str, ...]]] = {}
    for learner in learners:
        if isinstance(learner, ShapedEntry):
            values.setdefault(learner.template, []).append(learner.values)
    plain = {template for template, rows in values.items() if template.are_plain(rows, fitting)}
    others = (one for one in learners if not (isinstance(one, ShapedEntry) and one.template in plain))
    return [learner for learner in others if not learner.is_plain(fitting)]


class Shape(Struct, frozen=True):
    """Pattern of the entries of one shape, and their template."""

    pattern: re.Pattern[str]
    template: Template

    def read(self, entry: str, line: int) -> ShapedEntry | None:
        """Return None if the entry is not of this shape, or if one of its lists names something twice."""
        match = self.pattern.fullmatch(entry)
        if match is None:
            return None
        every, template = match.groups(), self.template
        values = tuple(map(intern, every[template.first :]))  # the same few, unlike names
        for group in template.distinct:
            if len({values[place] for place in group}) < len(group):
                return None
        marked, (key, misid, label) = template.entry, template.names
        return ShapedEntry(
            marked.id if key is None else UserId(int(every[key])),
            marked.misid if misid is None else every[misid],
            marked.label if label is None else every[label],
            line,
            template,
            values,
        )


def explain(entry: str) -> Shape | None:
    """Have the ordinary reader explain the shape of an entry; return None if it is not that of one sound learner."""
    values = list(_VALUE.finditer(entry))
    learner = _marked(entry, values)
    if learner and (used := _used(values, learner)) != values:  # the others are in comments
        values, learner = used, _marked(entry, used)
    marks = [_mark(value, place) for place, value in enumerate(values)]
    if learner is None or (template := _template(learner, marks)) is None:
        return None
    return Shape(_pattern(entry, values, {template.first + place for _, place in template.holders}), template)


def _marked(entry: str, values: Sequence[re.Match[str]]) -> LearnerEntry | None:
    """Return the learner of an entry with marks in place of the values, lines counted from the entry's own."""
    parts, end = [], 0
    for place, value in enumerate(values):
        mark = str(_mark(value, place))
        if mark in entry:
            return None
        parts += [entry[end : value.start()], mark]
        end = value.end()
    before = "version: 1\ncohort: marked\nlearners:\n  - "
    document = load_text(f"{before}{''.join([*parts, entry[end:]])}\n", "")
    check(document, "cohort")
    learners = read_cohort(document, "marked").learners
    if document.problems or len(learners) != 1 or not _INDENTED.fullmatch(entry):
        return None
    is_beside_dash = learners[0].line == before.count("\n") + 1  # else it is not read on the line of its `- `
    return _from_own_line(learners[0]) if is_beside_dash else None


def _mark(value: re.Match[str], place: int) -> int | str:
    is_number = value[0][0].isdigit() and value.string[value.start() - 1] != '"'
    return 900_000_000 + place if is_number else f"marked-value-{place}"


def _used(values: Sequence[re.Match[str]], learner: LearnerEntry) -> list[re.Match[str]]:
    """Return those of the values whose marks became values."""
    slots = learner.slots
    names = {learner.id, learner.misid, learner.label, *(held.slot.key for held in slots.held)}
    staff = {term.staff for terms in (*(held.terms for held in slots.held), slots.additional) for term in terms}
    return [value for place, value in enumerate(values) if _mark(value, place) in names | staff]


def _pattern(entry: str, values: Sequence[re.Match[str]], holders: Collection[int]) -> re.Pattern[str]:
    """Return the pattern that accepts the entry with other values of the same form."""
    parts, end = [], 0
    for place, value in enumerate(values):
        in_quotes, is_number = entry[value.start() - 1] == '"', value[0][0].isdigit()
        form = _HANDLE if place in holders else _IN_QUOTES if in_quotes else _NUMBER if is_number else _TEXT
        parts += [re.escape(entry[end : value.start()]), f"({form})"]
        end = value.end()
    return re.compile("".join([*parts, re.escape(entry[end:].rstrip("\n")), r"\n*"]))


def _from_own_line(entry: Learner) -> LearnerEntry:
    """Count the lines of an entry from its own."""

    def moved(terms: tuple[Term, ...]) -> tuple[Term, ...]:
        return tuple(Term(term.staff, term.start, term.end, term.line - entry.line) for term in terms)

    held = tuple(Held(held.slot, moved(held.terms), held.line - entry.line) for held in entry.slots.held)
    return LearnerEntry(entry.id, entry.misid, entry.label, 0, Slots(held, moved(entry.slots.additional)))


def _template(entry: LearnerEntry, marks: Sequence[object]) -> Template | None:
    """Return None if a list has values with marks and others, or if a handle has none."""
    names = (entry.id, entry.misid, entry.label)
    first = next((place for place, mark in enumerate(marks) if mark not in names), len(marks))
    every = {mark: place for place, mark in enumerate(marks)}
    places = {mark: place - first for mark, place in every.items() if place >= first}
    terms = [(held.slot.kind, term) for held in entry.slots.held for term in held.terms]
    terms += [(SlotKind.ADDITIONAL, term) for term in entry.slots.additional]
    staff = [(kind, term.staff) for kind, term in terms if term.staff is not None]
    lists: list[list[object]] = [
        list(dict.fromkeys(held.slot.key for held in entry.slots.held if held.slot.kind in kinds))
        for kinds in (LEARNING_AIM_KINDS, UNIT_KINDS)
    ]
    lists.append([term.staff for term in entry.slots.additional])
    is_mixed = any(0 < len(places.keys() & keys) < len(keys) for keys in lists)
    if is_mixed or any(name not in places for _, name in staff):
        return None
    named = tuple(held.slot for held in entry.slots.held)
    in_order = [*entry.slots.additional, *(term for held in entry.slots.held for term in held.terms)]
    return Template(
        entry,
        places,
        (every.get(entry.id), every.get(entry.misid), every.get(entry.label)),
        first,
        tuple((kind, places[name]) for kind, name in staff),
        tuple(tuple(places[key] for key in keys) for keys in lists if len(keys) > 1 and keys[0] in places),
        tuple(places.get(slot.key) for slot in named),
        lru_cache(maxsize=1_000)(partial(_with_keys, named)),
        _naming([*(places.get(slot.key) for slot in named), *(places[term.staff] for term in entry.slots.additional)]),
        {},
        bool(terms)  # without, the learner has the defaults' slots, which are shared
        and all(len(held.terms) == 1 for held in entry.slots.held)
        and all(not (term.start or term.end) for _, term in terms),
        len(entry.slots.additional),
        tuple(places.get(term.staff, _NOBODY) for term in in_order),
        tuple(term.line for term in in_order),
    )


def _picker(places: Sequence[int]) -> Callable[[tuple[str | None, ...]], tuple[str | None, ...]]:
    if len(places) == 1:
        return lambda values: (values[places[0]],)
    return itemgetter(*places)


def _naming(places: Iterable[int | None]) -> Callable[[tuple[str, ...]], object]:
    """Return what picks the values that name slots."""
    named = {place for place in places if place is not None}
    return itemgetter(*named) if named else lambda _: None


def _with_keys(marked: Iterable[Slot], keys: Iterable[str | None]) -> tuple[Slot, ...]:
    """Return slots with these keys in place of the marks."""
    return tuple(
        slot if key is None else shared_slot(slot.kind, int(key) if isinstance(slot.key, int) else key)
        for slot, key in zip(marked, keys, strict=True)
    )


class Shapes:
    """Shapes of the entries that were read so far."""

    def __init__(self, pays_from: int = PAYS_FROM) -> None:
        self._pays_from = pays_from
        self._count = Counter[str]()
        self._shapes: dict[str, Shape | None] = {}
        self._last: Shape | None = None

    def read(self, entry: str, line: int) -> ShapedEntry | None:
        """Read an entry of a known shape, given without its first `- `; return None for any other."""
        if self._last and (learner := self._last.read(entry, line)):
            return learner
        if len(entry) > _LONGEST:
            return None
        self._last = self._of(_VALUE.sub("", entry).rstrip("\n"), entry)
        return self._last.read(entry, line) if self._last else None

    def _of(self, key: str, entry: str) -> Shape | None:
        if key not in self._shapes and (key in self._count or len(self._count) < _MOST):
            self._count[key] += 1
            if self._count[key] >= self._pays_from:
                self._shapes[key] = explain(entry)
        return self._shapes.get(key)


# ------------------------------------------------------------------ files


_STAND_IN = "\n  - id: 1"


class Split(Struct):
    """A file in two parts: learners of a known shape, and the rest of the text, with lines as in the file.

    `learners` has the line of an entry in place of each learner who is in the rest. If the first is not among these,
    the rest has a stand-in for them, so that its list is not empty.
    """

    rest: str
    learners: list[ShapedEntry | int]

    def joined(self, others: Sequence[Learner]) -> tuple[Learner, ...] | None:
        """Return all learners in the order of the file; None if the others are not those of the rest."""
        if isinstance(self.learners[0], ShapedEntry):
            others = others[1:]  # without the stand-in
        lines = [line for line in self.learners if isinstance(line, int)]
        if lines != [other.line for other in others[: len(lines)]]:
            return None
        following = iter(others)
        return (*(next(following) if isinstance(one, int) else one for one in self.learners), *following)


def split(text: str, shapes: Shapes) -> Split | None:
    """Split a file; return None if no learner has a known shape, or if it is not clear where the entries begin."""
    text = text.replace("\r\n", "\n") if "\r" in text else text
    head, *entries = text.split("\n  - ")
    if not entries or not _CLOSED_HEAD.fullmatch(head):
        return None
    rest, learners = [head], list[ShapedEntry | int]()
    line = head.count("\n") + 2
    for number, entry in enumerate(entries):
        learner = shapes.read(entry, line)
        height = entry.count("\n") + 1
        if learner:
            rest.append("\n" * height if number else _STAND_IN + "\n" * (height - 1))
        elif _CLOSED_ENTRY.fullmatch(entry):
            rest.append(f"\n  - {entry}")
        else:
            rest += [f"\n  - {following}" for following in entries[number:]]
            break
        learners.append(learner or line)
        line += height
    return (
        Split("".join(rest).rstrip("\n"), learners) if any(isinstance(one, ShapedEntry) for one in learners) else None
    )
