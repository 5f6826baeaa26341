"""A plan: changes, manual removals, findings, caseloads and counts; data only."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NamedTuple, overload

from reconciler.model.declared import DeclaredLearner, Level
from reconciler.model.operations import Operation
from reconciler.model.slots import Handle, Holder, OrganisationId, Place, Site, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import EqualIgnoringSource, RedactedRepr, Struct, field, replace
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
    | no-op  | UNREADABLE            | None       | whether anybody must be removed is not known              |

    `recorded` is True where `before` is our own record because OneFile does not show the slot.
    `blocked` says why a change that is needed will not be made; `held` says so for drift that
    settings.drift only reports or ignores, and for a kind that `writer` owns, another system that
    settings.writers names. Both leave the action a no-op and the row visible.
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
    held: Literal["", "report", "ignore", "writer"] = ""
    pending: bool = False
    writer: str = ""

    @property
    def address(self) -> str:
        return self.slot.address(self.learner)

    @property
    def lapsed(self) -> bool:
        """True if the slot's declared time has ended: read, set aside, and nobody declared."""
        read = not (self.recorded or isinstance(self.before, Unread))
        return read and self.after is None and bool(self.blocked)

    @property
    def is_declared(self) -> bool:
        """False if nobody is declared now: the time has ended, or somebody was added and is no longer asked for."""
        return self.after is not None or not (self.blocked or self.slot.kind is SlotKind.ADDITIONAL)

    @property
    def is_unseen(self) -> bool:
        """True if OneFile does not show who holds the slot."""
        return self.recorded or self.before in (Unread.UNREADABLE, Unread.AMBIGUOUS)


class PlannedLearner(NamedTuple):
    """A learner with slots in a plan, named as a Change names its learner."""

    learner: UserId
    label: str
    cohort: str
    organisation: OrganisationId
    blocked: str = ""


class UnchangedLearner(Struct, frozen=True):
    """A learner whose slots all hold who is declared.

    `slots` are in order, `recorded` those that OneFile does not show; learners with the same slots share both.
    `applied`: the record has all slots as they are declared.
    """

    id: UserId
    learner: DeclaredLearner
    slots: tuple[Slot, ...]
    recorded: frozenset[Slot]
    applied: bool = False

    def row(self) -> PlannedLearner:
        """Return the learner without the slots."""
        return PlannedLearner(self.id, self.learner.label, self.learner.cohort, self.learner.organisation)

    def changes(self) -> Iterator[Change]:
        """Yield the slots as changes."""
        return (self.change(slot) for slot in self.slots)

    def part(self, slots: Container[Slot]) -> UnchangedLearner:
        """Return the learner with some of the slots only."""
        return replace(self, slots=tuple(slot for slot in self.slots if slot in slots))

    def change(self, slot: Slot) -> Change:
        learner, wanted = self.learner, self.learner.slots[slot]
        return Change(
            learner=self.id,
            slot=slot,
            label=learner.label,
            cohort=learner.cohort,
            organisation=learner.organisation,
            action="no-op",
            reason=wanted.reason,
            before=wanted.staff,
            after=wanted.staff,
            source=wanted.source,
            recorded=slot in self.recorded,
        )


class Changes(Sequence[Change]):
    """The slots of a plan in order, of which those of unchanged learners become values only one by one."""

    __slots__ = ("differing", "groups", "unchanged")

    def __init__(self, groups: Iterable[UnchangedLearner | Sequence[Change]]) -> None:
        """Put the learners together, each unchanged or with changes, in their order."""
        self.groups = tuple(groups)
        self.unchanged = tuple(group for group in self.groups if isinstance(group, UnchangedLearner))
        self.differing = tuple(
            change for group in self.groups if not isinstance(group, UnchangedLearner) for change in group
        )

    def __len__(self) -> int:
        return len(self.differing) + sum(len(learner.slots) for learner in self.unchanged)

    def __iter__(self) -> Iterator[Change]:
        for group in self.groups:
            yield from group.changes() if isinstance(group, UnchangedLearner) else group

    @overload
    def __getitem__(self, place: int) -> Change: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, place: int | slice) -> Change | tuple[Change, ...]:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def groups_of(changes: Sequence[Change]) -> Sequence[UnchangedLearner | Sequence[Change]]:
    """Return the changes in order, each unchanged learner in one piece."""
    return changes.groups if isinstance(changes, Changes) else (changes,)


