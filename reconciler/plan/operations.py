"""Consequences of a plan's changes: operations in order, manual steps, counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from reconciler.model.declared import Staff
from reconciler.model.operations import Move, Operation, operation_of, step_id
from reconciler.model.plan import Action, Change, ManualRemoval, Summary, differing, unchanged
from reconciler.model.slots import DEFAULT_KINDS, Role, SlotKind, UserId


def operations_for(changes: Iterable[Change]) -> Iterator[Operation]:
    """Yield one operation per written slot, in the changes' order; both defaults of a learner in one call."""
    defaults: dict[UserId, list[Change]] = {}
    writes = [change for change in changes if change.action in ("create", "update")]
    for change in writes:
        if change.slot.kind in DEFAULT_KINDS:
            defaults.setdefault(change.learner, []).append(change)
    for change in writes:
        if change.slot.kind not in DEFAULT_KINDS:
            yield _operation([change])
        elif change is defaults[change.learner][0]:
            yield _operation(defaults[change.learner])


def _operation(changes: list[Change]) -> Operation:
    moves = {change.slot: Move(change.before, change.after) for change in changes if change.after is not None}
    return operation_of(changes[0].learner, moves)


def removal(change: Change, members: Mapping[UserId, Staff], owner: str = "") -> ManualRemoval:
    assert isinstance(change.before, int)  # noqa: S101  a delete always has a holder, see _action
    holder = UserId(change.before)
    page, clicks = way_to_remove(change.slot.kind, members.get(holder))
    return ManualRemoval(
        id=step_id(change.learner, change.slot),
        learner=change.learner,
        slot=change.slot,
        holder=holder,
        label=change.label,
        cohort=change.cohort,
        page=page,
        source=change.source,
        clicks=clicks,
        unseen=change.recorded,
        owner=owner,
    )


_ALLOCATIONS = (
    "Allocations",
    "In OneFile: Users > Allocations; filter the table and select the learner; below, under Assessors, remove {} "
    "from the list; Submit. It takes effect at once. Needs a Centre Manager or User Manager.",
)
_UNIT = (
    "Unit Allocations",
    "In OneFile: Users > Learners > the learner > Episodes > Learning Aims > Units; change the unit's list of {}; "
    "Save. OneFile's help does not say whether the list can be emptied: if it cannot, ask OneFile's support.",
)
_ACCESS = (
    "the learner's Access Accounts tab",
    "In OneFile: Users > the learner's Account > Access Accounts; remove {}. Employers and observers are on no other "
    "page. Needs permission to assign and change employers, or a Centre Manager.",
)


def way_to_remove(kind: SlotKind, member: Staff | None) -> tuple[str, str]:
    """Return the page of OneFile where a person removes a member of staff, and the way there.

    Source: OneFile's help articles and no more (Allocations, 76000041714; Unit Allocations, 76000039884; employers,
    topic 76000015473).
    """
    role = member.role if member else None
    match kind:
        case SlotKind.UNIT_ASSESSOR | SlotKind.UNIT_IQA:
            way, who = _UNIT, "assessors" if kind is SlotKind.UNIT_ASSESSOR else "IQAs"
        case SlotKind.DEFAULT_EMPLOYER:
            way, who = _ACCESS, "the employer"
        case SlotKind.ADDITIONAL if role in (Role.EMPLOYER, Role.OBSERVER):
            way, who = _ACCESS, f"the {role.value}"
        case SlotKind.LEARNING_AIM_IQA:
            way, who = _ALLOCATIONS, "the IQA of the learning aim"
        case SlotKind.LEARNING_AIM_ASSESSOR:
            way, who = _ALLOCATIONS, "the assessor of the learning aim"
        case SlotKind.DEFAULT_ASSESSOR:
            way, who = _ALLOCATIONS, "the default assessor"
        case SlotKind.ADDITIONAL:
            way, who = _ALLOCATIONS, "the additional IQA" if role is Role.IQA else "the additional assessor"
        case _:
            assert_never(kind)
    return way[0], way[1].format(who)


def summarise(changes: Sequence[Change], unresolved: int, writes: int, reads: int, calls_per_minute: int) -> Summary:
    actions: Counter[Action] = Counter()
    unknown = blocked = reported = 0
    for change in differing(changes):
        if change.blocked:
            blocked += 1
        elif change.held == "writer":
            reported += 1
        elif change.reason == "unknown":  # also if the files want the slot empty and OneFile does not show it
            unknown += 1
        elif change.held == "report":
            reported += 1
        else:
            actions[change.action] += 1
    return Summary(
        create=actions["create"],
        update=actions["update"],
        no_op=actions["no-op"] + sum(len(learner.slots) for learner in unchanged(changes)),
        unknown=unknown,
        manual=actions["delete"],
        blocked=blocked + unresolved,
        reported=reported,
        read_calls=reads,
        write_calls=writes,
        seconds=math.ceil((reads + writes) * 60 / calls_per_minute),
    )
