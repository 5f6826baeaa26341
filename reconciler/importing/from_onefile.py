"""A census of OneFile to entries of files that ask for exactly what it holds, and what could not be put into them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Literal

from reconciler.declared.cohort import CohortEntry, Held, LearnerEntry, Slots, Term
from reconciler.declared.cover import cover_on
from reconciler.importing.existing_state import Existing
from reconciler.importing.factor_defaults import factored
from reconciler.importing.naming import by_role, cohort_names, handles, persons
from reconciler.model.census import Census, CensusLearner, CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.observed import Recorded
from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    ROLES_FOR,
    Handle,
    Holder,
    OrganisationId,
    Role,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct, field

Labels = Literal["", "misid", "name"]
LARGEST_ID = 2**31 - 1  # as in the schemas
LONGEST_UNIT = 100
LONGEST_LABEL = 80
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Manner(Struct, frozen=True):
    """How files shall be made. `cohort` is the one cohort for all; else there is one per classroom, by the names in
    `classrooms` where those are wanted. `names` lets people's names stand in handles and labels."""

    cohort: str = ""
    classrooms: Mapping[int, str] = field(default_factory=dict)
    names: bool = False
    labels: Labels = ""
    all_staff: bool = False


class LeftOut(Struct, frozen=True):
    """A slot that somebody holds in OneFile and that is not declared, with the reason and what to do."""

    learner: UserId
    slot: Slot
    why: str
    fix: str


class Imported(Struct, frozen=True):
    """`staff` has everybody whom the cohorts name. `unreadable` counts slots that OneFile does not show, by kind;
    `recorded` those taken from our own record instead."""

    cohorts: tuple[CohortEntry, ...]
    comments: Mapping[str, str]
    staff: tuple[Staff, ...]
    left_out: tuple[LeftOut, ...]
    unreadable: Mapping[SlotKind, int]
    recorded: int


def imported(
    census: Census,
    manner: Manner,
    *,
    settings_organisation: OrganisationId,
    existing: Existing,
    recorded: Recorded,
    day: date,
) -> Imported:
    """The census as entries: every slot that somebody holds, where it can be declared; empty slots are left undeclared.

    The handles of *existing* files stay, and so does what they say of their staff on *day*. *recorded* stands in for
    what OneFile does not show, as it does in plans.
    """
    known = existing.staff or {}
    sorting = _Sorting(census, recorded, {member.id: member for member in known.values()}, day)
    slots = {learner.id: sorting.slots(learner) for learner in census.learners}
    holders = {holder for held in slots.values() for holder in held.values()}
    staff = _directory(census, holders, manner, known)
    by_id = {member.id: member.handle for member in staff}
    labels = _labels(census, manner.labels, {learner.label for learner in existing.learners})
    rooms: dict[int | None, list[CensusLearner]] = defaultdict(list)
    for learner in census.learners:
        rooms[None if manner.cohort else learner.classroom].append(learner)
    names = cohort_names(sorted(rooms, key=str), manner.classrooms)
    if manner.cohort:
        names[None] = manner.cohort
    foreign = None if census.organisation == settings_organisation else census.organisation
    cohorts = [
        factored(_cohort(names[room], foreign, [_learner(one, slots[one.id], by_id, labels) for one in learners]))
        for room, learners in rooms.items()
    ]
    return Imported(
        cohorts=tuple(sorted(cohorts, key=lambda cohort: cohort.name)),
        comments={names[room]: f"classroom {room} in OneFile" for room in rooms if room is not None},
        staff=staff,
        left_out=tuple(sorting.left_out),
        unreadable=sorting.unreadable,
        recorded=sorting.recorded,
    )


def _cohort(name: str, organisation: OrganisationId | None, learners: list[LearnerEntry]) -> CohortEntry:
    return CohortEntry("", name, name, 0, organisation, Slots(), tuple(learners))


def _learner(
    learner: CensusLearner, slots: Mapping[Slot, UserId], by_id: Mapping[UserId, Handle], labels: Mapping[UserId, str]
) -> LearnerEntry:
    held = [(slot, Term(by_id[staff], None, None, 0)) for slot, staff in sorted(slots.items(), key=_slot_order)]
    single = tuple(Held(slot, (term,), 0) for slot, term in held if slot.kind is not SlotKind.ADDITIONAL)
    additional = tuple(term for slot, term in held if slot.kind is SlotKind.ADDITIONAL)
    return LearnerEntry(learner.id, None, labels.get(learner.id, ""), 0, Slots(single, additional))


def _slot_order(item: tuple[Slot, UserId]) -> tuple[int, int, str]:
    return item[0].order()


# ------------------------------------------------------------------ which slots


