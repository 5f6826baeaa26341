"""What moved on a learner between two readings, in the words of staff.yaml."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.differences import differences
from reconciler.model.slots import Handle, Holder, Slot, SlotKind, UserId
from tests.factories import DEFAULT, EMPLOYER, HANDLES, JAMES, KATE, LEARNER, NOOR


def test_differences_name_slots_and_people_in_the_words_of_staff() -> None:
    """By handle where the directory knows them, else by account; sorted; nothing where all is alike."""
    unit = Slot(SlotKind.UNIT_IQA, "KS_COMM1")
    then: dict[Slot, Holder] = {unit: None, DEFAULT: KATE, EMPLOYER: NOOR}
    now: dict[Slot, Holder] = {unit: UserId(7), DEFAULT: JAMES, EMPLOYER: NOOR}
    assert differences(then, now, LEARNER, {**HANDLES, KATE: Handle("kate's [new] 'handle'")}) == (
        "learner[200004].default_assessor: kate's [new] 'handle' then, james-fayre now; "
        "learner[200004].unit[KS_COMM1].iqa: nobody then, account 7 (not in staff.yaml) now"
    )
    assert differences(then, then, LEARNER, HANDLES) == ""


@given(st.text(min_size=1, max_size=10))
def test_differences_keep_any_unit_id_whole(unit: str) -> None:
    """Quotes, brackets and dots in an id are the id's own."""
    slot = Slot(SlotKind.UNIT_ASSESSOR, unit)
    assert differences({slot: KATE}, {slot: None}, LEARNER, HANDLES) == (
        f"learner[200004].unit[{unit}].assessor: kate-anderson then, nobody now"
    )
