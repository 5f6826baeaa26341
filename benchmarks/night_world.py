"""The fleet of the night: invented colleges under few customer tokens, their files, and people who edit in OneFile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from random import Random
from statistics import NormalDist

from onefile_sandbox.eventlog import FileLog
from onefile_sandbox.generator import generate_customer
from onefile_sandbox.records import ASSESSOR, IQA, LEARNER, Aim
from onefile_sandbox.switches import Switches
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import Effect, Table, World

Place = tuple[Table, int, str]
"""A slot as the sandbox stores it: table, id and field."""

PER_FILE = 100
MEDIAN, SMALLEST = 50, 10
EDITED_SHARE = 1 / 3  # of the centres, whose files change on a day
MOST_MOVES, MOST_DRIFTS = 2, 2
MOST_CORRECTIONS = 2  # of one slot in a week: after three the product leaves it to a person


def sizes(centres: int, largest: int) -> list[int]:
    """Return the learners of each centre, smallest first: lognormal about MEDIAN, up to the largest."""
    places = [NormalDist().inv_cdf((number + 0.5) / centres) for number in range(centres)]
    growth = (largest / MEDIAN) ** (1 / places[-1])
    return [min(largest, max(SMALLEST, round(MEDIAN * growth**place))) for place in places]


@dataclass
class Centre:
    """One organisation: its world, and who is declared for each slot."""

    organisation: int
    learners: int
    customer: int
    world: World
    declared: dict[Place, int] = field(default_factory=dict)
    corrections: dict[Place, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"c{self.organisation:04d}"

    @cached_property
    def staff(self) -> Mapping[int, list[int]]:
        """Return the active members of staff by role."""
        mine = [
            user
            for user in self.world.centre.users
            if user["OrganisationID"] == self.organisation and not user["DateArchived"]
        ]
        return {role: [user["ID"] for user in mine if user["Role"] == role] for role in (ASSESSOR, IQA)}

    def take_over(self) -> None:
        """Declare who holds each default, and each slot of a learner's only aim that goes on."""
        for user in self.world.centre.users:
            is_mine = user["OrganisationID"] == self.organisation
            if not is_mine or user["Role"] != LEARNER or user["DateArchived"] or user["DefaultAssessorID"] is None:
                continue
            self.declared["user", user["ID"], "DefaultAssessorID"] = user["DefaultAssessorID"]
            aims = self.world.aims_of[user["ID"]]
            if len(aims) == 1 and not aims[0]["Status"]:
                self._take_over_aim(aims[0])

    def _take_over_aim(self, aim: Aim) -> None:
        for name, holder in (("AssessorID", aim["AssessorID"]), ("IVID", aim["IVID"])):
            if holder is not None:
                self.declared["aim", aim["ID"], name] = holder

    # -------------------------------------------------------------- files

    def write(self, state: Path, calls_per_minute: int) -> None:
        """Write the state folder; files that stay the same keep their time of modification."""
        (state / "cohorts").mkdir(parents=True, exist_ok=True)
        policies = ("coverage", "caseload", "iqa_independent", "duplicate_staff")
        settings = {
            "version": 1,
            "organisation": self.organisation,
            "calls_per_minute": calls_per_minute,
            "drift": {"grace_hours": 0},
            "limits": {"reassign": {"count": 100, "share": 1}},
            "policies": dict.fromkeys(policies, "off"),
        }
        _write(state / "settings.yaml", json.dumps(settings, indent=1))
        roles = {ASSESSOR: "assessor", IQA: "iqa"}
        people = {f"s{id_}": {"id": id_, "role": roles[role]} for role, ids in self.staff.items() for id_ in ids}
        _write(state / "staff.yaml", json.dumps({"version": 1, "staff": people}, indent=1))
        entries = list(self._entries())
        for number in range(0, len(entries), PER_FILE):
            name = f"cohort-{number // PER_FILE:03d}"
            text = "".join(f"  - {json.dumps(entry)}\n" for entry in entries[number : number + PER_FILE])
            _write(state / "cohorts" / f"{name}.yaml", f"version: 1\ncohort: {name}\nlearners:\n{text}")

    def _entries(self) -> Iterator[dict[str, object]]:
        aims: dict[int, dict[str, object]] = {}
        for (table, id_, name), holder in self.declared.items():
            if table == "aim":
                aim = self.world.aims[id_]
                entry = aims.setdefault(aim["UserID"], {"standard": aim["StandardID"]})
                entry["assessor" if name == "AssessorID" else "iqa"] = f"s{holder}"
        for (table, id_, _), holder in self.declared.items():
            if table == "user":
                aim_of = {"learning_aims": [aims[id_]]} if id_ in aims else {}
                yield {"id": id_, "default_assessor": f"s{holder}", **aim_of}

    # -------------------------------------------------------------- a day

    def move(self, chance: Random) -> set[Place]:
        """Declare others for a few slots, as a merged pull request does; return the slots."""
        moved = set(chance.sample(sorted(self.declared), chance.randint(1, MOST_MOVES)))
        for place in moved:
            self.declared[place] = self._other(place, chance)
        return moved

    def drift(self, chance: Random, untouched: set[Place], switches: Switches) -> set[Place]:
        """Change or empty a few slots in OneFile, as somebody does in its web pages; return the slots."""
        free = [place for place in sorted(self.declared) if place not in untouched]
        free = [place for place in free if self.corrections.get(place, 0) < MOST_CORRECTIONS]
        drifted = set(chance.sample(free, min(len(free), chance.randint(0, MOST_DRIFTS))))
        for place in drifted:
            self.corrections[place] = self.corrections.get(place, 0) + 1
            self._edit(place, None if chance.random() < 0.2 else self._other(place, chance), switches)
        return drifted

    def _other(self, place: Place, chance: Random) -> int:
        """Return somebody of the slot's role who neither is declared for it nor holds it."""
        people = self.staff[IQA if place[2] == "IVID" else ASSESSOR]
        others = [person for person in people if person not in (self.declared[place], self.holder(place))]
        return chance.choice(others or people)

    def _edit(self, place: Place, holder: int | None, switches: Switches) -> None:
        table, id_, name = place
        request: dict[str, object] = {"user": id_, "set": {name: holder}}
        if table == "aim":
            request |= {"user": self.world.aims[id_]["UserID"], "standard": self.world.aims[id_]["StandardID"]}
        at = datetime.now(UTC)
        self.world.commit(lambda: edit(self.world, request, at, switches), at, "edit")

    def holder(self, place: Place) -> object:
        table, id_, name = place
        return self.world.field(Effect(table, id_, name, None))

    def lost(self) -> list[Place]:
        """Return the slots that are not held as declared."""
        return [place for place, holder in self.declared.items() if self.holder(place) != holder]


