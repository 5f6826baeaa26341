"""What tests of applying ask for: every slot of some learners moved to somebody else."""

from __future__ import annotations

from collections import Counter

from reconciler.apply.executor import Applied
from reconciler.model.operations import State
from reconciler.model.slots import LEARNING_AIM_KINDS, UNIT_KINDS, Slot, SlotKind, UserId
from tests.worlds import JAMES, JAMES_AS_IQA, KATE, LEE, PRIYA, Trial

DEFAULT, EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
ADDED = Slot(SlotKind.ADDITIONAL, LEE)
FIRST = 200001  # learners 200001 to 200010 of every centre are active and hold nothing twice

EVERYTHING = frozenset(SlotKind) - {SlotKind.DEFAULT_EMPLOYER}


def moved(here: Trial, learners: int = 1, kinds: frozenset[SlotKind] = EVERYTHING) -> dict[int, dict[Slot, int | None]]:
    """Every slot of those kinds given to somebody else than its holder; LEE as an additional person."""
    wants: dict[int, dict[Slot, int | None]] = {}
    for user in range(FIRST, FIRST + learners):
        slots = {slot: _other(slot, holder) for slot, holder in here.held(user).items() if slot.kind in kinds}
        added = {ADDED: LEE} if SlotKind.ADDITIONAL in kinds else {}
        wants[user] = {**slots, **added}
    return wants


def _other(slot: Slot, holder: int | None) -> UserId:
    one, two = (PRIYA, JAMES_AS_IQA) if slot.kind.value.endswith("iqa") else (KATE, JAMES)
    return two if holder == one else one


def stands(here: Trial, wants: dict[int, dict[Slot, int | None]]) -> bool:
    """Whether every slot really holds whom it should."""
    return all(here.held(user).get(slot) == who for user, slots in wants.items() for slot, who in slots.items())


def states(applied: Applied) -> Counter[State]:
    return Counter(outcome.state for outcome in applied.outcomes)


AIMS, UNITS = LEARNING_AIM_KINDS, UNIT_KINDS
DEFAULTS = frozenset({SlotKind.DEFAULT_ASSESSOR})
