"""Judging a reading is pure: each meeting of before, after and what stands there now has one verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.operations import Move
from reconciler.model.slot_state import SlotState, after_write, before_write
from reconciler.model.slots import Holder, Unread
from tests.factories import DEFAULT, EMPLOYER, JAMES, KATE, NOOR

HOLDERS: tuple[Holder, ...] = (None, JAMES, KATE, NOOR, *Unread)


@pytest.mark.parametrize("now", HOLDERS, ids=str)
@pytest.mark.parametrize("before", [None, KATE, Unread.UNREADABLE], ids=str)
def test_a_write_is_allowed_only_over_what_the_plan_saw(before: Holder, now: Holder) -> None:
    """The new value is done; the old one, or a slot that is not shown, may be written; all else is somebody's."""
    verdict = before_write([(DEFAULT, Move(before, JAMES))], {DEFAULT: now})
    if now == JAMES:
        assert verdict is SlotState.ALREADY_DONE
    elif now in (before, Unread.UNREADABLE) or (before is Unread.UNREADABLE and now is None):
        assert verdict is SlotState.TO_WRITE
    else:
        assert verdict is SlotState.CONFLICT


@pytest.mark.parametrize("now", HOLDERS, ids=str)
@pytest.mark.parametrize("before", [None, KATE, Unread.UNREADABLE], ids=str)
def test_a_write_is_proven_only_by_the_new_value(before: Holder, now: Holder) -> None:
    """The old value says that it was not done, and so does nobody where the plan could not see; nothing shown proves
    nothing, and anybody else came after us."""
    expected = {
        JAMES: SlotState.ALREADY_DONE,
        None if before is Unread.UNREADABLE else before: SlotState.TO_WRITE,
        Unread.UNREADABLE: SlotState.UNSEEN,
    }.get(now, SlotState.CONFLICT)
    assert after_write([(DEFAULT, Move(before, JAMES))], {DEFAULT: now}) is expected


@given(st.sampled_from(HOLDERS), st.sampled_from(HOLDERS), st.sampled_from(HOLDERS), st.sampled_from(HOLDERS))
def test_one_call_for_two_slots_is_as_good_as_the_worse_of_them(
    one_before: Holder, one_now: Holder, two_before: Holder, two_now: Holder
) -> None:
    """A conflict on either forbids the call; only both done is done; only both seen is proven."""
    one, two = (DEFAULT, Move(one_before, JAMES)), (EMPLOYER, Move(two_before, NOOR))
    now = {DEFAULT: one_now, EMPLOYER: two_now}
    for judge, order in (
        (before_write, (SlotState.CONFLICT, SlotState.TO_WRITE, SlotState.ALREADY_DONE)),
        (after_write, (SlotState.CONFLICT, SlotState.TO_WRITE, SlotState.UNSEEN, SlotState.ALREADY_DONE)),
    ):
        alone = {judge([one], now), judge([two], now)}
        assert judge([one, two], now) is next(verdict for verdict in order if verdict in alone)


def test_a_slot_that_a_reading_lacks_is_a_slot_that_is_not_shown() -> None:
    """Never one that is empty."""
    assert before_write([(DEFAULT, Move(KATE, JAMES))], {}) is SlotState.TO_WRITE
    assert after_write([(DEFAULT, Move(KATE, JAMES))], {}) is SlotState.UNSEEN