def _dealt(centres: int, customers: int, chance: Random) -> list[list[int]]:
    """Deal the centres to the customers; the last gets half as many as the others, and only small ones."""
    numbers = list(range(1, centres + 1))
    last = chance.sample(numbers[: 3 * centres // 4], max(1, centres // (2 * customers)))
    rest = [number for number in numbers if number not in last]
    chance.shuffle(rest)
    others = customers - 1
    return [*(sorted(rest[customer::others]) for customer in range(others)), sorted(last)]


class Group:
    """All centres, under as many customers; worlds and declarations are kept in a folder, and go on from there."""

    def __init__(self, folder: Path, *, centres: int, customers: int, largest: int, seed: int = 1) -> None:
        self.folder, self.seed = folder, seed
        learners = dict(enumerate(sizes(centres, largest), 1))
        dealt = _dealt(centres, customers, Random(seed))  # noqa: S311  the same fleet each time, no secret
        self.logs = [folder / f"customer-{customer:02d}.jsonl" for customer in range(customers)]
        organisations = [{id_: learners[id_] for id_ in ids} for ids in dealt]
        self.worlds = [self._world(log, centres) for log, centres in zip(self.logs, organisations, strict=True)]
        self.centres = [
            Centre(id_, learners[id_], customer, self.worlds[customer])
            for customer, ids in enumerate(dealt)
            for id_ in ids
        ]
        self.centres.sort(key=lambda centre: centre.organisation)
        self._load()

    @property
    def failing(self) -> Centre:
        """The centre whose files are never valid, a small one."""
        return self.centres[1]

    @property
    def smallest(self) -> Centre:
        return self.centres[0]

    def _world(self, log: Path, organisations: dict[int, int]) -> World:
        world = World(self.seed, sum(organisations.values()), FileLog(log), generate_customer(organisations, self.seed))
        world.catch_up()
        return world

    @property
    def _file(self) -> Path:
        return self.folder / "declared.json"

    def _load(self) -> None:
        if not self._file.exists():
            for centre in self.centres:
                centre.take_over()
            self.save()
            return
        saved = json.loads(self._file.read_text("utf-8"))
        for centre in self.centres:
            declared, corrections = saved[centre.name]
            centre.declared = {(table, id_, name): holder for table, id_, name, holder in declared}
            centre.corrections = {(table, id_, name): count for table, id_, name, count in corrections}

    def save(self) -> None:
        """Keep what is declared, for a run that goes on another time."""
        saved = {
            centre.name: [
                [[*place, holder] for place, holder in centre.declared.items()],
                [[*place, count] for place, count in centre.corrections.items()],
            ]
            for centre in self.centres
        }
        self._file.write_text(json.dumps(saved), "utf-8")


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")
