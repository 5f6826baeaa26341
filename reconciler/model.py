"""The field's nouns as plain data: learners, staff and the slots that staff hold on learners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Literal, NamedTuple, NewType

from reconciler.problems import Problem, Source
from reconciler.values import Discreet, Placed, Struct, field

UserId = NewType("UserId", int)  # OneFile user id: learners and staff alike
StandardId = NewType("StandardId", int)
UnitId = NewType("UnitId", str)  # text such as KS_COMM1, compared exactly
OrganisationId = NewType("OrganisationId", int)
Handle = NewType("Handle", str)  # the name a member of staff has in staff.yaml


class Role(StrEnum):
    TRAINEE_ASSESSOR = "trainee_assessor"
    ASSESSOR = "assessor"
    IQA = "iqa"
    EMPLOYER = "employer"
    OBSERVER = "observer"


class SlotKind(StrEnum):
    """The seven kinds of slot, in the order in which plans list and write them: additional people first,
    so that a newcomer is on the learner before anybody is displaced."""

    __hash__ = str.__hash__  # every look-up of a slot hashes its kind, and Enum's own does so in Python

    ADDITIONAL = "additional"
    DEFAULT_ASSESSOR = "default_assessor"
    DEFAULT_EMPLOYER = "default_employer"
    LEARNING_AIM_ASSESSOR = "learning_aim_assessor"
    LEARNING_AIM_IQA = "learning_aim_iqa"
    UNIT_ASSESSOR = "unit_assessor"
    UNIT_IQA = "unit_iqa"


KIND_ORDER: Mapping[SlotKind, int] = {kind: place for place, kind in enumerate(SlotKind)}


class Listed(NamedTuple):
    """A list on a learner in a cohort file: `name` is the key that tells its items apart, `kinds` are the slots that
    an item holds, by their key in it."""

    name: str
    kinds: Mapping[str, SlotKind]


SINGLE: Mapping[str, SlotKind] = {
    "default_assessor": SlotKind.DEFAULT_ASSESSOR,
    "default_employer": SlotKind.DEFAULT_EMPLOYER,
}
LISTED: Mapping[str, Listed] = {
    "learning_aims": Listed("standard", {"assessor": SlotKind.LEARNING_AIM_ASSESSOR, "iqa": SlotKind.LEARNING_AIM_IQA}),
    "units": Listed("unit", {"assessor": SlotKind.UNIT_ASSESSOR, "iqa": SlotKind.UNIT_IQA}),
}
"""How a cohort file writes who holds a slot: under a key of the learner, or in an item of a list. Additional people
are a plain list, `additional`."""

DEFAULT_KINDS = frozenset(SINGLE.values())
LEARNING_AIM_KINDS = frozenset(LISTED["learning_aims"].kinds.values())
UNIT_KINDS = frozenset(LISTED["units"].kinds.values())
LAYERS = (DEFAULT_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS)
"""The kinds of slot that OneFile shows together: in a user's own record, a learning aim, a unit summary."""

ASSESSOR_KINDS = frozenset({SlotKind.DEFAULT_ASSESSOR, SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.UNIT_ASSESSOR})
IQA_KINDS = frozenset({SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA})

_ASSESSING = frozenset({Role.ASSESSOR, Role.TRAINEE_ASSESSOR})
ROLES_FOR: Mapping[SlotKind, frozenset[Role]] = {
    SlotKind.ADDITIONAL: frozenset(Role),
    SlotKind.DEFAULT_ASSESSOR: _ASSESSING,
    SlotKind.DEFAULT_EMPLOYER: frozenset({Role.EMPLOYER}),
    SlotKind.LEARNING_AIM_ASSESSOR: _ASSESSING,
    SlotKind.LEARNING_AIM_IQA: frozenset({Role.IQA}),
    SlotKind.UNIT_ASSESSOR: _ASSESSING,
    SlotKind.UNIT_IQA: frozenset({Role.IQA}),
}
"""Which roles may stand in a slot. Whether a trainee really may is the policy `trainee_assessor`."""


