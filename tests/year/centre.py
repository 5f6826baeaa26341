"""A training provider that lives through a year: its files, the changes that people make to them, and by the book who
holds what on a day."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from onefile_sandbox.world import World
from reconciler.model.slots import IQA_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS, Place, Slot, SlotKind, UserId
from tests.crash import evidence

ORGANISATION = 5740
ROLES = {5: "assessor", 10: "iqa", 40: "employer", 45: "observer"}
SETTINGS = {
    "version": 1,
    "organisation": ORGANISATION,
    "calls_per_minute": 10000,
    "limits": {"reassign": {"count": 2000, "share": 1}},
    "policies": {"coverage": "off", "caseload": "off", "employer_placement": "off"},
}
EVER = (date.min, date.max)


@dataclass
class Entry:
    """Who holds a slot, or stands in for somebody, from the first to the last of some days."""

    who: int
    first: date = date.min
    last: date = date.max

    def on(self, day: date) -> bool:
        return self.first <= day <= self.last

    def yaml(self, key: str) -> dict[str, str]:
        days = {"from": self.first, "until": self.last}
        return {key: f"s{self.who}", **{name: day.isoformat() for name, day in days.items() if day not in EVER}}


@dataclass
class Centre:
    """What is declared. `held` has the entries of each single slot, `additional` the people beside them."""

    world: World
    chance: Random
    cohorts: dict[UserId, str] = field(default_factory=dict)
    staff: dict[int, str] = field(default_factory=dict)
    covers: dict[int, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    held: dict[Place, list[Entry]] = field(default_factory=dict)
    additional: set[Place] = field(default_factory=set)
    leavers: dict[int, tuple[int, date]] = field(default_factory=dict)
    happened: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        """Everything that active learners hold, as an import would declare it; units for every fourth of them."""
        users = [user for user in self.world.users.values() if user["OrganisationID"] == ORGANISATION]
        there = [user for user in users if user["DateArchived"] is None]
        self.staff = {user["ID"]: ROLES[user["Role"]] for user in there if user["Role"] in ROLES}
        learners = {UserId(user["ID"]): user for user in there if user["Role"] == 1}
        self.cohorts = {learner: f"class-{user['ClassroomID']}" for learner, user in learners.items()}
        for (learner, slot), who in evidence.holders(self.world).items():
            declared = learner in learners and (slot.kind not in UNIT_KINDS or learner % 4 == 0)
            if declared and who in self.staff and slot.kind is not SlotKind.ADDITIONAL:
                self.held[learner, slot] = [Entry(who)]

    def as_it_is(self) -> Centre:
        """A copy that later edits do not change."""
        held = {place: [replace(entry) for entry in entries] for place, entries in self.held.items()}
        covers = defaultdict(list, {who: [replace(entry) for entry in entries] for who, entries in self.covers.items()})
        frozen = copy(self)
        frozen.held, frozen.covers, frozen.additional, frozen.staff = held, covers, {*self.additional}, {**self.staff}
        return frozen

    # -------------------------------------------------------------- by the book

    def acts(self, who: int, day: date) -> int:
        passed = {who}
        while cover := next((one for one in self.covers[who] if one.on(day)), None):
            who = cover.who
            assert who not in passed, "a circle"
            passed.add(who)
        return who

    def wanted(self, day: date) -> dict[Place, int]:
        """Who shall hold what; a slot whose entries have run out is not in it."""
        acts = {who: self.acts(who, day) for who in self.staff}
        found = {place: acts[one.who] for place, entries in self.held.items() for one in entries if one.on(day)}
        for learner, slot in self.additional:
            found[learner, Slot(SlotKind.ADDITIONAL, acts[int(str(slot.key))])] = acts[int(str(slot.key))]
        return found

    # -------------------------------------------------------------- as files

    def write(self, state: Path) -> None:
        """JSON is YAML too."""
        members: dict[str, Any] = {}
        for who, role in self.staff.items():
            covers = sorted(self.covers[who], key=lambda cover: cover.first)
            cover = {"cover": [one.yaml("by") for one in covers]} if covers else {}
            members[f"s{who}"] = {"id": who, "role": role, **cover}
        _write(state / "settings.yaml", SETTINGS)
        _write(state / "staff.yaml", {"version": 1, "staff": members})
        learners = dict(self._learners())
        for name in sorted(set(self.cohorts.values())):
            mine = [learners[learner] for learner, cohort in self.cohorts.items() if cohort == name]
            _write(state / "cohorts" / f"{name}.yaml", {"version": 1, "cohort": name, "learners": mine})

    def _learners(self) -> Iterator[tuple[UserId, dict[str, Any]]]:
        entries: dict[UserId, dict[str, Any]] = {learner: {"id": learner} for learner in self.cohorts}
        for (learner, slot), terms in self.held.items():
            plain = len(terms) == 1 and (terms[0].first, terms[0].last) == EVER
            value = f"s{terms[0].who}" if plain else [term.yaml("staff") for term in terms]
            if slot.key is None:
                entries[learner][slot.kind.value] = value
                continue
            list_, key = ("learning_aims", "standard") if slot.kind in LEARNING_AIM_KINDS else ("units", "unit")
            items = entries[learner].setdefault(list_, [])
            item = next((one for one in items if one[key] == slot.key), None)
            if item is None:
                items.append(item := {key: slot.key})
            item["iqa" if slot.kind in IQA_KINDS else "assessor"] = value
        for learner, slot in sorted(self.additional):
            entries[learner].setdefault("additional", []).append(f"s{slot.key}")
        yield from entries.items()

    # -------------------------------------------------------------- what people do to them

    def live(self, day: date) -> bool:
        """What is changed in the files on a day; whether anything was."""
        done = [
            self._maybe(0.12, "cover arranged", self._arrange_cover, day),
            self._maybe(0.03, "cover cut short", self._cut_cover_short, day),
            self._maybe(0.02, "somebody leaves", self._leave, day),
            self._maybe(0.15, "dated entry", self._date_an_entry, day),
            self._maybe(0.10, "reassigned", self._reassign, day),
            self._maybe(0.04, "ends with nobody to follow", self._end_an_entry, day),
            self._maybe(0.06, "additional person added", self._add, day),
            self._maybe(0.03, "additional person taken out", self._take_out, day),
            self._replace_leavers(day),
            self._mend_ended(day),
        ]
        return any(done)

    def _maybe(self, chance: float, what: str, change: Any, day: date) -> bool:
        if self.chance.random() >= chance or not change(day):
            return False
        self.happened[what] += 1
        return True

    def colleague(self, who: int) -> int:
        return self.chance.choice([one for one in self.staff if self.staff[one] == self.staff[who] and one != who])

    def _somebody(self) -> int:
        """Who holds something as assessor or IQA, the busy more often."""
        return self.chance.choice([entry.who for entry in self._entries() if self.staff[entry.who] != "employer"])

    def _entries(self) -> list[Entry]:
        return [entry for entries in self.held.values() for entry in entries]

    def _fits(self, who: int, cover: Entry) -> bool:
        """No overlap with another cover, and no circle on any day that counts."""
        if any(cover.first <= one.last and one.first <= cover.last for one in self.covers[who]):
            return False
        self.covers[who].append(cover)
        days = {day for one in self.covers.values() for each in one for day in (each.first, cover.first)}
        try:
            for day in days:
                for each in self.staff:
                    self.acts(each, day)
        except AssertionError:
            self.covers[who].remove(cover)
            return False
        return True

    def _arrange_cover(self, day: date) -> bool:
        who, first = self._somebody(), day + timedelta(self.chance.randint(0, 21))
        return self._fits(who, Entry(self.colleague(who), first, first + timedelta(self.chance.randint(2, 40))))

    def _cut_cover_short(self, day: date) -> bool:
        open_ = [one for covers in self.covers.values() for one in covers if one.on(day) and day < one.last < date.max]
        if open_:
            self.chance.choice(open_).last = day
        return bool(open_)

    def _leave(self, day: date) -> bool:
        """A cover for good first; some weeks later the name is replaced in all files."""
        who, first = self._somebody(), day + timedelta(self.chance.randint(0, 14))
        successor = self.colleague(who)
        if who in self.leavers or successor in self.leavers or not self._fits(who, Entry(successor, first)):
            return False
        self.leavers[who] = (successor, first + timedelta(21))
        return True

    def _replace_leavers(self, day: date) -> bool:
        gone = [(who, by) for who, (by, when) in self.leavers.items() if when == day]
        for who, by in gone:
            self.happened["leaver replaced by name"] += 1
            for entry in self._entries():
                entry.who = by if entry.who == who else entry.who
            self.additional = {
                (learner, Slot(slot.kind, by if slot.key == who else slot.key)) for learner, slot in self.additional
            }
            for covers in self.covers.values():
                for cover in covers:
                    cover.who = by if cover.who == who else cover.who
            self.covers[who] = []
            for covered, covers in self.covers.items():  # the successor does not stand in for themselves
                self.covers[covered] = [cover for cover in covers if cover.who != covered]
        return bool(gone)

    def _plain(self) -> Place | None:
        """A slot of an assessor or IQA that has one undated entry."""
        places = [
            place
            for place, entries in self.held.items()
            if len(entries) == 1 and (entries[0].first, entries[0].last) == EVER
            if place[1].kind is not SlotKind.DEFAULT_EMPLOYER
        ]
        return self.chance.choice(places) if places else None

    def _date_an_entry(self, day: date) -> bool:
        if place := self._plain():
            before = self.held[place][0].who
            last = day + timedelta(self.chance.randint(0, 40))
            self.held[place] = [Entry(before, last=last), Entry(self.colleague(before), last + timedelta(1))]
        return place is not None

    def _reassign(self, _: date) -> bool:
        if place := self._plain():
            self.held[place][0].who = self.colleague(self.held[place][0].who)
        return place is not None

    def _end_an_entry(self, day: date) -> bool:
        if place := self._plain():
            self.held[place][0].last = day + timedelta(self.chance.randint(0, 10))
        return place is not None

    def _mend_ended(self, day: date) -> bool:
        """Five days after a slot was left to nobody somebody has seen what every run says, and names a successor."""
        ended = [entries for entries in self.held.values() if entries[-1].last == day - timedelta(5)]
        for entries in ended:
            self.happened["successor named"] += 1
            entries.append(Entry(self.colleague(entries[-1].who), day))
            entries[-2].last = day - timedelta(1)
        return bool(ended)

    def _add(self, _: date) -> bool:
        """An observer beside the others: nobody stands in for observers here, so that who was added stays."""
        observers = [who for who, role in self.staff.items() if role == "observer"]
        learner = self.chance.choice(sorted(self.cohorts))
        place = (learner, Slot(SlotKind.ADDITIONAL, self.chance.choice(observers)))
        is_new = place not in self.additional
        self.additional.add(place)
        return is_new

    def _take_out(self, _: date) -> bool:
        if self.additional:
            self.additional.remove(self.chance.choice(sorted(self.additional)))
            return True
        return False


def _write(file: Path, value: object) -> None:
    text = json.dumps(value, indent=0)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
