"""A slot and its address are one thing in two forms: what a plan prints is what a saved plan means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.slots import (
    KIND_ORDER,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    LearnerSlots,
    Place,
    Slot,
    SlotKind,
    SlotValues,
    UserId,
    plan_order,
    shared_slot,
)
from tests.marks import examples

IDS = st.integers(1, 10**9)
UNIT_IDS = st.text(min_size=1) | st.from_regex(r"[\].\[]{1,4}(assessor|iqa|learner)?[\].\[]{0,4}", fullmatch=True)


def keys(kind: SlotKind) -> st.SearchStrategy[int | str | None]:
    if kind in UNIT_KINDS:
        return UNIT_IDS
    return IDS if kind in LEARNING_AIM_KINDS or kind is SlotKind.ADDITIONAL else st.none()


SLOTS = st.sampled_from(SlotKind).flatmap(lambda kind: keys(kind).map(lambda key: Slot(kind, key)))


@pytest.mark.parametrize(
    ("slot", "address"),
    [
        (Slot(SlotKind.DEFAULT_ASSESSOR), "learner[200004].default_assessor"),
        (Slot(SlotKind.DEFAULT_EMPLOYER), "learner[200004].default_employer"),
        (Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41242), "learner[200004].learning_aim[41242].assessor"),
        (Slot(SlotKind.LEARNING_AIM_IQA, 41242), "learner[200004].learning_aim[41242].iqa"),
        (Slot(SlotKind.UNIT_ASSESSOR, "KS_COMM1"), "learner[200004].unit[KS_COMM1].assessor"),
        (Slot(SlotKind.UNIT_IQA, "KS_COMM1"), "learner[200004].unit[KS_COMM1].iqa"),
        (Slot(SlotKind.ADDITIONAL, 127733), "learner[200004].additional[127733]"),
    ],
)
def test_addresses_read_as_the_contract_has_them(slot: Slot, address: str) -> None:
    """Policies, scripts and people quote these words, so they do not change."""
    assert slot.address(UserId(200004)) == address


@given(SLOTS, IDS)
def test_an_address_leads_back_to_its_learner_and_slot(slot: Slot, learner: int) -> None:
    """Also where a unit is called `x].iqa`: unit ids are any text."""
    assert Slot.parse(slot.kind, slot.address(UserId(learner))) == (learner, slot)


@settings(max_examples=examples(50))
@given(SLOTS, IDS, st.sampled_from(SlotKind))
def test_an_address_of_another_kind_is_refused(slot: Slot, learner: int, kind: SlotKind) -> None:
    """A row whose type and address disagree is nobody's slot."""
    if kind is not slot.kind:
        with pytest.raises(ValueError):
            Slot.parse(kind, slot.address(UserId(learner)))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "learner[1]",
        "learner[].default_assessor",
        "learner[1].unit[a].default_assessor",
        "learner[1].x.default_assessor",
        "learner[01].default_assessor",
        "learner[1_0].default_assessor",
        "learner[1].default_assessor ",
        " learner[1].default_assessor",
        "person[1].default_assessor",
    ],
)
def test_nothing_but_the_exact_spelling_is_an_address(address: str) -> None:
    """What is nearly an address was written by something else, or altered."""
    with pytest.raises(ValueError):
        Slot.parse(SlotKind.DEFAULT_ASSESSOR, address)


@given(st.lists(SLOTS, unique=True))
def test_the_order_of_slots_is_total_and_begins_with_additional_people(slots: list[Slot]) -> None:
    """Make before break: newcomers come first, and no two slots share a place."""
    ordered = sorted(slots, key=Slot.order)
    assert len({slot.order() for slot in slots}) == len(slots)
    assert [KIND_ORDER[slot.kind] for slot in ordered] == sorted(KIND_ORDER[slot.kind] for slot in slots)
    assert KIND_ORDER[SlotKind.ADDITIONAL] == 0


@pytest.mark.parametrize("key", [0, 1])
def test_a_shared_slot_keeps_the_type_of_its_key(key: int) -> None:
    """`standard: true` in a file with a fault does not turn standard 1 of other files into `True`."""
    shared = [shared_slot(SlotKind.LEARNING_AIM_ASSESSOR, same) for same in (bool(key), key)]
    assert [type(slot.key) for slot in shared] == [bool, int]
    assert shared[1].address(UserId(7)) == f"learner[7].learning_aim[{key}].assessor"


OWN = st.dictionaries(SLOTS, st.none() | st.integers(0, 3), max_size=8)


@given(OWN, OWN)
def test_values_of_a_learner_are_a_mapping_in_plan_order(own: dict[Slot, int | None], other: dict[Slot, int]) -> None:
    """What is said of a learner's slots does not depend on the order in which a file or a server named them."""
    values, backwards = SlotValues.of(own), SlotValues.of(dict(reversed(own.items())))
    assert [*values] == sorted(own, key=Slot.order) == [*values.slots]
    assert values == own == backwards and values.slots is backwards.slots
    assert dict(values) == own and len(values) == len(own) and {**values, **other} == {**own, **other}
    assert all(values[slot] == own[slot] == values.get(slot, "none") for slot in own)
    assert [values.get(slot, "none") for slot in other] == [own.get(slot, "none") for slot in other]
    assert [slot in values for slot in other] == [slot in own for slot in other]
    assert (values == SlotValues.of(other)) == (own == other)
    assert values.are_in(SlotValues.of(other)) == values.are_in(other) == (own.keys() <= other.keys())
    with pytest.raises(KeyError):
        values[Slot(SlotKind.UNIT_IQA, "not there")]


@given(OWN.filter(bool))
def test_a_slot_that_is_there_twice_has_no_value(own: dict[Slot, int | None]) -> None:
    """Neither of two values of one slot can be trusted."""
    with pytest.raises(ValueError, match="twice"):
        plan_order((*own, next(iter(own))))


VALUES = st.dictionaries(st.tuples(st.integers(1, 4).map(UserId), SLOTS), st.integers(0, 3), max_size=12)


@given(VALUES, VALUES)
def test_values_by_learner_are_those_of_each_slot(older: dict[Place, int], newer: dict[Place, int]) -> None:
    """The record is kept by learner, and read slot by slot: neither loses a slot, nor mixes up two."""
    values = LearnerSlots.nested(older)
    assert values == older and len(values) == len(older)
    assert all(values[place] == older[place] for place in older)
    assert [values.get(place, "none") for place in newer] == [older.get(place, "none") for place in newer]
    for learner in {learner for learner, _ in (*older, *newer)}:
        assert values.of(learner) == {slot: value for (user, slot), value in older.items() if user == learner}
    assert values.updated(LearnerSlots.nested(newer)) == {**older, **newer}
