"""Any set of entries and covers, as files and, by the book, as who holds what on a day: an oracle, naive by intent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from reconciler.model.slots import Slot
from tests.declared.files import AIM, AIM_IQA, DEFAULT, centre

START = date(2027, 3, 20)  # the clocks go forward on the 28th
SPAN = 20
STAFF: Mapping[str, tuple[int, str]] = {
    **{f"a{number}": (100 + number, "assessor") for number in range(4)},
    **{f"q{number}": (200 + number, "iqa") for number in range(3)},
}
FOR: Mapping[Slot, tuple[str, ...]] = {
    DEFAULT: ("a0", "a1", "a2", "a3"),
    AIM: ("a0", "a1", "a2", "a3"),
    AIM_IQA: ("q0", "q1", "q2"),
}
DAYS = [START + timedelta(days=number) for number in range(-5, SPAN + 6)]


@dataclass(frozen=True)
class Span:
    """One entry: who, and from and until which day of the trial, both included; None is open."""

    who: str
    first: int | None
    last: int | None

    def on(self, day: date) -> bool:
        number = (day - START).days
        return (self.first is None or self.first <= number) and (self.last is None or number <= self.last)

    def yaml(self, key: str = "staff") -> dict[str, str]:
        ends = {"from": self.first, "until": self.last}
        days = {name: (START + timedelta(days=end)).isoformat() for name, end in ends.items() if end is not None}
        return {key: self.who, **days}


Part = Mapping[Slot, tuple[Span, ...]]


@dataclass(frozen=True)
class State:
    """Files: covers by member of staff, and the entries of the defaults and of two learners."""

    covers: Mapping[str, tuple[Span, ...]]
    defaults: Part
    learners: tuple[Part, Part]
    further: tuple[tuple[Span, ...], ...]  # additional people: of the defaults, then of each learner

    # -------------------------------------------------------------- by the book

    def acts(self, who: str, day: date) -> str | None:
        """Who acts for somebody; None where cover is circular."""
        passed = [who]
        while by := [cover.who for cover in self.covers.get(passed[-1], ()) if cover.on(day)]:
            (one,) = by
            if one in passed:
                return None
            passed.append(one)
        return passed[-1]

    def has_circle(self) -> bool:
        return any(self.acts(who, day) is None for who in STAFF for day in DAYS)

    def holders(self, learner: int, day: date) -> dict[Slot, int]:
        """Who shall hold each single slot of a learner: the one entry in force, and who acts for them."""
        found = {}
        for slot, entries in {**self.defaults, **self.learners[learner]}.items():
            in_force = [entry.who for entry in entries if entry.on(day)]
            assert len(in_force) <= 1
            if in_force:
                found[slot] = STAFF[str(self.acts(in_force[0], day))][0]
        return found

    def in_names(self, learner: int, day: date) -> dict[Slot, str]:
        """Return whose entry is in force for each single slot that somebody else acts in."""
        entries = {**self.defaults, **self.learners[learner]}.items()
        named = {slot: entry.who for slot, spans in entries for entry in spans if entry.on(day)}
        return {slot: who for slot, who in named.items() if self.acts(who, day) != who}

    def members(self, learner: int, day: date) -> dict[int, set[str]]:
        """Return the additional people of a learner, with everybody whom each covers for."""
        own = self.further[learner + 1]
        named = {entry.who for entry in own}
        entries = [*own, *(entry for entry in self.further[0] if entry.who not in named)]
        found: dict[int, set[str]] = {}
        for who in (entry.who for entry in entries if entry.on(day)):
            acting = str(self.acts(who, day))
            found.setdefault(STAFF[acting][0], set()).update({who} - {acting})
        return found

    # -------------------------------------------------------------- as files

    def write(self, folder: Path) -> Path:
        staff = {
            handle: {"id": number, "role": role, "cover": [one.yaml("by") for one in self.covers.get(handle, ())]}
            for handle, (number, role) in STAFF.items()
        }
        learners = [
            {"id": number, **_yaml(part, further)}
            for number, (part, further) in enumerate(zip(self.learners, self.further[1:], strict=True), 1)
        ]
        defaults = _yaml(self.defaults, self.further[0])
        state = centre(folder, "", staff=json.dumps({"version": 1, "staff": _full(staff)}))
        cohort = {"version": 1, "cohort": "care", **_full({"defaults": defaults}), "learners": learners}
        (state / "cohorts" / "care.yaml").write_text(json.dumps(cohort), encoding="utf-8")
        return state


def _full(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without keys that say nothing."""
    bare = {name: {key: value for key, value in entry.items() if value} for name, entry in entries.items()}
    return {name: entry for name, entry in bare.items() if entry}


def _yaml(part: Part, further: tuple[Span, ...]) -> dict[str, Any]:
    entries = {slot: [span.yaml() for span in spans] for slot, spans in part.items()}
    aim = {name: entries[slot] for slot, name in ((AIM, "assessor"), (AIM_IQA, "iqa")) if slot in entries}
    return {
        **({"default_assessor": entries[DEFAULT]} if DEFAULT in entries else {}),
        **({"learning_aims": [{"standard": 41240, **aim}]} if aim else {}),
        **({"additional": [span.yaml() for span in further]} if further else {}),
    }


# ------------------------------------------------------------------ any of them


@st.composite
def spans(draw: st.DrawFn, who: Iterable[str], *, gaps: bool = False) -> tuple[Span, ...]:
    """Entries one after the other; the first may have no beginning and the last no end."""
    cuts = sorted(draw(st.sets(st.integers(-3, SPAN + 3), min_size=2, max_size=4)))
    found = [
        Span(draw(st.sampled_from([*who])), first, last - 1)
        for first, last in itertools.pairwise(cuts)
        if not gaps or draw(st.booleans())
    ]
    if found and not gaps and draw(st.booleans()):
        found[0] = Span(found[0].who, None, found[0].last)
    if found and draw(st.booleans()):
        found[-1] = Span(found[-1].who, found[-1].first, None)
    return tuple(found)


@st.composite
def states(draw: st.DrawFn) -> State:
    covers = {
        handle: draw(spans([one for one in STAFF if one[0] == handle[0] and one != handle], gaps=True))
        for handle in sorted(draw(st.sets(st.sampled_from([*STAFF]), max_size=4)))
    }

    def part() -> Part:
        slots = sorted(draw(st.sets(st.sampled_from([*FOR]))))
        return {slot: draw(spans(FOR[slot])) for slot in slots}

    def further() -> tuple[Span, ...]:
        people = draw(st.lists(st.sampled_from(FOR[DEFAULT]), unique=True, max_size=2))
        return tuple(draw(spans([who]))[0] for who in people)

    return State(covers, part(), (part(), part()), (further(), further(), further()))


@st.composite
def crowds(draw: st.DrawFn) -> State:
    """Additional people of whom most are covered, in chains without a circle, so that several have one stand-in."""
    people = FOR[DEFAULT]
    covers = {
        handle: (Span(draw(st.sampled_from(people[place:])), -1, None),)
        for place, handle in enumerate(people[:-1], 1)
        if draw(st.booleans())
    }
    further = st.lists(st.sampled_from(people), unique=True, max_size=len(people))
    named = [tuple(Span(who, None, None) for who in draw(further)) for _ in range(3)]
    return State(covers, {}, ({}, {}), (named[0], named[1], named[2]))