class Slot(NamedTuple):
    """One place on a learner that holds a member of staff.

    `key` is None for the two defaults, the StandardId for a learning aim, the UnitId for a unit, and for
    `additional`, which is a set, the member's own UserId.
    """

    kind: SlotKind
    key: int | str | None = None

    def address(self, learner: UserId) -> str:
        """`learner[200004].learning_aim[41242].assessor`, as in plans and in the record."""
        kind = self.kind
        if kind in DEFAULT_KINDS:
            return f"learner[{learner}].{kind.value}"
        if kind is SlotKind.ADDITIONAL:
            return f"learner[{learner}].additional[{self.key}]"
        thing, part = kind.value.rsplit("_", 1)
        return f"learner[{learner}].{thing}[{self.key}].{part}"

    @classmethod
    def parse(cls, kind: SlotKind, address: str) -> tuple[UserId, Slot]:
        """The learner and the slot of an address whose kind is known. Raises ValueError where the two do not fit."""
        learner, _, place = address.partition("].")
        text = place[place.find("[") + 1 : place.rfind("]")]
        key: int | str | None = None
        if kind in UNIT_KINDS:
            key = text
        elif kind in LEARNING_AIM_KINDS or kind is SlotKind.ADDITIONAL:
            key = int(text)
        user, slot = UserId(int(learner.removeprefix("learner["))), cls(kind, key)
        if slot.address(user) != address:
            raise ValueError(f"{address} is not the address of a slot of kind {kind.value}")
        return user, slot

    @lru_cache(maxsize=10_000)  # noqa: B019  slots are values: a few hundred different ones stand on all learners
    def order(self) -> tuple[int, int, str]:
        """A sort key: kinds in plan order, then number keys by number and text keys by text."""
        number = self.key if isinstance(self.key, int) else 0
        text = self.key if isinstance(self.key, str) else ""
        return (KIND_ORDER[self.kind], number, text)


class Unread(Enum):
    """Why a slot's holder is not known, or cannot be. None, by contrast, means: read, and nobody is there."""

    UNREADABLE = "unreadable"  # OneFile does not send this field
    NOT_HELD = "not_held"  # the learner has no such learning aim or unit
    AMBIGUOUS = "ambiguous"  # the learner has more than one of that standard or unit


Holder = UserId | None | Unread


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
}
POLICIES = tuple(DEFAULT_POLICIES)
RUN_LIMITS = ("limit_create", "limit_reassign", "limit_manual")
VANISHED = "vanished_cohort"


class Allowance(Struct, frozen=True):
    """How much of one sort of change a run may make; None is no limit. `share` is of the slots in scope, 0 to 1."""

    count: int | None = None
    share: float | None = None


class Limits(Struct, frozen=True):
    """Allowances per run, and per cohort where declared; creates, reassignments and manual removals apart."""

    create: Allowance = Allowance()
    reassign: Allowance = Allowance(count=100, share=0.3)
    manual: Allowance = Allowance(count=20)
    create_per_cohort: Allowance = Allowance()
    reassign_per_cohort: Allowance = Allowance()
    manual_per_cohort: Allowance = Allowance()


class Waiver(Placed, Struct, frozen=True):
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


DEFAULT_GRACE_HOURS = 20
"""How long a drifted slot is left as it is before `drift --correct` overwrites it, counted from the run that saw it
first. Long enough that people can read the report and answer, short enough that a daily run corrects what the run
before it found, although no two mornings start at the same minute."""


class Settings(Placed, Struct, frozen=True):
    """`step_owner` is who sees to steps that only a person can do, in the centre's own words; `source` is where the
    organisation is named."""

    organisation: OrganisationId
    target: str = "sandbox"
    drift: Mapping[SlotKind, DriftMode] = field(default_factory=lambda: dict(DEFAULT_DRIFT))
    grace_hours: int = DEFAULT_GRACE_HOURS
    limits: Limits = Limits()
    calls_per_minute: int = 300
    policies: Mapping[str, Level] = field(default_factory=lambda: dict(DEFAULT_POLICIES))
    waivers: tuple[Waiver, ...] = ()
    names: Names = "never"
    employer_signs: bool = False
    step_owner: str = ""
    source: Source = Source("settings.yaml")

    @property
    def asks_for_employers(self) -> bool:
        """Whether every learner's default employer is looked at, declared or not: reviews need their signature."""
        return self.employer_signs and self.level("coverage") != "off"

    def level(self, policy: str) -> Level:
        """How strictly a policy is taken; one that the files leave out is not off."""
        return self.policies.get(policy, DEFAULT_POLICIES[policy])


DEFAULT_DRIFT: Mapping[SlotKind, DriftMode] = {
    kind: ("report" if kind is SlotKind.DEFAULT_EMPLOYER else "correct") for kind in SlotKind
}


class Cover(Placed, Struct, frozen=True):
    """`by` stands in for a member of staff on every day from `start` to `end`, both inclusive; no end: for good."""

    by: Handle
    start: date
    end: date | None
    reason: str = ""
    source: Source = Source("")


