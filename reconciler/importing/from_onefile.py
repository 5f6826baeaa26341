"""Turns a census of OneFile into file entries that declare exactly what it holds, and lists what is left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Literal

from reconciler.declared.cohort import CohortEntry, Held, LearnerEntry, Slots, Term
from reconciler.importing.existing_state import Existing
from reconciler.importing.factor_defaults import factor_defaults
from reconciler.importing.naming import by_role, cohort_names, handles, is_unwritable, persons
from reconciler.model.census import Census, CensusLearner, CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.observed import Recorded
from reconciler.model.slots import (
    LARGEST_ID,
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
LONGEST_UNIT = 100
LONGEST_LABEL = 80


class FileOptions(Struct, frozen=True):
    """Options for new files.

    `cohort` is one cohort for all; without it there is one per classroom, named by `classrooms` if it has a name.
    `names` allows people's names in handles and labels.
    """

    cohort: str = ""
    classrooms: Mapping[int, str] = field(default_factory=dict)
    names: bool = False
    labels: Labels = ""
    all_staff: bool = False


class LeftOut(Struct, frozen=True):
    """Slot that somebody holds in OneFile and that cannot be declared, with the reason and the fix."""

    learner: UserId
    slot: Slot
    why: str
    fix: str


class OneFileImport(Struct, frozen=True):
    """Entries of new files, and the slots that are left out.

    `staff` has everybody that the cohorts name. `unreadable` counts slots that OneFile does not show, by kind;
    `recorded` those taken from our own record instead.
    """

    cohorts: tuple[CohortEntry, ...]
    comments: Mapping[str, str]
    staff: tuple[Staff, ...]
    left_out: tuple[LeftOut, ...]
    unreadable: Mapping[SlotKind, int]
    recorded: int

    @property
    def keys(self) -> frozenset[int | str]:
        """Learning aims and units that the cohorts declare."""
        entries = [cohort.defaults for cohort in self.cohorts]
        entries += [learner.slots for cohort in self.cohorts for learner in cohort.learners]
        return frozenset(held.slot.key for slots in entries for held in slots.held if held.slot.key is not None)


def import_census(
    census: Census,
    options: FileOptions,
    *,
    settings_organisation: OrganisationId,
    existing: Existing,
    recorded: Recorded,
    day: date,
) -> OneFileImport:
    """Declare every slot that somebody holds, if it can be declared; empty slots stay undeclared.

    The handles and staff of *existing* files stay, with their cover on *day*. *recorded* replaces what OneFile does not
    show, as in plans.
    """
    known = existing.staff or {}
    sorting = _Sorting(census, recorded, {member.id: member for member in known.values()}, day)
    slots = {learner.id: sorting.slots(learner) for learner in census.learners}
    holders = {holder for held in slots.values() for holder in held.values()}
    staff = _directory(census, holders, options, known)
    by_id = {member.id: member.handle for member in staff}
    labels = labels_of(census.learners, options.labels, {learner.label for learner in existing.learners})
    rooms: dict[int | None, list[CensusLearner]] = defaultdict(list)
    for learner in census.learners:
        rooms[None if options.cohort else learner.classroom].append(learner)
    names = cohort_names(sorted(rooms, key=str), options.classrooms)
    if options.cohort:
        names[None] = options.cohort
    foreign = None if census.organisation == settings_organisation else census.organisation
    cohorts = [
        factor_defaults(
            _cohort(names[room], foreign, [_learner(learner, slots[learner.id], by_id, labels) for learner in learners])
        )
        for room, learners in rooms.items()
    ]
    return OneFileImport(
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
        """Return the holders of slots that can be declared; count unreadable slots, and list those left out."""
        holders: dict[Slot, UserId] = {}
        for slot, held in sorted(self._seen(learner).items(), key=lambda item: item[0].order()):
            if held is Unread.UNREADABLE:
                self.unreadable[slot.kind] += 1
            elif held is not None:
                refusal = self._refusal(slot, held)
                if refusal is not None:
                    self.left_out.append(LeftOut(learner.id, slot, *refusal))
                elif isinstance(held, int):
                    holders[slot] = held
        return holders

    def _seen(self, learner: CensusLearner) -> dict[Slot, Holder]:
        """Return the slots as read, or from our record if OneFile does not show them."""
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
            what = f"the learner has this {thing} more than once, and OneFile's API cannot tell them apart"
            return what, "Manage these slots in OneFile."
        if not _is_declarable(slot):
            return "the id is too long for a file, or has invisible characters", "Manage this slot in OneFile."
        member = self._census.staff.get(held)
        if member is None:
            return self._stranger(held)
        if member.role not in ROLES_FOR[slot.kind]:
            what = f"OneFile user {held}, who holds it, is listed as {_role(member.role)}, which does not fit the slot"
            return what, "Put somebody of a fitting role there, then declare the slot."
        return self._contradiction(slot, self._known[held]) if held in self._known else None

    def _contradiction(self, slot: Slot, member: Staff) -> tuple[str, str] | None:
        """Return why an existing staff.yaml contradicts the slot, and the fix."""
        if member.role not in ROLES_FOR[slot.kind]:
            what = f"{member.handle}, who holds it, is {_role(member.role)} in staff.yaml, which does not fit the slot"
            return what, "Correct the role in staff.yaml, then declare the slot."
        if cover := member.cover_on(self._day):
            what = f"{member.handle}, who holds it, is covered by {cover.by} on {self._day}, so a plan would move it"
            return what, "Declare it by hand, with the person who should hold it."
        return None

    def _stranger(self, held: UserId) -> tuple[str, str]:
        status = self._census.elsewhere.get(held)
        fix = "Choose who should hold it, and declare that."
        if status == "archived":
            return f"OneFile user {held}, who holds it, is archived", fix
        if status == "missing":
            return f"OneFile has no user {held}, who holds it", fix
        what = f"OneFile user {held}, who holds it, is on no list of organisation {self._census.organisation}'s staff"
        return what, f"{fix} The account may belong to another organisation, or have a role that the API does not list."


def _is_declarable(slot: Slot) -> bool:
    if isinstance(slot.key, str):
        return len(slot.key) <= LONGEST_UNIT and not is_unwritable(slot.key)
    return slot.key is None or slot.key <= LARGEST_ID


def _role(role: Role) -> str:
    return "IQA" if role is Role.IQA else role.value.replace("_", " ")


# ------------------------------------------------------------------ staff and labels


def _directory(
    census: Census, holders: set[UserId], options: FileOptions, known: Mapping[Handle, Staff]
) -> tuple[Staff, ...]:
    """Return the staff that the cohorts name, by role and handle; with `all_staff` everybody who is listed."""
    needed: list[CensusStaff] = [
        account for user, account in sorted(census.staff.items()) if user in holders or options.all_staff
    ]
    by_id = {member.id: member for member in known.values()}
    named = handles(needed, names=options.names, taken={user: member.handle for user, member in by_id.items()})
    joined = persons(needed, named)
    staff = [
        by_id.get(account.id) or Staff(named[account.id], account.id, account.role, person=joined.get(account.id, ""))
        for account in needed
    ]
    return tuple(sorted(staff, key=by_role))


def labels_of(learners: Sequence[CensusLearner], labels: Labels, taken: Collection[str]) -> dict[UserId, str]:
    """Return the labels that are unique and fit; other learners get none."""
    if not labels:
        return {}
    texts = {learner.id: learner.misid if labels == "misid" else learner.name for learner in learners}
    count = Counter(texts.values())
    return {
        user: label
        for user, label in texts.items()
        if label
        and label not in taken
        and count[label] == 1
        and len(label) <= LONGEST_LABEL
        and not is_unwritable(label)
    }
