"""The learners, with cohorts and holders, that a table or OneFile's classes list: what the files should have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from reconciler.model.slots import DEFAULT_KINDS, Handle, LearnerKey, Slot, SlotKind
from reconciler.model.structs import Struct, field
from reconciler.problems import Source

COHORT_FIELD = "cohort"
"""Name of a learner's cohort among the fields that a sync remembers; the others are named by `field_of`."""


class ListedTerm(NamedTuple):
    """Holder of a slot (None is nobody) from `start` to `end`, both included; None is an open end."""

    staff: Handle | None
    start: date | None = None
    end: date | None = None


class ListedLearner(Struct, frozen=True):
    """One learner of a listing.

    `keys` are the OneFile id, the MISID or both. `cohort` is "" if the listing does not say it; a newcomer then goes to
    `newcomer_cohort`. Slots that are not in `holders` stay as the files have them. A single term without days means
    who holds the slot now; the key of an additional person is their account.
    """

    keys: tuple[LearnerKey, ...]
    source: Source
    cohort: str = ""
    newcomer_cohort: str = ""
    label: str = ""
    holders: Mapping[Slot, tuple[ListedTerm, ...]] = field(default_factory=dict)


class Listing(Struct, frozen=True):
    """All learners of a source.

    A declared learner of a cohort in `complete` who is missing has left it. None: all cohorts with a listed learner.
    """

    learners: tuple[ListedLearner, ...]
    complete: frozenset[str] | None = None


Remembered = Mapping[tuple[LearnerKey, str], str]
"""Values of the last sync by learner and field: a cohort's name, or who holds a slot, by id."""


def field_of(slot: Slot) -> str:
    """Return a slot's name without its learner, such as `learning_aim[41242].assessor`: also a table's heading."""
    if slot.kind in DEFAULT_KINDS:
        return slot.kind.value
    if slot.kind is SlotKind.ADDITIONAL:
        return f"additional[{slot.key}]"
    thing, part = slot.kind.value.rsplit("_", 1)
    return f"{thing}[{slot.key}].{part}"
