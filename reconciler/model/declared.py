"""The declared side: settings, staff, and learners with who should hold their slots on a day."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Literal, NamedTuple

from reconciler.model.slots import (
    Handle,
    HoldersByUser,
    LearnerKey,
    OrganisationId,
    Role,
    Site,
    Slot,
    SlotKind,
    SlotValues,
    StandardId,
    UserId,
)
from reconciler.model.structs import EqualIgnoringSource, Struct, field
from reconciler.problems import Problem, Source

# ------------------------------------------------------------------ the declared side


DriftMode = Literal["correct", "report", "ignore"]
Level = Literal["error", "warn", "off"]
Names = Literal["never", "terminal", "always"]
DEFAULT_POLICIES: Mapping[str, Level] = {
    "iqa_independent": "error",
    "coverage": "warn",
    "caseload": "warn",
    "trainee_assessor": "error",
    "employer_placement": "warn",
    "staff_active": "warn",
    "duplicate_staff": "warn",
}
POLICIES = tuple(DEFAULT_POLICIES)
STAFF_POLICIES = ("staff_active", "duplicate_staff")
"""Policies about accounts of staff, which a drift run reports as well."""
RUN_LIMITS = ("limit_create", "limit_reassign", "limit_manual")
VANISHED = "vanished_cohort"
LOOSENED = "loosened_settings"
"""The policy that findings about settings name, where a change of the files loosens them."""


class Allowance(Struct, frozen=True):
    """Limit on one sort of change per run; None means no limit. `share` is of the slots in scope, 0 to 1."""

    count: int | None = None
    share: float | None = None


class Limits(Struct, frozen=True):
    """Allowances for creates, reassignments and manual removals: per run, and per cohort if declared."""

    create: Allowance = Allowance()
    reassign: Allowance = Allowance(count=100, share=0.3)
    manual: Allowance = Allowance(count=20)
    create_per_cohort: Allowance = Allowance()
    reassign_per_cohort: Allowance = Allowance()
    manual_per_cohort: Allowance = Allowance()


class Waiver(EqualIgnoringSource, Struct, frozen=True):
    """A written exception to one policy or limit; `until` is its last day, inclusive.

    A policy is waived for one learner or one cohort, a limit for one cohort or for the `run` as a whole.
    """

    policy: str
    reason: str
    approved_by: str
    until: date
    learner: UserId | None = None
    cohort: str | None = None
    source: Source = Source("")
    run: bool = False


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Window(EqualIgnoringSource, Struct, frozen=True):
    """A time in which nothing is written to OneFile, in Europe/London.

    Either hours of the day on some weekdays, `end` excluded and possibly past midnight; or whole days, `last` included.
    """

    start: time | None = None
    end: time | None = None
    days: tuple[str, ...] = WEEKDAYS
    first: date | None = None
    last: date | None = None
    reason: str = ""
    source: Source = Source("")


DEFAULT_GRACE_HOURS = 20
"""Default grace period: hours from the first report of drift until `drift --correct` overwrites it.

Long enough for people to read the report and answer; short enough that a daily run corrects what the run before it
reported, although no two runs start at the same minute.
"""


class ShareWeights(Struct, frozen=True):
    """The cost of each broken wish when learners are shared out.

    A learner above the target; a load above the others'; each further person for the learners of one employer or
    cohort; a person who is new to the learner; a learner moved who could stay.
    """

    target: int = 20
    even: int = 6
    together: int = 4
    known: int = 8
    move: int = 10


class Settings(EqualIgnoringSource, Struct, frozen=True):
    """The contents of settings.yaml.

    `writers` names the system that owns a kind of slot, if it is another one: such slots are never written.
    `step_owner` is the person or team that does manual steps, in the centre's own words; `titles`
    are names of learning aims, by StandardId, and of units, by UnitId; `classes` and `placements` are names by id;
    `columns` are the meanings of a table's headings; `source` is the line that names the organisation.
    """

    organisation: OrganisationId
    target: str = "sandbox"
    drift: Mapping[SlotKind, DriftMode] = field(default_factory=lambda: dict(DEFAULT_DRIFT))
    grace_hours: int = DEFAULT_GRACE_HOURS
    writers: Mapping[SlotKind, str] = field(default_factory=dict)
    limits: Limits = Limits()
    calls_per_minute: int = 300
    longest_wait_seconds: int = 120
    longest_read_lag_seconds: int = 60
    policies: Mapping[str, Level] = field(default_factory=lambda: dict(DEFAULT_POLICIES))
    waivers: tuple[Waiver, ...] = ()
    windows: tuple[Window, ...] = ()
    names: Names = "never"
    employer_signs: bool = False
    step_owner: str = ""
    titles: Mapping[int | str, str] = field(default_factory=dict)
    classes: Mapping[int, str] = field(default_factory=dict)
    placements: Mapping[int, str] = field(default_factory=dict)
    share_weights: ShareWeights = ShareWeights()
    columns: Mapping[str, str] = field(default_factory=dict)
    source: Source = Source("settings.yaml")

    def placement(self, number: int) -> str:
        """Return a placement in words, with its name beside the number if it has one."""
        name = self.placements.get(number)
        return f"placement {number} ({name})" if name else f"placement {number}"

    @property
    def asks_for_employers(self) -> bool:
        """Read every learner's default employer, declared or not, because reviews need their signature."""
        return self.employer_signs and self.level("coverage") != "off"

    def level(self, policy: str) -> Level:
        """Return how strictly a policy is taken; a policy that the files leave out has its default level."""
        return self.policies.get(policy, DEFAULT_POLICIES[policy])


