"""Changes holders in the values of a cohort file with the fewest edits: in the default if all who inherit it agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from reconciler.editing.assignments import Fields, Term, defaults_of, held, learners_of, put, value_of
from reconciler.editing.replace import learner_key
from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import LearnerKey, Slot

Terms = tuple[Term, ...]
Heirs = list[tuple[Fields, Terms | None]]
"""Learners who inherit a slot, with its new terms if it changes."""
Changes = Mapping[tuple[LearnerKey, Slot], Terms]


def slots_of(cohort: Fields, learner: Fields) -> dict[Slot, Data]:
    """Return the value of each slot of a learner: their own, else the default."""
    shared = {slot: fields[key] for slot, fields, key in held(defaults_of(cohort))}
    return shared | {slot: fields[key] for slot, fields, key in held(learner)}


def put_terms(cohort: Fields, changes: Changes, new: Collection[LearnerKey] = ()) -> set[tuple[LearnerKey, Slot]]:
    """Give slots these terms; return the changes that a default declares now.

    A learner's own entry is changed in place. A learner with the slot from the defaults gets an entry of their own,
    unless all who inherit it change to the same terms: then the default changes. *new* learners alone change none.
    """
    defaults = {slot: fields[key] for slot, fields, key in held(defaults_of(cohort))}
    heirs: dict[Slot, Heirs] = defaultdict(list)
    by_learner: dict[LearnerKey, dict[Slot, Terms]] = defaultdict(dict)
    for (key, slot), after in changes.items():
        by_learner[key][slot] = after
    for learner in learners_of(cohort):
        new_terms = by_learner[learner_key(learner)]
        own = {slot: (fields, name) for slot, fields, name in held(learner)}
        for slot, (fields, name) in own.items():
            if slot in new_terms:
                fields[name] = value_of(new_terms[slot], fields[name])
        for slot in defaults.keys() - own.keys():
            heirs[slot].append((learner, new_terms.get(slot)))
        for slot in sorted(new_terms.keys() - own.keys() - defaults.keys(), key=Slot.order):
            put(learner, slot, value_of(new_terms[slot]))
    in_defaults: set[tuple[LearnerKey, Slot]] = set()
    for slot, value in defaults.items():
        in_defaults |= {(learner, slot) for learner in _inherited(cohort, slot, value, heirs[slot], new)}
    return in_defaults


def _inherited(cohort: Fields, slot: Slot, value: Data, heirs: Heirs, new: Collection[LearnerKey]) -> set[LearnerKey]:
    """Write terms into the default, or for each learner; return the learners whose change the default declares."""
    changes = [(learner, after) for learner, after in heirs if after is not None]
    is_new = {learner_key(learner) for learner, _ in heirs} <= set(new)
    if len(changes) == len(heirs) and len({after for _, after in changes}) == 1 and not is_new:
        put(defaults_of(cohort), slot, value_of(changes[0][1], value))
        return {learner_key(learner) for learner, _ in changes}
    for learner, after in changes:
        put(learner, slot, value_of(after, value))
    return set()
