"""The observed side: learners and staff as one reading of OneFile shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from reconciler.model.slots import Holder, OrganisationId, Place, Slot, UserId
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


class ObservedStaff(Struct, frozen=True):
    """One staff account in OneFile; `placement` is only read for employers."""

    id: UserId
    standing: AccountStatus = "active"
    placement: int | None = None


class Observed(RedactedRepr, Struct, frozen=True):
    """One reading of the learners and staff in scope.

    `misids` maps the declared MISIDs to learners. `staff` is keyed by organisation and user id, because an account only
    counts in its own organisation. `calls` is the cost of the reading. `names` are learners' names if this command's
    report may show them; they are never saved.
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
"""Holder last applied to each slot, or last seen there as declared: the third side of the comparison."""
