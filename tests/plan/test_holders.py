"""Who is in effect: unit before learning aim before default, and nothing unread taken for empty."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.slots import Holder, Slot, SlotValues, Unread, UserId
from reconciler.plan.holders import by_kind, holders, in_effect
from tests.factories import AIM, AIM_2, AIM_IQA, DEFAULT, JAMES, KATE, LEARNER, NOOR, PRIYA, UNIT, UNIT_IQA, change
from tests.factories import observed as reading

UNREADABLE, NOT_HELD = Unread.UNREADABLE, Unread.NOT_HELD


def test_the_nearest_layer_is_in_effect() -> None:
    """A unit's own assessor counts before the learning aim's, and that before the default."""
    held = {DEFAULT: KATE, AIM: JAMES, UNIT: NOOR}
    assert [in_effect(held, slot) for slot in (DEFAULT, AIM, UNIT)] == [{KATE}, {JAMES}, {NOOR}]


def test_an_empty_layer_falls_back_to_the_next() -> None:
    """An empty unit takes the learning aim's assessor, an empty learning aim the default's."""
    assert in_effect({DEFAULT: KATE, AIM: JAMES, UNIT: None}, UNIT) == {JAMES}
    assert in_effect({DEFAULT: KATE, AIM: None, UNIT: None}, UNIT) == {KATE}
    assert in_effect({DEFAULT: KATE, UNIT: None}, UNIT) == {KATE}
    assert in_effect({AIM_IQA: PRIYA, UNIT_IQA: None}, UNIT_IQA) == {PRIYA}


def test_an_empty_unit_may_belong_to_any_of_the_learning_aims() -> None:
    """Nothing tells which learning aim a unit belongs to, so each one's assessor may be in effect."""
    assert in_effect({AIM: JAMES, AIM_2: KATE, UNIT: None}, UNIT) == {JAMES, KATE}
    assert in_effect({AIM: JAMES, AIM_2: NOT_HELD, UNIT: None}, UNIT) == {JAMES}


def test_an_unread_slot_is_never_taken_for_empty() -> None:
    """What OneFile does not show may be somebody, or nobody and then the layer below."""
    assert in_effect({DEFAULT: KATE, AIM: UNREADABLE}, AIM) == {UNREADABLE, KATE}
    assert in_effect({AIM: None}, AIM) == {UNREADABLE}
    assert in_effect({}, DEFAULT) == {UNREADABLE}


def test_nobody_is_in_effect_where_every_layer_was_read_and_is_empty() -> None:
    """None is the only candidate where nobody stands on any layer."""
    assert in_effect({DEFAULT: None, AIM: None}, AIM) == {None}
    assert in_effect({AIM_IQA: None}, AIM_IQA) == {None}


def test_only_what_is_written_takes_effect() -> None:
    """After the plan, creates and updates stand; blocked, manual and equal slots hold what they held."""
    changes = [
        change(DEFAULT, KATE, JAMES),
        change(AIM, None, JAMES),
        change(AIM_IQA, PRIYA, None),
        change(AIM_2, KATE, NOOR, action="no-op", blocked="archived"),
    ]
    seen = reading({LEARNER: {DEFAULT: KATE, AIM: None, AIM_IQA: PRIYA, AIM_2: KATE, UNIT: NOOR}})
    assert holders(seen, changes, after=False)[LEARNER] == seen.learners[LEARNER].slots
    assert holders(seen, changes, after=True)[LEARNER] == {
        DEFAULT: JAMES,
        AIM: JAMES,
        AIM_IQA: PRIYA,
        AIM_2: KATE,
        UNIT: NOOR,
    }


def test_a_learner_who_was_not_read_holds_what_the_plan_knows() -> None:
    """A row of somebody whom OneFile does not have is set aside, and stops nobody else's."""
    rows = [change(DEFAULT, UNREADABLE, JAMES, action="no-op", blocked="OneFile has no user 200004")]
    assert holders(reading({}), rows, after=True) == {LEARNER: {DEFAULT: UNREADABLE}}


def test_a_record_stands_in_for_what_onefile_does_not_show() -> None:
    """The recorded holder counts before the plan, where the reading has none."""
    seen = reading({LEARNER: {AIM: UNREADABLE}})
    assert holders(seen, [change(AIM, KATE, KATE, recorded=True)], after=False)[LEARNER] == {AIM: KATE}


WORLDS = st.dictionaries(
    st.integers(1, 9).map(UserId),
    st.dictionaries(
        st.sampled_from([DEFAULT, AIM, AIM_2, AIM_IQA, UNIT]), st.sampled_from([KATE, JAMES, None, NOT_HELD])
    ),
)


@given(WORLDS)
def test_holders_by_kind_are_those_of_each_slot(world: dict[UserId, dict[Slot, Holder]]) -> None:
    """Learners with slots of the same kinds are counted together: none is lost, and nobody changes learner."""
    one_by_one = Counter((slot.kind, user, who) for user, held in world.items() for slot, who in held.items())
    for held in (world, {user: SlotValues.of(own) for user, own in world.items()}):
        rows = by_kind(held)
        together = Counter((kind, *row) for kind, users, whose in rows for row in zip(users, whose, strict=True))
        assert together == one_by_one
