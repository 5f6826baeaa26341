"""The closed set of operations, and what surrounds them: changes, plans and outcomes; data only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

from reconciler.model.declared import Level
from reconciler.model.operations import Operation
from reconciler.model.slots import Handle, Holder, OrganisationId, Site, Slot, UserId
from reconciler.model.structs import EqualIgnoringSource, RedactedRepr, Struct, field
from reconciler.problems import Problem, Source

Action = Literal["create", "update", "delete", "no-op"]
Reason = Literal["declared", "drift", "cover", "unknown"]


class Change(EqualIgnoringSource, Struct, frozen=True):
    """One slot in a plan: what OneFile holds (`before`), what the files ask for (`after`), and what happens.

    | action | before                | after      | means                                                       |
    |--------|-----------------------|------------|-------------------------------------------------------------|
    | create | None                  | a user     | nobody is there; written                                    |
    | create | UNREADABLE            | a user     | OneFile does not say and nothing is recorded; written once  |
    | update | a user                | a user     | the holder is displaced                                     |
    | delete | a user                | None       | a manual step: OneFile has no unassign                      |
    | no-op  | equal, or left alone  |            | nothing is written                                          |
    | no-op  | UNREADABLE            | None       | whether anybody must be removed cannot be told              |

    `recorded` is True where `before` is our own record because OneFile does not show the slot.
    `blocked` says why a change that is needed will not be made; `held` says so for drift that
    settings.drift only reports or ignores. Both leave the action a no-op and the row visible.
    `pending` is True where a plan that was compared with another version of the files (`Plan.base`) finds the same
    change asked for there: it was pending or drifting already, and is not caused by the change under review.
    """

    learner: UserId
    slot: Slot
    label: str
    cohort: str
    organisation: OrganisationId
    action: Action
    reason: Reason
    before: Holder
    after: UserId | None
    source: Source
    recorded: bool = False
    blocked: str = ""
    held: Literal["", "report", "ignore"] = ""
    pending: bool = False

    @property
    def address(self) -> str:
        return self.slot.address(self.learner)


class ManualRemoval(EqualIgnoringSource, Struct, frozen=True):
    """Something only a person can do in OneFile's web pages, because the API has no unassign.

    `page` names the web page, `clicks` the way there and what to do, `owner` who sees to it. `unseen`: OneFile
    does not show the slot, so that only a person can say that it is done. The id is made from the
    address, so it stays the same until done. `first_seen` is when an apply or a drift run first found the step open.
    """

    id: str
    learner: UserId
    slot: Slot
    holder: UserId
    label: str
    cohort: str
    page: str
    source: Source
    clicks: str = ""
    owner: str = ""
    first_seen: datetime | None = None
    unseen: bool = False


class Finding(EqualIgnoringSource, Struct, frozen=True):
    """A policy that the planned world would break. `waived` quotes the waiver that lets it pass; `pending` is True
    where the plan of `Plan.base`'s files would break it just so. `places` are all the lines that have a part in it;
    they are not saved."""

    not_compared = ("places", "source")

    policy: str
    level: Level
    what: str
    fix: str
    learner: UserId | None = None
    label: str = ""
    cohort: str = ""
    staff: Handle | None = None
    waived: str = ""
    source: Source | None = None
    pending: bool = False
    places: tuple[Source, ...] = ()

    @property
    def blocks(self) -> bool:
        return self.level == "error" and not self.waived


class Holding(Struct, frozen=True):
    """How many learners one member of staff holds, by way of each layer, and how many distinct ones in all."""

    default: int = 0
    learning_aim: int = 0
    unit: int = 0
    learners: int = 0


class CaseloadRow(Struct, frozen=True):
    """One assessor's or IQA's caseload before and after the plan, over the learners in scope."""

    handle: Handle
    staff: UserId
    before: Holding
    after: Holding
    target: int | None = None
    maximum: int | None = None


class Summary(Struct, frozen=True):
    """Counts of a plan's slots; calls are read, what the reading cost, and write, one per operation.

    `unknown` are slots that neither OneFile nor a record shows: to be written once, or left alone where nobody is
    declared. `unneeded` is None without a base, and else how many slots the plan of the base's files would change
    that this one neither changes nor sets aside.
    """

    create: int = 0
    update: int = 0
    no_op: int = 0
    unknown: int = 0
    manual: int = 0
    blocked: int = 0
    reported: int = 0
    read_calls: int = 0
    write_calls: int = 0
    seconds: int = 0
    unneeded: int | None = None


class GitState(Struct, frozen=True):
    """The `commit` a state folder stands at, empty where git cannot tell; `uncommitted`: its files are not that
    commit's, so that the commit does not name what they ask for."""

    commit: str = ""
    uncommitted: bool | None = None


NO_GIT = GitState()
"""Outside git, as far as can be told."""


class Plan(RedactedRepr, Struct, frozen=True):
    """What would be written, in order, and everything a reviewer needs to judge it.

    `changes` has every declared slot, sorted by cohort, learner and slot; `operations` are in the order of
    writing. `problems` are rows set aside and warnings; they do not stop the rest. `refusals` are limits
    that the plan exceeds: nothing is applied while there is one, nor while a finding blocks. `day` is the day
    whose declaration was planned; `handles` say who the ids of staff are; `left_out` counts the
    declared learners whom the scope left unread. `base` is the commit whose files were planned beside these against
    the same reading, if any; `made_from` is where the files themselves stood. `names` are learners' own names, and
    only where settings.privacy lets this report show them: they are never saved.
    """

    hidden = ("names",)

    target: str
    organisation: OrganisationId
    created_at: datetime
    day: date
    changes: tuple[Change, ...]
    operations: tuple[Operation, ...]
    manual: tuple[ManualRemoval, ...] = ()
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    refusals: tuple[Problem, ...] = ()
    caseload: tuple[CaseloadRow, ...] = ()
    summary: Summary = Summary()
    handles: Mapping[UserId, Handle] = field(default_factory=dict)
    left_out: int = 0
    base: str = ""
    made_from: GitState = NO_GIT
    names: Mapping[UserId, str] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        return Site(self.target, self.organisation)

    @property
    def blocked(self) -> bool:
        """A limit or a policy refuses this plan as a whole."""
        return bool(self.refusals) or any(finding.blocks for finding in self.findings)

    @property
    def in_sync(self) -> bool:
        """Nothing to write, nothing for a person to do, nothing set aside."""
        return not self.operations and not self.manual and not self.summary.blocked
