"""Findings about everybody in one OneFile organisation, judged without declared files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.model.declared import Level
from reconciler.model.plan import CaseloadRow
from reconciler.model.slots import Handle, OrganisationId, Role, SlotKind, UserId
from reconciler.model.structs import Struct, field


class AuditFinding(Struct, frozen=True):
    """One cause with everybody whom it concerns: `learners` by id, and `staff`, the accounts that `what` names."""

    policy: str
    level: Level
    what: str
    fix: str
    learners: tuple[UserId, ...] = ()
    staff: tuple[UserId, ...] = ()


class Audit(Struct, frozen=True):
    """The state of one organisation at `taken_at`, and what is wrong with it.

    `checked` has the policies that were judged, in the order of reports, also those without a finding. `unseen` counts
    the slots that OneFile does not show, by kind: nothing is claimed of them. `handles` name the accounts, and `labels`
    the learners who are declared. `staff` counts active accounts by role. `calls` is the cost of the reading.
    """

    target: str
    organisation: OrganisationId
    taken_at: datetime
    learners: int
    slots: int
    staff: Mapping[Role, int]
    checked: tuple[str, ...]
    findings: tuple[AuditFinding, ...]
    caseload: tuple[CaseloadRow, ...]
    handles: Mapping[UserId, Handle] = field(default_factory=dict)
    labels: Mapping[UserId, str] = field(default_factory=dict)
    unseen: Mapping[SlotKind, int] = field(default_factory=dict)
    calls: int = 0

    @property
    def concerned(self) -> frozenset[UserId]:
        """The learners with at least one finding."""
        return frozenset(learner for finding in self.findings for learner in finding.learners)