class _Sorting:
    """Sorts slots into those that can be declared and those that cannot."""

    def __init__(self, census: Census, recorded: Recorded, known: Mapping[UserId, Staff], day: date) -> None:
        self.left_out: list[LeftOut] = []
        self.unreadable: Counter[SlotKind] = Counter()
        self.recorded = 0
        self._census, self._known, self._day = census, known, day
        self._record: dict[UserId, dict[Slot, UserId]] = defaultdict(dict)
        for (user, slot), staff in recorded.items():
            if staff is not None:
                self._record[user][slot] = staff

    def slots(self, learner: CensusLearner) -> dict[Slot, UserId]:
        """Who holds what can be declared. Told apart from that: what is unreadable, and what is left out."""
        found: dict[Slot, UserId] = {}
        for slot, held in sorted(self._seen(learner).items(), key=lambda item: item[0].order()):
            if held is Unread.UNREADABLE:
                self.unreadable[slot.kind] += 1
            elif held is not None:
                refusal = self._refusal(slot, held)
                if refusal is not None:
                    self.left_out.append(LeftOut(learner.id, slot, *refusal))
                elif isinstance(held, int):
                    found[slot] = held
        return found

    def _seen(self, learner: CensusLearner) -> dict[Slot, Holder]:
        """What was read, with our record where OneFile does not show a slot."""
        record = self._record.get(learner.id, {})
        seen: dict[Slot, Holder] = dict(learner.slots)
        for slot, staff in record.items():
            if slot.kind is SlotKind.ADDITIONAL or seen.get(slot) is Unread.UNREADABLE:
                seen[slot] = staff
                self.recorded += 1
        return seen

    def _refusal(self, slot: Slot, held: UserId | Unread) -> tuple[str, str] | None:
        if isinstance(held, Unread):
            thing = "learning aim" if slot.kind in LEARNING_AIM_KINDS else "unit"
            what = f"the learner has more than one such {thing}, and OneFile's API cannot tell which is meant"
            return what, "Look after this slot in OneFile."
        if not _is_declarable(slot):
            return "the id is longer than a file may have", "Look after this slot in OneFile."
        member = self._census.staff.get(held)
        if member is None:
            return self._stranger(held)
        if member.role not in ROLES_FOR[slot.kind]:
            what = f"OneFile user {held}, who holds it, is listed as {_role(member.role)}, which does not fit the slot"
            return what, "Put somebody of a fitting role there, then declare the slot."
        return self._contradiction(slot, self._known[held]) if held in self._known else None

    def _contradiction(self, slot: Slot, member: Staff) -> tuple[str, str] | None:
        """Why an existing staff.yaml would make something else of the slot."""
        if member.role not in ROLES_FOR[slot.kind]:
            what = f"{member.handle}, who holds it, is {_role(member.role)} in staff.yaml, which does not fit the slot"
            return what, "Correct the role in staff.yaml, then declare the slot."
        if cover := cover_on(member, self._day):
            what = f"{member.handle}, who holds it, is covered by {cover.by} on {self._day}, so a plan would move it"
            return what, "Declare it by hand, for whoever shall hold it."
        return None

    def _stranger(self, held: UserId) -> tuple[str, str]:
        standing = self._census.elsewhere.get(held)
        fix = "Choose who shall hold it, and declare that."
        if standing == "archived":
            return f"OneFile user {held}, who holds it, is archived", fix
        if standing == "missing":
            return f"OneFile has no user {held}, who holds it", fix
        what = f"OneFile user {held}, who holds it, is on no list of organisation {self._census.organisation}'s staff"
        return what, f"The account may be another organisation's, or of a role that the API does not list. {fix}"


def _is_declarable(slot: Slot) -> bool:
    if isinstance(slot.key, str):
        return len(slot.key) <= LONGEST_UNIT and not _UNWRITABLE.search(slot.key)
    return slot.key is None or slot.key <= LARGEST_ID


def _role(role: Role) -> str:
    return "IQA" if role is Role.IQA else role.value.replace("_", " ")


# ------------------------------------------------------------------ staff and labels


def _directory(
    census: Census, holders: set[UserId], manner: Manner, known: Mapping[Handle, Staff]
) -> tuple[Staff, ...]:
    """Whom the cohorts name, by role and then handle; with *all_staff* everybody who is listed."""
    needed: list[CensusStaff] = [
        one for user, one in sorted(census.staff.items()) if user in holders or manner.all_staff
    ]
    there = {member.id: member for member in known.values()}
    named = handles(needed, names=manner.names, taken={user: member.handle for user, member in there.items()})
    joined = persons(needed, named)
    staff = [
        there.get(one.id) or Staff(named[one.id], one.id, one.role, person=joined.get(one.id, "")) for one in needed
    ]
    return tuple(sorted(staff, key=by_role))


def _labels(census: Census, labels: Labels, taken: Collection[str]) -> dict[UserId, str]:
    """Labels that are one learner's only, and fit; others have none."""
    if not labels:
        return {}
    wishes = {one.id: one.misid if labels == "misid" else one.name for one in census.learners}
    shared = Counter(wishes.values())
    return {
        user: wish
        for user, wish in wishes.items()
        if wish
        and wish not in taken
        and shared[wish] == 1
        and len(wish) <= LONGEST_LABEL
        and not _UNWRITABLE.search(wish)
    }
