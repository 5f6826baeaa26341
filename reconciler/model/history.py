"""Rows of the store as plain data: runs, journalled operations, open issues, leases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Self

from reconciler.model.operations import Move, Operation, Proof, State, moves, operation_id
from reconciler.model.slots import Holder, OrganisationId, Place, Site, Slot, UserId
from reconciler.model.structs import Struct, field

READ_DAILY = timedelta(days=2)
"""The age from which on the newest reading is not that of a job that runs daily."""


class RunRow(Struct, frozen=True):
    """One run of a command.

    `ended` and `exit_code` are None while it runs, and stay None if it was cut off; `settled_by` is then the next run
    that took its lock and settled what it left. `uncommitted`: its files differed from those of `commit`; None if git
    was not asked, as before schema version 3. `made` is when its plan was made, `reverts` the run that the plan
    undoes, `approved_by` who approved it, as the caller said; empty if nothing was said. `repository` is where its
    files came from; empty if that is not known.
    """

    id: int
    started: datetime
    command: str
    target: str
    organisation: OrganisationId
    fingerprint: str
    who: str
    commit: str
    uncommitted: bool | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    summary: Mapping[str, int] = field(default_factory=dict)
    settled_by: int | None = None
    made: datetime | None = None
    reverts: int | None = None
    approved_by: str = ""
    repository: str = ""


class JournalOperation(Struct, frozen=True):
    """An operation in the journal: ids and the request, never a learner's name or label.

    `organisation` is the learner's; None for that of the run, as before schema version 7.
    """

    id: str
    learner: UserId
    moves: tuple[tuple[Slot, Move], ...]
    method: str
    path: str
    body: Mapping[str, object]
    organisation: OrganisationId | None = None

    @classmethod
    def of(
        cls,
        operation: Operation,
        *,
        method: str,
        path: str,
        body: Mapping[str, object],
        organisation: OrganisationId | None = None,
    ) -> Self:
        return cls(operation_id(operation), operation.learner, moves(operation), method, path, body, organisation)


class Event(Struct, frozen=True):
    """One step in the life of an operation."""

    at: datetime
    state: State
    detail: str = ""
    proof: Proof = ""


class JournalRow(Struct, frozen=True):
    """One operation of a run with its events, oldest first; `sequence` counts from 1 in the order of writing."""

    run: int
    sequence: int
    operation: JournalOperation
    events: tuple[Event, ...]

    @property
    def state(self) -> State:
        """State of the operation: that of its latest event."""
        return self.events[-1].state

    @property
    def took_effect(self) -> bool:
        """True for a write that is done, or that was read back in place and failed because something else changed."""
        return self.state is State.DONE or any(
            event.state is State.DONE and event.proof == "read_back" for event in self.events
        )

    @property
    def effective_from(self) -> datetime:
        """Time from which on OneFile holds what it wrote: of the first answer, or of the latest event without one."""
        return next((event.at for event in self.events if event.state is State.DONE), self.events[-1].at)

    @property
    def may_show_late(self) -> bool:
        """True for a write that failed only because readings still showed the old value: OneFile may show it later."""
        acknowledged = any(event.state is State.DONE for event in self.events)
        looked = self.events[-1].proof == "read_back"
        return self.state is State.FAILED and not self.took_effect and (acknowledged or looked)

    @property
    def places(self) -> frozenset[Place]:
        """Slots that the operation writes, with their learner."""
        return frozenset((self.operation.learner, slot) for slot, _ in self.operation.moves)


class LastApplied(Struct, frozen=True):
    """The holder last applied to a slot, or last seen there as declared.

    With the run, its command, the time, and the person who asked for it.
    """

    staff: UserId | None
    run: int
    at: datetime
    who: str
    command: str = "apply"


class Sighting(NamedTuple):
    """The holder that a slot was seen to have as the files declared, and when that was first seen."""

    holder: UserId | None
    at: datetime


class AppliedCohort(NamedTuple):
    """A cohort that an apply managed: its organisation and learners; None if they are not known."""

    organisation: int
    learners: frozenset[UserId] | None


class Correction(Struct, frozen=True):
    """One slot that a run of `drift --correct` wrote; `at` is when the outcome was known."""

    learner: UserId
    slot: Slot
    run: int
    at: datetime


CLOSED_BY = ", reported by "
"""Part of the ending of an issue that a person closed, before their name."""
IssueKind = Literal["drift", "step", "fight"]


class OpenIssue(Struct, frozen=True):
    """A long-lived issue of one slot, from the run that first saw it to the one that found it over.

    `drift`: OneFile holds `holder`, and `due` was last applied. `step`: a manual step to remove `holder`, who is known
    only from the record if `due` is the same person. `fight`: the slot was corrected so often that a person must answer
    first. `ended` is None while it is open; then `ending` says how it ended. `since` is when the slot was first seen
    not to hold `due`; another person may have held it then. `foreign`: the files of another repository opened it.
    """

    id: int
    matter: IssueKind
    learner: UserId
    slot: Slot
    holder: Holder
    due: UserId | None
    first_seen: datetime
    last_seen: datetime
    ended: datetime | None = None
    ending: str = ""
    since: datetime | None = None
    foreign: bool = False

    @property
    def place(self) -> Place:
        return self.learner, self.slot


class Lease(Struct, frozen=True):
    """The right to write to one organisation of one target until `until`, unless renewed.

    `token` proves ownership; `seconds` is how long each renewal lasts. `taken_over_from` is the run whose lease lapsed
    without release: that run is dead, and its journal must be settled first.
    """

    target: str
    organisation: OrganisationId
    token: str
    holder: str
    host: str
    command: str
    run: int | None
    seconds: float
    since: datetime
    until: datetime
    taken_over_from: int | None = None

    @property
    def site(self) -> Site:
        """The organisation that is locked."""
        return Site(self.target, self.organisation)
