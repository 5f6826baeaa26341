"""Copies holders from OneFile into the values of a cohort file, with the fewest changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date

from reconciler.editing.assignments import Fields, changed_on, defaults_of, held, learners_of, put, terms_of, value_of
from reconciler.editing.replace import learner_key
from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import LearnerKey, Slot, UserId
from reconciler.model.structs import Struct


class Accept(Struct, frozen=True):
    """Slot of one learner (as the file names them) to accept, with its holder's handle; None is nobody."""

    learner: LearnerKey
    slot: Slot
    holder: str | None


def accept(cohort: Fields, accepted: Collection[Accept], day: date) -> set[Accept]:
    """Change the values of one cohort to the accepted holders from *day* on; return those that a default declares.

    A learner's own entry is changed in place. A learner with the slot from the defaults gets an entry of their own,
    unless all who inherit it now have the same person: then the default changes. Of dated entries only the one on *day*
    is replaced, from *day* to its end: earlier and later holders stay declared.
    """
    by_learner: dict[LearnerKey, list[Accept]] = defaultdict(list)
    for item in accepted:
        by_learner[item.learner].append(item)
    shared = {slot: fields[key] for slot, fields, key in held(defaults_of(cohort))}
    heirs: dict[Slot, list[tuple[Fields, Accept | None]]] = defaultdict(list)
    for learner in learners_of(cohort):
        by_slot = {item.slot: item for item in by_learner[learner_key(learner)]}
        own = {slot: (fields, key) for slot, fields, key in held(learner)}
        for slot, (fields, key) in own.items():
            if slot in by_slot:
                fields[key] = _from(fields[key], day, by_slot[slot].holder)
        for slot in shared.keys() - own.keys():
            heirs[slot].append((learner, by_slot.get(slot)))
    in_defaults: set[Accept] = set()
    for slot in shared:
        in_defaults |= _inherited(cohort, slot, shared[slot], heirs[slot], day)
    return in_defaults


def _inherited(
    cohort: Fields, slot: Slot, value: Data, heirs: Sequence[tuple[Fields, Accept | None]], day: date
) -> set[Accept]:
    """Write an accepted holder into the default, or for each learner; return what the default declares now."""
    changes = [(learner, item) for learner, item in heirs if item is not None]
    holders = {item.holder for _, item in changes}
    if len(changes) == len(heirs) and len(holders) == 1:
        put(defaults_of(cohort), slot, _from(value, day, holders.pop()))
        return {item for _, item in changes}
    for learner, item in changes:
        put(learner, slot, _from(value, day, item.holder))
    return set()


def _from(value: Data, day: date, holder: str | None) -> Data:
    return value_of(changed_on(terms_of(value), day, holder), value)


def with_member(staff: Fields, handle: str, user: UserId, role: str) -> None:
    """Add an account at the end of staff.yaml."""
    members = staff["staff"]
    if isinstance(members, dict):
        members[handle] = {"id": user, "role": role}
