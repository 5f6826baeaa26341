"""What follows from a plan's changes: the operations in order, the steps left to people, the counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from reconciler.model import Role, SlotKind, Staff, StandardId, UnitId, UserId
from reconciler.operations import (
    Action,
    AssignAdditional,
    AssignLearningAim,
    AssignUnit,
    Change,
    ManualRemoval,
    Move,
    Operation,
    SetDefaults,
    Summary,
)
from reconciler.operations import step_id as step_id  # where plans and whoever closes a step look for it

_DEFAULTS = (SlotKind.DEFAULT_ASSESSOR, SlotKind.DEFAULT_EMPLOYER)


def operations_for(changes: Iterable[Change]) -> Iterator[Operation]:
    """One operation per written slot, in the changes' order; both defaults of a learner in one call."""
    defaults: dict[UserId, list[Change]] = {}
    writes = [change for change in changes if change.action in ("create", "update")]
    for change in writes:
        if change.slot.kind in _DEFAULTS:
            defaults.setdefault(change.learner, []).append(change)
    for change in writes:
        if change.slot.kind not in _DEFAULTS:
            yield _operation([change])
        elif change is defaults[change.learner][0]:
            yield _operation(defaults[change.learner])


def _operation(changes: list[Change]) -> Operation:
    learner, slot = changes[0].learner, changes[0].slot
    moves = {change.slot.kind: Move(change.before, change.after) for change in changes if change.after is not None}
    move = moves[slot.kind]
    match slot.kind:
        case SlotKind.DEFAULT_ASSESSOR | SlotKind.DEFAULT_EMPLOYER:
            return SetDefaults(learner, moves.get(SlotKind.DEFAULT_ASSESSOR), moves.get(SlotKind.DEFAULT_EMPLOYER))
        case SlotKind.LEARNING_AIM_ASSESSOR:
            return AssignLearningAim(learner, StandardId(int(slot.key or 0)), "assessor", move)
        case SlotKind.LEARNING_AIM_IQA:
            return AssignLearningAim(learner, StandardId(int(slot.key or 0)), "iqa", move)
        case SlotKind.UNIT_ASSESSOR:
            return AssignUnit(learner, UnitId(str(slot.key)), "assessor", move)
        case SlotKind.UNIT_IQA:
            return AssignUnit(learner, UnitId(str(slot.key)), "iqa", move)
        case SlotKind.ADDITIONAL:
            return AssignAdditional(learner, move)
        case _:
            assert_never(slot.kind)


def removal(change: Change, members: Mapping[UserId, Staff]) -> ManualRemoval:
    assert isinstance(change.before, int)  # noqa: S101  a delete always has a holder, see _action
    holder = UserId(change.before)
    member = members.get(holder)
    role = member.role if member else None
    return ManualRemoval(
        id=step_id(change.learner, change.slot),
        learner=change.learner,
        slot=change.slot,
        holder=holder,
        label=change.label,
        cohort=change.cohort,
        page=_page(change.slot.kind, role),
        source=change.source,
    )


def _page(kind: SlotKind, role: Role | None) -> str:
    """Where OneFile's web pages let a person take somebody off. Source: OneFile's help articles on allocations."""
    match kind:
        case SlotKind.UNIT_ASSESSOR | SlotKind.UNIT_IQA:
            return "Unit Allocations"
        case SlotKind.DEFAULT_EMPLOYER:
            return "the learner's Access Accounts tab"
        case SlotKind.ADDITIONAL if role in (Role.EMPLOYER, Role.OBSERVER):
            return "the learner's Access Accounts tab"
        case _:
            return "Allocations"


def summarise(changes: Sequence[Change], unresolved: int, writes: int, reads: int, calls_per_minute: int) -> Summary:
    def count(action: Action) -> int:
        return sum(change.action == action and change.reason != "unknown" for change in changes)

    blocked = sum(bool(change.blocked) for change in changes)
    reported = sum(change.held == "report" for change in changes)
    unknown = [change for change in changes if change.reason == "unknown" and not change.blocked]
    left = sum(change.action == "no-op" for change in unknown)  # nobody's, say the files, and OneFile does not say
    return Summary(
        create=count("create"),
        update=count("update"),
        no_op=sum(change.action == "no-op" for change in changes) - blocked - reported - left,
        unknown=len(unknown),
        manual=count("delete"),
        blocked=blocked + unresolved,
        reported=reported,
        read_calls=reads,
        write_calls=writes,
        seconds=math.ceil((reads + writes) * 60 / calls_per_minute),
    )
