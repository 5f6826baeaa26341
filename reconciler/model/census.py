"""Everything that OneFile shows of one organisation, or of a part of it: what files are made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.model.observed import AccountStatus
from reconciler.model.slots import Holder, OrganisationId, Role, Slot, SlotKind, UserId
from reconciler.model.structs import RedactedRepr, Struct, field

READABLE = frozenset(SlotKind) - {SlotKind.ADDITIONAL}


class Scope(Struct, frozen=True):
    """Which learners are asked for: those who meet every part that is not empty. `kinds` are the slots to read.

    An assessor's learners are those whose default assessor they are. `by_class` says that classrooms are of interest.
    Learners who are `declared` already, by id or MISID, are counted and not read.
    """

    organisation: OrganisationId
    classrooms: frozenset[int] = frozenset()
    placements: frozenset[int] = frozenset()
    assessors: frozenset[UserId] = frozenset()
    kinds: frozenset[SlotKind] = READABLE
    by_class: bool = True
    declared: frozenset[UserId | str] = frozenset()


class CensusLearner(RedactedRepr, Struct, frozen=True):
    """One active learner with every slot that was read. `classroom` is None where there is none, or none is shown."""

    hidden = ("name",)

    id: UserId
    misid: str
    classroom: int | None
    slots: Mapping[Slot, Holder]
    name: str = ""


class CensusStaff(RedactedRepr, Struct, frozen=True):
    """One active account on the organisation's list of its role."""

    hidden = ("name", "email")

    id: UserId
    role: Role
    misid: str = ""
    name: str = ""
    email: str = ""


class Census(Struct, frozen=True):
    """`elsewhere` has the holders who are on no list of staff, with what their own record says of them. `archived`
    counts learners whom OneFile lists although they are archived; it need not list any. `already` counts those who are
    declared already, as far as their list does not put them out of scope. `calls` is what it cost."""

    taken_at: datetime
    organisation: OrganisationId
    learners: tuple[CensusLearner, ...]
    staff: Mapping[UserId, CensusStaff]
    elsewhere: Mapping[UserId, AccountStatus] = field(default_factory=dict)
    archived: int = 0
    already: int = 0
    calls: int = 0
