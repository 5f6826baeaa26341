"""Census of one organisation, or of a part of it: the data that new files are made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.model.observed import AccountStatus
from reconciler.model.slots import Holder, OrganisationId, Role, Slot, SlotKind, UserId
from reconciler.model.structs import RedactedRepr, Struct, field

READABLE = frozenset(SlotKind) - {SlotKind.ADDITIONAL}


class Scope(Struct, frozen=True):
    """Filter for the learners to read: those who meet every part that is not empty.

    `kinds` are the slots to read. An assessor's learners are those whose default assessor they are. `by_class`:
    classrooms are read too. `declared` learners, by id or MISID, are counted and not read.
    """

    organisation: OrganisationId
    classrooms: frozenset[int] = frozenset()
    placements: frozenset[int] = frozenset()
    assessors: frozenset[UserId] = frozenset()
    kinds: frozenset[SlotKind] = READABLE
    by_class: bool = True
    declared: frozenset[UserId | str] = frozenset()


class CensusLearner(RedactedRepr, Struct, frozen=True):
    """One active learner with every slot that was read. `classroom` is None if there is none or none is shown."""

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
    """The learners and staff of one organisation, as read for an import.

    `elsewhere` has the holders who are on no list of staff, with the status on their own record. `retired` has the
    archived accounts that were seen, on a list or by their own record. `archived` counts
    learners whom OneFile lists although they are archived; it need not list any. `already` counts declared learners,
    except those whom the list puts out of scope. `calls` is the cost.
    """

    taken_at: datetime
    organisation: OrganisationId
    learners: tuple[CensusLearner, ...]
    staff: Mapping[UserId, CensusStaff]
    elsewhere: Mapping[UserId, AccountStatus] = field(default_factory=dict)
    archived: int = 0
    already: int = 0
    calls: int = 0
    retired: Mapping[UserId, CensusStaff] = field(default_factory=dict)
