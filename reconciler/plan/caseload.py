"""Caseloads: the learners that each assessor and IQA holds before and after a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from reconciler.model.declared import Declared, Staff
from reconciler.model.observed import Observed
from reconciler.model.plan import CaseloadRow, Change, Holding, differing
from reconciler.model.slots import (
    ASSESSOR_KINDS,
    IQA_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    Role,
    SlotKind,
    UserId,
)
from reconciler.plan.holders import Held, by_kind, holders, with_writes

KINDS: Mapping[Role, frozenset[SlotKind]] = {
    Role.ASSESSOR: ASSESSOR_KINDS,
    Role.TRAINEE_ASSESSOR: ASSESSOR_KINDS,
    Role.IQA: IQA_KINDS,
}
_COUNTED = ASSESSOR_KINDS | IQA_KINDS
_DEFAULT = frozenset({SlotKind.DEFAULT_ASSESSOR})

ByStaff = Mapping[Holder, Mapping[SlotKind, Collection[UserId]]]
"""Learners of each member of staff, by kind of slot: those that count for a caseload."""


def caseload(
    declared: Declared,
    observed: Observed,
    changes: Sequence[Change],
    before: Mapping[UserId, Held] | None = None,
    *,
    everyone: bool = False,
) -> tuple[CaseloadRow, ...]:
    """Return a row for each assessor and IQA in staff.yaml whom a create or update affects, by handle.

    `before` are the holders before the plan, if they are known already. With `everyone`, a row for each who holds
    anybody or has a declared caseload. Learners are counted, not slots, and only active ones: an archived learner keeps
    the assessor, who has no more work with them.
    """
    touched = _touched(changes)
    members = [member for _, member in sorted(declared.staff.items()) if member.role in KINDS]
    if not everyone:
        members = [member for member in members if touched.get(member.id, set()) & KINDS[member.role]]
    if not members:
        return ()
    moved = {change.learner for change in differing(changes)}
    before = holders(observed, changes, after=False) if before is None else before
    now = with_declared(before, declared, observed)
    staying = by_staff(observed, now, members, without=moved)
    moving = {user: now[user] for user in moved if user in now}
    going, coming = (by_staff(observed, held, members) for held in (moving, with_writes(moving, changes)))
    rows = [
        CaseloadRow(
            member.handle,
            member.id,
            _holding(member, staying, going),
            _holding(member, staying, coming),
            member.caseload_target,
            member.caseload_max,
        )
        for member in members
    ]
    return tuple(row for row in rows if not everyone or _is_busy(row))


def _is_busy(row: CaseloadRow) -> bool:
    return bool(row.before.learners or row.after.learners or (row.target, row.maximum) != (None, None))


def with_declared(held: Mapping[UserId, Held], declared: Declared, observed: Observed) -> Mapping[UserId, Held]:
    """Add what the files say of slots that were not read, if the plan is not of everybody whom they declare.

    A learner outside the scope who is declared by MISID gets a number that no account has.
    """
    if len(declared.everyone) <= len(declared.learners):
        return held
    whole = dict(held)
    for number, learner in enumerate(declared.everyone, 1):
        user = learner.user(observed.misids) or UserId(-number)
        read, wanted = held.get(user), learner.holders
        if read is None:
            whole[user] = wanted
        elif not wanted.are_in(read):
            whole[user] = {**wanted, **read}
    return whole


def by_staff(
    observed: Observed, held: Mapping[UserId, Held], members: Iterable[Staff], *, without: Collection[UserId] = ()
) -> ByStaff:
    """Return the active learners of these members of staff; `without` are learners who do not count."""
    learners_by_kind: dict[Holder, defaultdict[SlotKind, set[UserId]]] = {
        member.id: defaultdict(set) for member in members
    }
    left_out = {seen.id for seen in observed.learners.values() if seen.standing != "active"}.union(without)
    for kind, learners, column in by_kind({user: slots for user, slots in held.items() if user not in left_out}):
        if kind not in _COUNTED:
            continue
        for learner, holder in zip(learners, column, strict=True):
            if (own := learners_by_kind.get(holder)) is not None:
                own[kind].add(learner)
    return learners_by_kind


def learners_of(member: Staff, learners: ByStaff) -> frozenset[UserId]:
    """Return the distinct learners that a member of staff assesses or quality-assures, by any layer."""
    return _learners(learners, member, KINDS.get(member.role, frozenset()))


def _learners(learners: ByStaff, member: Staff, kinds: Iterable[SlotKind]) -> frozenset[UserId]:
    own = learners.get(member.id, {})
    return frozenset[UserId]().union(*(own.get(kind, ()) for kind in kinds))


def _holding(member: Staff, *groups: ByStaff) -> Holding:
    """Return how many learners of some groups the member holds; no learner is in two groups."""
    layers = [kinds & KINDS[member.role] for kinds in (_DEFAULT, LEARNING_AIM_KINDS, UNIT_KINDS, _COUNTED)]
    return Holding(*(sum(len(_learners(learners, member, kinds)) for learners in groups) for kinds in layers))


def _touched(changes: Sequence[Change]) -> Mapping[UserId, set[SlotKind]]:
    """Return who comes or goes in the changes that are written, and in which kinds of slot."""
    touched: dict[UserId, set[SlotKind]] = {}
    for change in differing(changes):
        if change.action in ("create", "update"):
            for holder in (change.before, change.after):
                if isinstance(holder, int):
                    touched.setdefault(holder, set()).add(change.slot.kind)
    return touched