def differing(changes: Sequence[Change]) -> Sequence[Change]:
    """Return the changes of all learners of whom a slot differs."""
    return changes.differing if isinstance(changes, Changes) else changes


def unchanged(changes: Sequence[Change]) -> Sequence[UnchangedLearner]:
    """Return the learners of whom no slot differs, and who are not among the `differing` ones."""
    return changes.unchanged if isinstance(changes, Changes) else ()


def with_differing(changes: Sequence[Change], change_of: Callable[[Change], Change]) -> Changes:
    """Return the changes with another one for each that differs."""
    return Changes(
        group if isinstance(group, UnchangedLearner) else tuple(map(change_of, group)) for group in groups_of(changes)
    )


def changes_of(changes: Sequence[Change], learners: Container[UserId | None]) -> Iterator[Change]:
    """Yield the changes of some learners, in no order."""
    yield from (change for change in differing(changes) if change.learner in learners)
    for learner in unchanged(changes):
        if learner.id in learners:
            yield from learner.changes()


class ManualRemoval(EqualIgnoringSource, Struct, frozen=True):
    """A manual step: removing a person in OneFile's web pages, because the API has no unassign.

    `page` names the web page, `clicks` the way there and what to do, `owner` the person or team responsible. `unseen`:
    OneFile does not show the slot, so only a person can confirm that it is done. The id is made from the address, so it
    stays the same until done. `first_seen` is when an apply or a drift run first reported the step.
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
    """A policy that the planned state would break.

    `waived` quotes the waiver that lets it pass. `pending`: the plan of the base's files would break it too. `places`
    are all the lines that contribute to it; they are not saved.
    """

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


class HandoverKind(StrEnum):
    """Cause of a handover, in report order (most important first)."""

    LAPSE = "lapse"  # the last entry ends and nobody follows: the slot is not managed from then on
    VACATED = "vacated"  # an entry says that nobody should hold the slot: a manual removal
    LEAVES = "leaves"  # an additional person's time ends: a manual removal as well
    COVER = "cover"  # a stand-in begins
    RETURN = "return"  # a stand-in ends, and who was covered is back
    ENTRY = "entry"  # a dated entry begins
    JOINS = "joins"  # an additional person's time begins
    WAIVER = "waiver"  # a waiver has ended the day before
    POLICY = "policy"  # a policy is broken, and no one change is the cause


class LaterSlot(Struct, frozen=True):
    """One slot of a later change: its address and its learner's label. A MISID stands in for an unknown id."""

    address: str
    label: str = ""

    @property
    def learner(self) -> str:
        """The learner's part of the address."""
        return self.address.partition("].")[0]


class LaterCaseload(Struct, frozen=True):
    """Learners of one member of staff before and after a later day, and the bounds in staff.yaml."""

    handle: Handle
    before: int
    after: int
    target: int | None = None
    maximum: int | None = None


class LaterChange(EqualIgnoringSource, Struct, frozen=True):
    """All that the files bring on one later day from one cause for one pair of people.

    `before` and `after` are None for nobody. `covered` is the person for whom a stand-in acts, until `last` if the
    cover has an end; `why` is the reason of the cover, or the words of a waiver. `findings` are policies that are
    broken from that day on. `pending`: the files of the plan's base bring it as well.
    """

    day: date
    kind: HandoverKind
    before: Handle | None
    after: Handle | None
    slots: tuple[LaterSlot, ...]
    source: Source
    covered: Handle | None = None
    last: date | None = None
    why: str = ""
    caseload: tuple[LaterCaseload, ...] = ()
    findings: tuple[Finding, ...] = ()
    pending: bool = False

    @property
    def learners(self) -> int:
        return len({slot.learner for slot in self.slots})

    @property
    def blocks(self) -> bool:
        return any(finding.blocks for finding in self.findings)


class Holding(Struct, frozen=True):
    """Numbers of learners that one member of staff holds: by each layer, and distinct ones in all."""

    default: int = 0
    learning_aim: int = 0
    unit: int = 0
    learners: int = 0


class CaseloadRow(Struct, frozen=True):
    """Caseload of one assessor or IQA before and after the plan, over the learners in scope."""

    handle: Handle
    staff: UserId
    before: Holding
    after: Holding
    target: int | None = None
    maximum: int | None = None