DEFAULT_DRIFT: Mapping[SlotKind, DriftMode] = {
    kind: ("report" if kind is SlotKind.DEFAULT_EMPLOYER else "correct") for kind in SlotKind
}


class Cover(EqualIgnoringSource, Struct, frozen=True):
    """Cover of one member of staff by another, from `start` to `end`, both inclusive; no end means permanently."""

    covered: Handle
    by: Handle
    start: date
    end: date | None
    reason: str = ""
    source: Source = Source("")


class Competence(EqualIgnoringSource, Struct, frozen=True):
    """A standard that a member of staff may assess or quality-assure, from `start` to `end`, both included."""

    standard: StandardId
    start: date | None = None
    end: date | None = None
    source: Source = Source("")

    def on(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


FULL_TIME_HOURS = 37.0
"""Hours a week of a member of staff whose entry in staff.yaml names none."""


class Staff(EqualIgnoringSource, Struct, frozen=True):
    """One OneFile account of a member of staff. `person` joins the accounts of one human being.

    `hours` are the working hours a week. Without `competence` any standard is allowed. `notify` names the variable with
    the address for messages.
    """

    handle: Handle
    id: UserId
    role: Role
    person: str = ""
    caseload_target: int | None = None
    caseload_max: int | None = None
    cover: tuple[Cover, ...] = ()
    hours: float = FULL_TIME_HOURS
    competence: tuple[Competence, ...] | None = None
    source: Source = Source("")
    notify: str = ""

    def human(self) -> str:
        """Return the key by which people, not accounts, are compared."""
        return f"person:{self.person}" if self.person else f"account:{self.id}"

    def cover_on(self, day: date) -> Cover | None:
        """Return the cover in force on the day, both ends included."""
        for cover in self.cover:
            if cover.start <= day and (cover.end is None or day <= cover.end):
                return cover
        return None

    def is_competent(self, standards: Iterable[int | str], day: date) -> bool:
        """Return True if each of the standards is among the declared competence on the day, or none is declared."""
        if self.competence is None:
            return True
        return {item.standard for item in self.competence if item.on(day)}.issuperset(standards)


class Wanted(EqualIgnoringSource, Struct, frozen=True):
    """The declared holder of a slot on the day: a member of staff, or nobody (`staff` None).

    `reason` is "cover" if a stand-in replaces the declared holder, `in_name`, on that day. `covers` lead from that
    holder to the stand-in, one for each step; `source` is then the line of the last. `merged` are further entries whose
    holder is the same person: additional people are a set, so a stand-in of several has one slot.
    """

    not_compared = ("source", "in_name", "covers", "merged")

    staff: UserId | None
    handle: Handle | None
    source: Source
    reason: Literal["declared", "cover"] = "declared"
    in_name: Handle | None = None
    covers: tuple[Cover, ...] = ()
    merged: tuple[Wanted, ...] = ()

    @property
    def in_names(self) -> tuple[Handle, ...]:
        """Declared holders behind the covers: several if they have one stand-in."""
        return tuple(wanted.in_name for wanted in (*self.merged, self) if wanted.in_name)


class PlainSlots(Mapping[Slot, Wanted]):
    """Slots of the learner's own file, without cover; each `Wanted` is made when it is first asked for."""

    __slots__ = ()

    @property
    @abstractmethod
    def holders(self) -> SlotValues[UserId | None]:
        """Holders that the files declare."""

    @abstractmethod
    def offsets(self) -> tuple[int, ...]:
        """Return how far below the learner's line each slot is, in the order of `holders`."""


class Shift(NamedTuple):
    """A slot that changes hands on `day`; None before or after: not managed then.

    `source` is the line that causes it: the cover or entry that begins or, if nothing follows, the entry that ended the
    day before. `cover` is the cover that begins or ended, if it is one: any of a chain.
    """

    day: date
    slot: Slot
    before: Wanted | None
    after: Wanted | None
    source: Source
    cover: Cover | None = None

    def order(self) -> tuple[date, tuple[int, int, str]]:
        return (self.day, self.slot.order())


class Lapse(NamedTuple):
    """A slot whose entries have ended, the last one on `last`, with nobody to follow."""

    last: date
    source: Source


class DeclaredLearner(EqualIgnoringSource, Struct, frozen=True):
    """One learner as declared for a day.

    Either `id` or `misid` is set. Slots that are not in `slots` are not managed; those in `lapsed` are not managed
    either, but not by intention. `later` has the changes after the day, in order, as far ahead as the files were read.
    """

    not_compared = ("lapsed", "later", "source")

    id: UserId | None
    misid: str | None
    label: str
    cohort: str
    organisation: OrganisationId
    slots: dict[Slot, Wanted] | PlainSlots
    source: Source
    lapsed: Mapping[Slot, Lapse] = field(default_factory=dict)
    later: tuple[Shift, ...] = ()

    @property
    def key(self) -> LearnerKey:
        """Identity within the files: the id, or else the MISID."""
        return self.id if self.id is not None else self.misid or ""

    @property
    def holders(self) -> SlotValues[UserId | None]:
        """Holders of the slots in `slots`."""
        slots = self.slots
        if isinstance(slots, dict):  # to ask for the other, an abstract class, takes ten times as long
            return SlotValues.of({slot: wanted.staff for slot, wanted in slots.items()})
        return slots.holders

    def user(self, misids: Mapping[str, UserId]) -> UserId | None:
        """Return the OneFile id, as declared or as a reading resolved the MISID; None if it did not."""
        return self.id if self.id is not None else misids.get(self.misid or "")

    def name(self) -> str:
        """Return the learner's name in messages, for use before the OneFile id is known."""
        return self.label or (f"learner {self.id}" if self.id is not None else f"learner with MISID {self.misid}")


class Declared(Struct, frozen=True):
    """Everything the files ask for on `day` (Europe/London), defaults merged, dates and cover resolved.

    `warnings` are problems that do not stop a plan, such as a slot whose last dated entry has passed; `left_out`
    counts the declared learners whom the command's scope leaves unread. `cohorts` are all that declare a learner,
    whatever the scope. `horizon` is the last day that was looked at ahead of `day`, or `day` itself. `everyone` are all
    declared learners, whatever the scope: a caseload is always of the whole person.
    """

    day: date
    settings: Settings
    staff: Mapping[Handle, Staff]
    learners: tuple[DeclaredLearner, ...]
    warnings: tuple[Problem, ...] = ()
    left_out: int = 0
    cohorts: frozenset[str] = frozenset()
    horizon: date = date.min
    everyone: tuple[DeclaredLearner, ...] = ()

    def by_site(self, target: str, misids: Mapping[str, UserId]) -> dict[Site, set[UserId]]:
        """Return the learners of each organisation, the settings' own included, whose OneFile id is known."""
        users = defaultdict[OrganisationId, set[UserId]](set, {self.settings.organisation: set()})
        for learner in self.learners:
            user = learner.user(misids)
            if user is not None:
                users[learner.organisation].add(user)
        return {Site(target, organisation): learners for organisation, learners in users.items()}

    def holders_by_user(self, misids: Mapping[str, UserId]) -> HoldersByUser:
        """Return what is declared for each learner whose OneFile id is known."""
        holders = ((learner.user(misids), learner.holders) for learner in self.learners)
        return {user: own for user, own in holders if user is not None}

    def staff_by_id(self) -> dict[UserId, Staff]:
        return {member.id: member for member in self.staff.values()}
