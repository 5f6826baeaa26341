"""The field's nouns as plain data: learners, staff and the slots that staff hold on learners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from reconciler.model.slots import Holder, OrganisationId, Place, Slot, UserId
from reconciler.model.structs import RedactedRepr, Struct, field
from reconciler.problems import Problem

# ------------------------------------------------------------------ the observed side


AccountStatus = Literal["active", "archived", "missing", "not listed"]
"""`not listed`: OneFile has the account, but not among the organisation's active users of that role."""


class ObservedLearner(Struct, frozen=True):
    """What OneFile holds for one learner. `slots` has every slot that was read, also undeclared ones."""

    id: UserId
    standing: AccountStatus = "active"
    placement: int | None = None
    slots: Mapping[Slot, Holder] = field(default_factory=dict)


class ObservedStaff(Struct, frozen=True):
    """What OneFile says of one staff account; `placement` is only read for employers."""

    id: UserId
    standing: AccountStatus = "active"
    placement: int | None = None


class Observed(RedactedRepr, Struct, frozen=True):
    """One reading of the learners and staff in scope.

    `misids` maps the declared MISIDs to learners; `staff` is keyed by organisation and user id, because a
    member of staff only counts where their account is. `calls` is what the reading cost. `names` are learners' own,
    where this command's report may show them; they are never saved.
    """

    hidden = ("names",)

    taken_at: datetime
    learners: Mapping[UserId, ObservedLearner]
    misids: Mapping[str, UserId] = field(default_factory=dict)
    staff: Mapping[tuple[OrganisationId, UserId], ObservedStaff] = field(default_factory=dict)
    calls: int = 0
    problems: tuple[Problem, ...] = ()
    names: Mapping[UserId, str] = field(default_factory=dict)


Recorded = Mapping[Place, UserId | None]
"""What was last applied, or last seen to be as declared, per slot: the third side of the comparison."""
