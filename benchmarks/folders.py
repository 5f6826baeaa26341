"""Writes a centre of any size: the files, a saved reading, and the record of applied values.

python -m benchmarks.folders LEARNERS FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff
from reconciler.model.slots import Handle, Holder, OrganisationId, Role, Site, Slot, SlotKind, Unread, UserId
from reconciler.observed.document import to_document
from reconciler.store import Store

ORGANISATION = OrganisationId(5740)
READ_AT = datetime(2026, 11, 23, 14, tzinfo=UTC)
PER_FILE = 100
MOVED = 50  # one learner in so many has another default assessor in OneFile than in the files
LEARNERS_PER = {Role.ASSESSOR: 25, Role.IQA: 80, Role.EMPLOYER: 20, Role.OBSERVER: 100}


@dataclass(frozen=True)
class Centre:
    """A centre of `learners` learners with seven slots each, all written out, a hundred to a file."""

    learners: int

    @cached_property
    def staff(self) -> Mapping[tuple[Role, int], UserId]:
        """Return the OneFile ids by role, in order."""
        people = [(role, place) for role, per in LEARNERS_PER.items() for place in range(max(2, self.learners // per))]
        return {who: UserId(10_000_000 + number) for number, who in enumerate(people)}

    def member(self, role: Role, learner: int) -> tuple[Role, int]:
        """Return the person of a role for a learner: each in turn."""
        return role, learner % max(2, self.learners // LEARNERS_PER[role])

    def write(self, folder: Path) -> None:
        """Write `state/`, `reading.json`, and the store with the record as it is after an apply: every slot."""
        cohorts = folder / "state" / "cohorts"
        cohorts.mkdir(parents=True)
        (folder / "state" / "settings.yaml").write_text(f"version: 1\norganisation: {ORGANISATION}\n", "utf-8")
        entries = (f"  {_handle(who)}: {{id: {user}, role: {who[0].value}}}\n" for who, user in self.staff.items())
        (folder / "state" / "staff.yaml").write_text(f"version: 1\nstaff:\n{''.join(entries)}", "utf-8")
        for number in range(-(-self.learners // PER_FILE)):
            name = f"cohort-{number:04d}"
            mine = range(number * PER_FILE, min(self.learners, (number + 1) * PER_FILE))
            text = f"version: 1\ncohort: {name}\nlearners:\n{''.join(map(self._entry, mine))}"
            (cohorts / f"{name}.yaml").write_text(text, "utf-8")
        reading = to_document(self.observed(), Site("sandbox", ORGANISATION))
        (folder / "reading.json").write_text(json.dumps(reading, separators=(",", ":")), "utf-8")
        self._record(folder / ".reconciler" / "store.db")

    def _entry(self, learner: int) -> str:
        assessor, iqa, employer, observer = (_handle(self.member(role, learner)) for role in LEARNERS_PER)
        return (
            f"  - id: {_id(learner)}\n    label: LRN-{learner:06d}\n"
            f"    default_assessor: {assessor}\n    default_employer: {employer}\n"
            f"    learning_aims:\n      - standard: {_standard(learner)}\n"
            f"        assessor: {assessor}\n        iqa: {iqa}\n"
            f"    units:\n      - unit: {_unit(learner)}\n        assessor: {assessor}\n        iqa: {iqa}\n"
            f"    additional: [{observer}]\n"
        )

    def observed(self) -> Observed:
        """Return the observed state: as declared, except one default assessor in MOVED learners."""
        placement = {user: 1 if who[0] is Role.EMPLOYER else None for who, user in self.staff.items()}
        return Observed(
            taken_at=READ_AT,
            learners={
                _id(one): ObservedLearner(_id(one), "active", 1, self._held(one)) for one in range(self.learners)
            },
            staff={(ORGANISATION, user): ObservedStaff(user, "active", at) for user, at in placement.items()},
            calls=self.learners // 50,
        )

    def _held(self, learner: int) -> dict[Slot, Holder]:
        """Return what OneFile shows of a learner. It does not show additional people."""
        declared = self._declared(learner)
        unread = {slot: Unread.UNREADABLE for slot in declared if slot.kind is SlotKind.ADDITIONAL}
        moved = {Slot(SlotKind.DEFAULT_ASSESSOR): self.staff[self.member(Role.ASSESSOR, learner + 1)]}
        return {**declared, **unread, **(moved if learner % MOVED == 0 else {})}

    def _declared(self, learner: int) -> dict[Slot, UserId]:
        assessor, iqa, employer, observer = (self.staff[self.member(role, learner)] for role in LEARNERS_PER)
        return {
            Slot(SlotKind.DEFAULT_ASSESSOR): assessor,
            Slot(SlotKind.DEFAULT_EMPLOYER): employer,
            Slot(SlotKind.LEARNING_AIM_ASSESSOR, _standard(learner)): assessor,
            Slot(SlotKind.LEARNING_AIM_IQA, _standard(learner)): iqa,
            Slot(SlotKind.UNIT_ASSESSOR, _unit(learner)): assessor,
            Slot(SlotKind.UNIT_IQA, _unit(learner)): iqa,
            Slot(SlotKind.ADDITIONAL, observer): observer,
        }

    def _record(self, store_file: Path) -> None:
        with Store.open(str(store_file), clock=SystemClock()) as store:
            run = store.begin_run(
                command="apply",
                target="sandbox",
                organisation=ORGANISATION,
                fingerprint="",
                who="benchmark",
                commit="",
            )
            store.record(Site("sandbox", ORGANISATION), self._applied(), run=run)
            store.end_run(run, exit_code=0, summary={})

    def _applied(self) -> Iterator[tuple[UserId, Slot, UserId | None]]:
        """Yield what an apply of the files has recorded: who is declared for each slot."""
        for learner in range(self.learners):
            for slot, staff in self._declared(learner).items():
                yield _id(learner), slot, staff


def _id(learner: int) -> UserId:
    return UserId(200_000 + learner)


def _standard(learner: int) -> int:
    return 41_000 + learner % 7


def _unit(learner: int) -> str:
    return f"KS_COMM{learner % 5}"


def _handle(who: tuple[Role, int]) -> Handle:
    return Handle(f"{who[0].value}-{who[1]}")


if __name__ == "__main__":
    Centre(int(sys.argv[1])).write(Path(sys.argv[2]))
