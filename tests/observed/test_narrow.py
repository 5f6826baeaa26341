"""One reading for two declarations: to each it is what a reading of its own would have been."""

from __future__ import annotations

import pytest

from reconciler.commands.plan_base import Base, for_both
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.model.slots import Slot, SlotKind
from reconciler.model.structs import replace
from reconciler.observed.narrow import narrow
from reconciler.problems import Source
from tests.observed.centre import DEFAULT, EMPLOYER, LEE, Centre, wanting
from tests.onefile.servers import START

AIM, AIM_IQA = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240), Slot(SlotKind.LEARNING_AIM_IQA, 41240)
NOT_HELD = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 99999)
UNIT, ADDED = Slot(SlotKind.UNIT_ASSESSOR, "BA_301"), Slot(SlotKind.ADDITIONAL, LEE)


def told(observed: Observed) -> Observed:
    """Everything but the cost and the time, whether the list of learners was proven complete, and its classes."""
    roster = observed.roster and replace(observed.roster, whole=False, classes={})
    return replace(observed, calls=0, taken_at=START, roster=roster)


def sides(centre: Centre) -> tuple[Declared, Declared]:
    """They share one learner, differ in another's layers, and each has somebody the other has not."""
    one = [wanting(200004, [DEFAULT, AIM]), wanting(200005, [EMPLOYER]), wanting(200006, [DEFAULT])]
    other = [
        wanting(200004, [EMPLOYER, UNIT, NOT_HELD]),
        wanting(200006, [DEFAULT, AIM_IQA, ADDED]),
        wanting(200009, [DEFAULT]),
        wanting(None, [DEFAULT], "LRN00008"),
        wanting(None, [DEFAULT], "NOBODY-9"),
    ]
    elsewhere = [replace(learner, source=Source("base:state/cohorts/care.yaml", 12)) for learner in other]
    return centre.declared(*one), centre.declared(*elsewhere)


@pytest.mark.parametrize("switches", [[], ["aim_staff_keys=omit"], ["defaults_on_get=absent"]], ids=str)
def test_a_shared_reading_is_to_each_as_its_own(switches: list[str]) -> None:
    """Learners, layers, people, placements and problems of the other side are gone, and nothing else is."""
    centre = Centre(*switches)
    one, other = sides(centre)
    shared = centre.read(for_both(one, Base("c" * 40, other)))
    for declared in (one, other):
        alone = centre.read(declared)
        assert told(narrow(shared, declared)) == told(alone)
        assert narrow(alone, declared) == alone


def test_one_learner_under_two_names_is_read_once_for_both() -> None:
    """By id on one side and by MISID on the other: all that either asks for, each layer in one call."""
    centre = Centre()
    one, other = centre.declared(wanting(200004, [DEFAULT])), centre.declared(wanting(None, [AIM], "LRN00004"))
    shared = centre.read(for_both(one, Base("c" * 40, other)))
    assert sum("/LearningAim/" in path for path in centre.paths) == 1
    for declared in (one, other):
        assert told(narrow(shared, declared)) == told(centre.read(declared))
