"""What follows from rows: the operations that write them, the steps left to people, and the counts people weigh."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.operations import (
    AssignAdditional,
    AssignLearningAim,
    AssignUnit,
    Move,
    Operation,
    SetDefaults,
    moves,
    operation_id,
)
from reconciler.model.plan import Action, Change
from reconciler.model.slots import Slot, StandardId, UnitId, Unread, UserId
from reconciler.plan.operations import operations_for, removal, summarise
from tests.factories import (
    ACME,
    AIM,
    AIM_IQA,
    DEFAULT,
    EMPLOYER,
    HANDLES,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    PRIYA,
    STAFF,
    UNIT,
    UNIT_IQA,
    additional,
    change,
)

MEMBERS = {one.id: one for one in STAFF}


@pytest.mark.parametrize(
    ("slot", "after", "operation"),
    [
        (DEFAULT, JAMES, SetDefaults(LEARNER, Move(KATE, JAMES), None)),
        (EMPLOYER, ACME, SetDefaults(LEARNER, None, Move(KATE, ACME))),
        (AIM, JAMES, AssignLearningAim(LEARNER, StandardId(41242), "assessor", Move(KATE, JAMES))),
        (AIM_IQA, PRIYA, AssignLearningAim(LEARNER, StandardId(41242), "iqa", Move(KATE, PRIYA))),
        (UNIT, JAMES, AssignUnit(LEARNER, UnitId("KS_COMM1"), "assessor", Move(KATE, JAMES))),
        (UNIT_IQA, PRIYA, AssignUnit(LEARNER, UnitId("KS_COMM1"), "iqa", Move(KATE, PRIYA))),
        (additional(LEE), LEE, AssignAdditional(LEARNER, Move(KATE, LEE))),
    ],
    ids=lambda value: value.kind if isinstance(value, Slot) else "",
)
def test_each_kind_of_slot_has_its_operation(slot: Slot, after: UserId, operation: Operation) -> None:
    """And the operation's moves lead back to the slot."""
    assert list(operations_for([change(slot, KATE, after)])) == [operation]
    assert moves(operation) == ((slot, Move(KATE, after)),)


def test_both_defaults_go_in_one_call_where_the_first_of_them_stands() -> None:
    """One call instead of two, and only where both change."""
    both = [change(EMPLOYER, None, ACME), change(DEFAULT, KATE, JAMES), change(UNIT, None, JAMES)]
    first, second = operations_for(both)
    assert first == SetDefaults(LEARNER, Move(KATE, JAMES), Move(None, ACME))
    assert isinstance(second, AssignUnit)
    one = [change(EMPLOYER, ACME, ACME), change(DEFAULT, KATE, JAMES)]
    assert list(operations_for(one)) == [SetDefaults(LEARNER, Move(KATE, JAMES), None)]


def test_one_learners_defaults_are_not_anothers() -> None:
    """A call names one learner."""
    rows = [change(DEFAULT, KATE, JAMES), change(EMPLOYER, None, ACME, learner=200005)]
    assert [one.learner for one in operations_for(rows)] == [200004, 200005]


@pytest.mark.parametrize("action", ["delete", "no-op"])
def test_rows_that_are_not_written_have_no_operation(action: Action) -> None:
    """Manual steps, agreement, blocked and reported rows are for people."""
    assert list(operations_for([change(DEFAULT, KATE, JAMES, action=action)])) == []


def test_an_operations_id_tells_what_it_does_and_displaces() -> None:
    """The same operation has the same id in every run; any other learner, slot or person gives another."""
    others: list[Operation] = [
        SetDefaults(LEARNER, Move(KATE, JAMES)),
        SetDefaults(LEARNER, Move(None, JAMES)),
        SetDefaults(LEARNER, Move(Unread.UNREADABLE, JAMES)),
        SetDefaults(LEARNER, Move(JAMES, KATE)),
        SetDefaults(LEARNER, None, Move(KATE, JAMES)),
        SetDefaults(UserId(200005), Move(KATE, JAMES)),
        AssignLearningAim(LEARNER, StandardId(41242), "assessor", Move(KATE, JAMES)),
        AssignLearningAim(LEARNER, StandardId(41242), "iqa", Move(KATE, JAMES)),
    ]
    assert len({operation_id(one) for one in others}) == len(others)
    assert operation_id(others[0]) == operation_id(SetDefaults(LEARNER, Move(KATE, JAMES)))


@pytest.mark.parametrize(
    ("slot", "holder", "page"),
    [
        (DEFAULT, KATE, "Allocations"),
        (AIM, KATE, "Allocations"),
        (AIM_IQA, PRIYA, "Allocations"),
        (UNIT, KATE, "Unit Allocations"),
        (UNIT_IQA, PRIYA, "Unit Allocations"),
        (EMPLOYER, ACME, "the learner's Access Accounts tab"),
        (additional(KATE), KATE, "Allocations"),
        (additional(PRIYA), PRIYA, "Allocations"),
        (additional(ACME), ACME, "the learner's Access Accounts tab"),
        (additional(LEE), LEE, "the learner's Access Accounts tab"),
        (additional(UserId(1)), UserId(1), "Allocations"),
    ],
    ids=lambda value: value.kind if isinstance(value, Slot) else "",
)
def test_a_removal_names_the_page_where_it_can_be_done(slot: Slot, holder: UserId, page: str) -> None:
    """Employers and observers stand elsewhere than those who assess."""
    row = change(slot, holder, None)
    step = removal(row, MEMBERS)
    assert (step.page, step.holder, step.slot, step.learner) == (page, holder, slot, LEARNER)
    assert (step.label, step.cohort, step.source, step.owner) == (row.label, row.cohort, row.source, "")
    assert step.clicks.startswith("In OneFile: Users > ")


def test_removals_of_different_slots_have_different_ids() -> None:
    """An id names one step."""
    rows = [change(additional(one), one, None) for one in HANDLES]
    assert len({removal(row, MEMBERS).id for row in rows}) == len(rows)


ROWS = st.sampled_from(
    [
        (change(DEFAULT, None, JAMES), "create"),
        (change(DEFAULT, KATE, JAMES), "update"),
        (change(DEFAULT, KATE, KATE), "no_op"),
        (change(DEFAULT, Unread.UNREADABLE, JAMES), "unknown"),
        (change(DEFAULT, Unread.UNREADABLE, None, action="no-op"), "unknown"),
        (change(DEFAULT, KATE, None), "manual"),
        (change(UNIT, Unread.NOT_HELD, JAMES, action="no-op", blocked="no such unit"), "blocked"),
    ]
)


@given(st.lists(ROWS), st.integers(0, 5))
def test_the_summary_counts_each_row_under_one_heading(rows: list[tuple[Change, str]], unresolved: int) -> None:
    """Slots of learners who were not found count as set aside as well."""
    found = summarise([row for row, _ in rows], unresolved, writes=0, reads=0, calls_per_minute=300)
    for heading in ("create", "update", "no_op", "unknown", "manual"):
        assert getattr(found, heading) == sum(under == heading for _, under in rows)
    assert found.blocked == sum(under == "blocked" for _, under in rows) + unresolved


@pytest.mark.parametrize(
    ("writes", "reads", "rate", "seconds"), [(70, 181, 300, 51), (0, 0, 300, 0), (1, 0, 300, 1), (1, 1, 1, 120)]
)
def test_the_seconds_are_those_of_the_calls_at_the_allowed_rate(
    writes: int, reads: int, rate: int, seconds: int
) -> None:
    """Rounded up, as a promise should be."""
    assert summarise([], 0, writes, reads, rate).seconds == seconds
