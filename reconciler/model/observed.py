"""The observed side: learners and staff as one reading of OneFile shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from reconciler.model.operations import hashed
from reconciler.model.slots import Holder, OrganisationId, Place, Role, Slot, UserId
from reconciler.model.structs import RedactedRepr, Struct, field
from reconciler.problems import Problem

# ------------------------------------------------------------------ the observed side


AccountStatus = Literal["active", "archived", "missing", "not listed"]
"""Status of an account. `not listed`: OneFile has it, but not among the organisation's active users of that role."""


class ObservedLearner(Struct, frozen=True):
    """One learner in OneFile. `slots` has every slot that was read, also undeclared ones."""

    id: UserId
    standing: AccountStatus = "active"
    placement: int | None = None
    slots: Mapping[Slot, Holder] = field(default_factory=dict)


CANNOT_ACT: frozenset[AccountStatus] = frozenset({"archived", "missing"})
"""Statuses of accounts that nobody can sign in to."""
PEOPLE_ROLES = frozenset({Role.TRAINEE_ASSESSOR, Role.ASSESSOR, Role.IQA})
"""Roles whose accounts are compared by e-mail address."""


class ObservedStaff(Struct, frozen=True):
    """One staff account in OneFile; `placement` is only read for employers.

    `role` is that of the list on which the account is, None if it is on none that was read. `misid` is a digest, empty
    if there is none or OneFile did not show it; `former` is another account that had this MISID before.
    """

    id: UserId
    standing: AccountStatus = "active"
    placement: int | None = None
    role: Role | None = None
    misid: str = ""
    former: UserId | None = None


class SharedAccount(Struct, frozen=True, order=True):
    """One of several accounts with the same MISID or e-mail address."""

    id: UserId
    standing: AccountStatus = "active"


SharedThing = Literal["misid", "email"]


class SharedIdentity(Struct, frozen=True, order=True):
    """Staff accounts with one MISID or e-mail address, by id; the MISID and the address themselves are not kept."""

    thing: SharedThing
    accounts: tuple[SharedAccount, ...]

    def ids(self) -> frozenset[UserId]:
        return frozenset(account.id for account in self.accounts)


class Roster(Struct, frozen=True):
    """Active learners of the organisation, as its list shows them, in order.

    `classes` has the class of each, None for no class, if the list shows classes for all declared learners. `whole`:
    the list is proven complete. `asked`: it was read for its own sake.
    """

    learners: tuple[UserId, ...]
    classes: Mapping[UserId, int | None] = field(default_factory=dict)
    whole: bool = False
    asked: bool = False


class Observed(RedactedRepr, Struct, frozen=True):
    """One reading of the learners and staff in scope.

    `misids` maps the declared MISIDs to learners. `staff` has everybody who should hold a declared slot, or does; it is
    keyed by organisation and user id, because an account only counts in its own organisation. `shared` are accounts
    with one MISID or e-mail address, of which at least one is in `staff`. `identities` are learners who are declared by
    id, by the digest of the MISID that the list shows for them; they are never saved. `roster` has all learners of the
    organisation, if the reading showed them. `calls` is the cost of the reading. `names` are learners' names if this
    command's report may show them; they are never saved.
    """

    hidden = ("names",)

    taken_at: datetime
    learners: Mapping[UserId, ObservedLearner]
    misids: Mapping[str, UserId] = field(default_factory=dict)
    staff: Mapping[tuple[OrganisationId, UserId], ObservedStaff] = field(default_factory=dict)
    calls: int = 0
    problems: tuple[Problem, ...] = ()
    names: Mapping[UserId, str] = field(default_factory=dict)
    shared: tuple[SharedIdentity, ...] = ()
    identities: Mapping[str, UserId] = field(default_factory=dict)
    roster: Roster | None = None


def misid_digest(organisation: OrganisationId, misid: str) -> str:
    """Return a digest by which MISIDs are compared and recorded, so that the store and saved readings hold ids only."""
    return hashed(f"{organisation}/{misid.strip()}")[:16]


Recorded = Mapping[Place, UserId | None]
"""Holder last applied to each slot, or last seen there as declared: the third side of the comparison."""
