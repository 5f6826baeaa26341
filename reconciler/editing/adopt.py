"""What OneFile holds, accepted into the files: the shortest way of saying it; pure."""

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
    """One slot of one learner (as the file names them), and the handle of who holds it; None is nobody."""

    learner: LearnerKey
    slot: Slot
    holder: str | None


def accept(cohort: Fields, accepted: Collection[Accept], day: date) -> set[Accept]:
    """Change the values of one cohort so that they say what was accepted, from *day* on; gives those that the defaults
    say now.

    A learner's own entry is changed where it stands. Who has the slot from the defaults gets an entry of their own,
    unless all who have it from there now have the same person: then the default changes. In dated entries only the one
    that *day* falls in gives way, from *day* to its end: who was there before, and who comes later, stay declared.
    """
    asked: dict[LearnerKey, list[Accept]] = defaultdict(list)
    for one in accepted:
        asked[one.learner].append(one)
    shared = {slot: fields[key] for slot, fields, key in held(defaults_of(cohort))}
    heirs: dict[Slot, list[tuple[Fields, Accept | None]]] = defaultdict(list)
    for learner in learners_of(cohort):
        wanted = {one.slot: one for one in asked[learner_key(learner)]}
        own = {slot: (fields, key) for slot, fields, key in held(learner)}
        for slot, (fields, key) in own.items():
            if slot in wanted:
                fields[key] = _from(fields[key], day, wanted[slot].holder)
        for slot in shared.keys() - own.keys():
            heirs[slot].append((learner, wanted.get(slot)))
    found: set[Accept] = set()
    for slot in shared:
        found |= _inherited(cohort, slot, shared[slot], heirs[slot], day)
    return found


def _inherited(
    cohort: Fields, slot: Slot, value: Data, heirs: Sequence[tuple[Fields, Accept | None]], day: date
) -> set[Accept]:
    """Write what was accepted of a default: there, or for each learner; gives what the default says now."""
    asked = [(learner, one) for learner, one in heirs if one is not None]
    holders = {one.holder for _, one in asked}
    if len(asked) == len(heirs) and len(holders) == 1:
        put(defaults_of(cohort), slot, _from(value, day, holders.pop()))
        return {one for _, one in asked}
    for learner, one in asked:
        put(learner, slot, _from(value, day, one.holder))
    return set()


def _from(value: Data, day: date, holder: str | None) -> Data:
    return value_of(changed_on(terms_of(value), day, holder), value)


def with_member(staff: Fields, handle: str, user: UserId, role: str) -> None:
    """Add an account to the directory, behind all others."""
    members = staff["staff"]
    if isinstance(members, dict):
        members[handle] = {"id": user, "role": role}
