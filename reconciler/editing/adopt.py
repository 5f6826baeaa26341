"""Copies holders from OneFile into the values of a cohort file, with the fewest changes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from reconciler.editing.assignments import Fields, Term, changed_on, learners_of, terms_of
from reconciler.editing.holders import put_terms, slots_of
from reconciler.editing.replace import learner_key
from reconciler.model.slots import LearnerKey, Slot, UserId
from reconciler.model.structs import Struct


class Accept(Struct, frozen=True):
    """Slot of one learner (as the file names them) to accept, with its holder's handle; None is nobody."""

    learner: LearnerKey
    slot: Slot
    holder: str | None


def accept(cohort: Fields, accepted: Collection[Accept], day: date) -> set[Accept]:
    """Change the values of one cohort to the accepted holders from *day* on; return those that a default declares.

    Of dated entries only the one on *day* is replaced, from *day* to its end: earlier and later holders stay declared.
    Slots that nothing declares stay so.
    """
    changes: dict[tuple[LearnerKey, Slot], tuple[Term, ...]] = {}
    slots = {learner_key(learner): slots_of(cohort, learner) for learner in learners_of(cohort)}
    for item in accepted:
        if item.slot in (values := slots.get(item.learner, {})):
            changes[item.learner, item.slot] = changed_on(terms_of(values[item.slot]), day, item.holder)
    in_defaults = put_terms(cohort, changes)
    return {item for item in accepted if (item.learner, item.slot) in in_defaults}


def with_member(staff: Fields, handle: str, user: UserId, role: str) -> None:
    """Add an account at the end of staff.yaml."""
    members = staff["staff"]
    if isinstance(members, dict):
        members[handle] = {"id": user, "role": role}
