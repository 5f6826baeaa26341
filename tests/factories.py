"""Small makers of values: a centre of invented people, with only what a test is about spelled out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from reconciler.model.declared import Declared, DeclaredLearner, Settings, Staff, Wanted
from reconciler.model.observed import AccountStatus, Observed, ObservedLearner
from reconciler.model.plan import Action, Change, ManualRemoval, Plan, Reason
from reconciler.model.slots import Handle, Holder, OrganisationId, Role, Slot, SlotKind, Unread, UserId
from reconciler.plan.operations import operations_for, summarise
from reconciler.problems import Source

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORGANISATION = OrganisationId(5740)
COHORT = "business-admin-l3-2026"
LEARNER = UserId(200004)

KATE, JAMES, NOOR, PRIYA, OSCAR, TOM, ACME, LEE = (
    UserId(number) for number in (132757, 122762, 132990, 140001, 140002, 150001, 160001, 170001)
)

DEFAULT, EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
AIM, AIM_IQA = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41242), Slot(SlotKind.LEARNING_AIM_IQA, 41242)
AIM_2, AIM_2_IQA = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240), Slot(SlotKind.LEARNING_AIM_IQA, 41240)
UNIT, UNIT_IQA = Slot(SlotKind.UNIT_ASSESSOR, "KS_COMM1"), Slot(SlotKind.UNIT_IQA, "KS_COMM1")


def additional(staff: UserId) -> Slot:
    return Slot(SlotKind.ADDITIONAL, staff)


def member(
    handle: str,
    number: int,
    role: Role = Role.ASSESSOR,
    *,
    person: str = "",
    target: int | None = None,
    maximum: int | None = None,
) -> Staff:
    return Staff(Handle(handle), UserId(number), role, person, target, maximum, source=Source("state/staff.yaml", 4))


STAFF = (
    member("kate-anderson", KATE),
    member("james-fayre", JAMES),
    member("noor-haddad", NOOR),
    member("priya-shah", PRIYA, Role.IQA),
    member("oscar-lind", OSCAR, Role.IQA),
    member("tom-reed", TOM, Role.TRAINEE_ASSESSOR),
    member("acme-mentor", ACME, Role.EMPLOYER),
    member("observer-lee", LEE, Role.OBSERVER),
)
HANDLES: Mapping[UserId, Handle] = {one.id: one.handle for one in STAFF}


def learner(
    slots: Mapping[Slot, UserId | None],
    number: int | None = LEARNER,
    *,
    misid: str | None = None,
    label: str = "LRN-0042",
    cohort: str = COHORT,
) -> DeclaredLearner:
    """A learner on line 10 of the cohort's file, whose slots stand on the lines after it."""
    file = f"state/cohorts/{cohort}.yaml"
    wanted = {
        slot: Wanted(staff, HANDLES.get(staff) if staff else None, Source(file, 10 + line))
        for line, (slot, staff) in enumerate(slots.items(), 1)
    }
    user = None if number is None else UserId(number)
    return DeclaredLearner(user, misid, label, cohort, ORGANISATION, wanted, Source(file, 10))


def declared(
    *learners: DeclaredLearner, staff: Iterable[Staff] = STAFF, settings: Settings | None = None, day: date = DAY
) -> Declared:
    directory = {one.handle: one for one in staff}
    return Declared(day, settings or Settings(ORGANISATION), directory, learners)


def observed(
    learners: Mapping[int, Mapping[Slot, Holder]],
    *,
    standing: Mapping[int, AccountStatus] | None = None,
    misids: Mapping[str, UserId] | None = None,
) -> Observed:
    seen = {
        UserId(user): ObservedLearner(UserId(user), (standing or {}).get(user, "active"), slots=slots)
        for user, slots in learners.items()
    }
    return Observed(NOON, seen, misids or {})


def change(
    slot: Slot,
    before: Holder,
    after: UserId | None,
    *,
    action: Action | None = None,
    learner: int = LEARNER,
    label: str = "LRN-0042",
    cohort: str = COHORT,
    reason: Reason | None = None,
    recorded: bool = False,
    blocked: str = "",
    line: int = 12,
) -> Change:
    """A change whose action and reason follow from before and after unless they are given."""
    return Change(
        learner=UserId(learner),
        slot=slot,
        label=label,
        cohort=cohort,
        organisation=ORGANISATION,
        action=action or _action(before, after),
        reason=reason or ("unknown" if before is Unread.UNREADABLE else "declared"),
        before=before,
        after=after,
        source=Source(f"state/cohorts/{cohort}.yaml", line),
        recorded=recorded,
        blocked=blocked,
    )


def _action(before: Holder, after: UserId | None) -> Action:
    if before == after:
        return "no-op"
    if before is None or isinstance(before, Unread):
        return "create"
    return "update" if after is not None else "delete"


def plan_of(changes: Sequence[Change], *, manual: tuple[ManualRemoval, ...] = (), reads: int = 0) -> Plan:
    operations = tuple(operations_for(changes))
    summary = summarise(changes, 0, len(operations), reads, 300)
    return Plan(
        "sandbox", ORGANISATION, NOON, DAY, tuple(changes), operations, manual, summary=summary, handles=HANDLES
    )