class Summary(Struct, frozen=True):
    """Counts of a plan's slots and calls; write calls are one per operation.

    `unknown` slots are shown neither by OneFile nor by a record: they are written once, or left alone if nobody is
    declared. `unneeded` is None without a base, and else counts the slots that the plan of the base's files would
    change and this one neither changes nor sets aside. The last four count the declared slots of a `Watch`; None in a
    plan that was not compared with what was seen before.
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
    watched: int | None = None
    unwatched: int | None = None
    unseen: int | None = None
    went_blind: int | None = None


class Departed(Struct, frozen=True):
    """A declared learner who has left.

    `why` is the status of the account, or `class` for another class than the cohort's. `misid` is set only if no
    account is known. `usual` is the class of most of the cohort, `now` the learner's.
    """

    learner: UserId | None
    misid: str
    label: str
    cohort: str
    why: str
    usual: int | None = None
    now: int | None = None


class Roll(Struct, frozen=True):
    """Active learners whom no file declares, and declared ones who have left.

    `whole`: OneFile's list is proven complete, otherwise there may be more undeclared learners.
    """

    undeclared: tuple[UserId, ...] = ()
    departed: tuple[Departed, ...] = ()
    whole: bool = False


class GitState(Struct, frozen=True):
    """The `commit` of a state folder, empty if git does not know it.

    `uncommitted`: the files differ from that commit, so the commit does not name what they ask for.
    """

    commit: str = ""
    uncommitted: bool | None = None


class Watch(Struct, frozen=True):
    """Declared slots by whether a change in OneFile would be noticed.

    `watched` slots are shown, and their declared holder was applied or seen before: another one is drift. `unwatched`
    slots are shown, but were never seen as declared. `not_shown` counts those of the `compared` slots that are not
    shown; the slots in `blind` were before. `unresolved` counts the slots of learners whose OneFile id is not known:
    nothing shows them either. `shown` are the kinds of which OneFile shows at least one declared slot.
    """

    watched: int = 0
    unwatched: Sequence[Change] = ()
    not_shown: int = 0
    blind: tuple[Change, ...] = ()
    unresolved: int = 0
    shown: frozenset[SlotKind] = frozenset()
    compared: Sequence[Change] = ()

    @property
    def unseen(self) -> Iterator[Change]:
        """Declared slots that are not shown, in order."""
        for group in groups_of(self.compared):
            if isinstance(group, UnchangedLearner):
                yield from group.part(group.recorded).changes()
            else:
                yield from (change for change in group if change.is_declared and change.is_unseen)

    @property
    def unseen_count(self) -> int:
        return self.not_shown + self.unresolved

    def counts(self) -> dict[str, int]:
        """Return the numbers of slots for reports."""
        return {
            "watched": self.watched,
            "unwatched": len(self.unwatched),
            "unseen": self.unseen_count,
            "went_blind": len(self.blind),
        }


REVERTED = "run "
"""The beginning of the source of a change in a plan that reverts a run."""
NO_GIT = GitState()
"""No commit is known."""
NO_WATCH = Watch()
"""The plan was not compared with what was seen before."""


AsDeclared = Mapping[Site, list[tuple[UserId, Slot, UserId | None]]]
"""Slots that hold what the files declare, by organisation."""


class Plan(RedactedRepr, Struct, frozen=True):
    """The operations to write, in order, and everything a reviewer needs to judge them.

    `changes` has every declared slot, sorted by cohort, learner and slot; `operations` are in the order of writing.
    `problems` are rows set aside and warnings; they do not stop the rest. `refusals` are limits that the plan exceeds:
    nothing is applied while there is one, nor while a finding blocks. `day` is the day whose declaration was planned;
    `handles` maps staff ids to handles, `titles` the keys of learning aims and units to their names; `left_out` counts
    the declared learners outside the scope. `base` is the commit whose files were planned beside these against the same
    reading, if any; `made_from` is the git state of the files themselves. `later` has the changes of later days in
    order, and `withdrawn` those of the base's files that the files no longer bring. `kept` are manual steps that
    earlier runs opened, that no file asks for now, and that nobody is known to have done. `names` are learners' names,
    only if settings.privacy lets this report show them: they are never saved. `roll` compares the learners of the
    organisation with the files, if the reading showed them. `moved` are the learners whose MISID belonged to
    another account before; `refused` has the reason for each slot of theirs, and for others that must not be written
    although there is an operation. `identities` are the accounts by the digest of their MISID, by organisation, for the
    record of an apply. None of these is saved; of `watch`, the summary's counts are.
    """

    hidden = ("names",)

    target: str
    organisation: OrganisationId
    created_at: datetime
    day: date
    changes: Sequence[Change]
    operations: tuple[Operation, ...]
    manual: tuple[ManualRemoval, ...] = ()
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    refusals: tuple[Problem, ...] = ()
    caseload: tuple[CaseloadRow, ...] = ()
    summary: Summary = Summary()
    handles: Mapping[UserId, Handle] = field(default_factory=dict)
    titles: Mapping[int | str, str] = field(default_factory=dict)
    left_out: int = 0
    base: str = ""
    made_from: GitState = NO_GIT
    names: Mapping[UserId, str] = field(default_factory=dict)
    later: tuple[LaterChange, ...] = ()
    withdrawn: tuple[LaterChange, ...] = ()
    roll: Roll | None = None
    moved: frozenset[UserId] = frozenset()
    refused: Mapping[Place, str] = field(default_factory=dict)
    identities: Mapping[OrganisationId, Mapping[str, UserId]] = field(default_factory=dict)
    kept: tuple[ManualRemoval, ...] = ()
    watch: Watch = NO_WATCH

    @property
    def steps(self) -> tuple[ManualRemoval, ...]:
        """Every open manual step: of this plan, then the kept ones."""
        return (*self.manual, *self.kept)

    @property
    def site(self) -> Site:
        """Organisation of the settings: that of runs. Records, issues and operations belong to the learner's."""
        return Site(self.target, self.organisation)

    @property
    def differing(self) -> Sequence[Change]:
        """The changes of all learners of whom a slot differs."""
        return differing(self.changes)

    @property
    def of_each_learner(self) -> Iterator[Change | PlannedLearner]:
        """The changes of all learners of whom a slot differs, and a row for each other learner."""
        yield from self.differing
        yield from (learner.row() for learner in unchanged(self.changes))

    @property
    def organisations(self) -> set[OrganisationId]:
        """The organisations of the learners who have a slot in the plan."""
        same = {learner.learner.organisation for learner in unchanged(self.changes)}
        return same | {change.organisation for change in self.differing}

    @property
    def learners(self) -> frozenset[UserId]:
        """The learners who have a slot in the plan."""
        differing = {change.learner for change in self.differing}
        return frozenset(differing.union([learner.id for learner in unchanged(self.changes)]))

    @property
    def learners_written(self) -> frozenset[UserId]:
        """The learners who have an operation."""
        return frozenset(operation.learner for operation in self.operations)

    def by_site(self) -> dict[Site, set[UserId]]:
        """Return the learners of each organisation that the plan touches, its own last even if it has none."""
        sites: dict[Site, set[UserId]] = {}
        for change in self.of_each_learner:
            sites.setdefault(Site(self.target, change.organisation), set()).add(change.learner)
        own = sites.pop(self.site, set())
        return {**dict(sorted(sites.items())), self.site: own}

    def as_declared(self) -> AsDeclared:
        """Return the slots that were read and hold what the files declare, by organisation."""
        rows: dict[Site, list[tuple[UserId, Slot, UserId | None]]] = {}
        for group in groups_of(self.changes):
            if isinstance(group, UnchangedLearner):
                site, wanted = Site(self.target, group.learner.organisation), group.learner.holders
                held = (slot for slot in group.slots if slot not in group.recorded)
                rows.setdefault(site, []).extend((group.id, slot, wanted[slot]) for slot in held)
                continue
            for change in group:
                agrees = change.action == "no-op" and change.before == change.after and not change.recorded
                if agrees and change.is_declared:
                    site = Site(self.target, change.organisation)
                    rows.setdefault(site, []).append((change.learner, change.slot, change.after))
        return rows

    @property
    def reverts(self) -> int | None:
        """The run that this plan undoes; None for a plan of the files."""
        numbers = (change.source.file.removeprefix(REVERTED) for change in self.differing)
        return next((int(number) for number in numbers if number.isdecimal()), None)

    @property
    def blocked(self) -> bool:
        """True if a limit or a policy refuses this plan as a whole."""
        return bool(self.refusals) or any(finding.blocks for finding in self.findings) or self.blocked_later

    @property
    def blocked_later(self) -> bool:
        """True if a policy refuses a change of a later day: what cannot happen must not be approved."""
        return any(change.blocks for change in self.later)

    @property
    def in_sync(self) -> bool:
        """True if there is nothing to write, no manual step and nothing set aside."""
        return not self.operations and not self.manual and not self.summary.blocked