class Staff(Placed, Struct, frozen=True):
    """One OneFile account of a member of staff. `person` joins the accounts of one human being."""

    handle: Handle
    id: UserId
    role: Role
    person: str = ""
    caseload_target: int | None = None
    caseload_max: int | None = None
    cover: tuple[Cover, ...] = ()
    source: Source = Source("")

    def human(self) -> str:
        """The key by which people, not accounts, are compared."""
        return f"person:{self.person}" if self.person else f"account:{self.id}"


class Wanted(Placed, Struct, frozen=True):
    """Who shall hold a slot on the day: a member of staff, or nobody (`staff` None).

    `reason` is "cover" where a stand-in replaces the declared holder on that day.
    """

    staff: UserId | None
    handle: Handle | None
    source: Source
    reason: Literal["declared", "cover"] = "declared"


class Shift(NamedTuple):
    """A slot that changes hands on `day`; None before or after: not managed then. `source` is the line at fault:
    the cover or the entry that begins, or, where nothing follows, the one that ended on the day before."""

    day: date
    slot: Slot
    before: Wanted | None
    after: Wanted | None
    source: Source

    def order(self) -> tuple[date, tuple[int, int, str]]:
        return (self.day, self.slot.order())


class Lapse(NamedTuple):
    """A slot whose entries have ended, the last one on `last`, with nobody to follow."""

    last: date
    source: Source


class DeclaredLearner(Placed, Struct, frozen=True):
    """One learner as declared for a day: `id` or `misid` is set, not both. What is not in `slots` is not managed.

    `lapsed` slots are not managed either, and not by intention. `later` is what changes after the day, in order,
    as far as the files were read ahead.
    """

    id: UserId | None
    misid: str | None
    label: str
    cohort: str
    organisation: OrganisationId
    slots: Mapping[Slot, Wanted]
    source: Source
    lapsed: Mapping[Slot, Lapse] = field(default_factory=dict)
    later: tuple[Shift, ...] = ()

    def user(self, misids: Mapping[str, UserId]) -> UserId | None:
        """The OneFile id: as declared, or as a reading found it by the MISID; None where it found nobody."""
        return self.id if self.id is not None else misids.get(self.misid or "")

    def name(self) -> str:
        """What messages call this learner when the OneFile id may not be known yet."""
        return self.label or (f"learner {self.id}" if self.id is not None else f"learner with MISID {self.misid}")


class Declared(Struct, frozen=True):
    """Everything the files ask for on `day` (Europe/London), defaults merged, dates and cover resolved.

    `warnings` are problems that do not stop a plan, such as a slot whose last dated entry has passed; `left_out`
    counts the declared learners whom the command's scope leaves unread. `cohorts` are all that declare a learner,
    whatever the scope. `horizon` is the last day that was looked at ahead of `day`, or `day` itself.
    """

    day: date
    settings: Settings
    staff: Mapping[Handle, Staff]
    learners: tuple[DeclaredLearner, ...]
    warnings: tuple[Problem, ...] = ()
    left_out: int = 0
    cohorts: frozenset[str] = frozenset()
    horizon: date = date.min

    def staff_by_id(self) -> dict[UserId, Staff]:
        return {member.id: member for member in self.staff.values()}


# ------------------------------------------------------------------ the observed side


Standing = Literal["active", "archived", "missing", "not listed"]
"""`not listed`: OneFile has the account, but not among the organisation's active users of that role."""


class ObservedLearner(Struct, frozen=True):
    """What OneFile holds for one learner. `slots` has every slot that was read, also undeclared ones."""

    id: UserId
    standing: Standing = "active"
    placement: int | None = None
    slots: Mapping[Slot, Holder] = field(default_factory=dict)


class ObservedStaff(Struct, frozen=True):
    """What OneFile says of one staff account; `placement` is only read for employers."""

    id: UserId
    standing: Standing = "active"
    placement: int | None = None


class Observed(Discreet, Struct, frozen=True):
    """One reading of the learners and staff in scope.

    `misids` maps the declared MISIDs to learners; `staff` is keyed by organisation and user id, because a
    member of staff only counts where their account is. `calls` is what the reading cost. `names` are learners' own,
    where this command's report may show them; they are never saved.
    """

    taken_at: datetime
    learners: Mapping[UserId, ObservedLearner]
    misids: Mapping[str, UserId] = field(default_factory=dict)
    staff: Mapping[tuple[OrganisationId, UserId], ObservedStaff] = field(default_factory=dict)
    calls: int = 0
    problems: tuple[Problem, ...] = ()
    names: Mapping[UserId, str] = field(default_factory=dict)


Recorded = Mapping[tuple[UserId, Slot], UserId | None]
"""What was last applied, or last seen to be as declared, per slot: the third side of the comparison."""
