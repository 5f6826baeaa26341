"""The laws of time: on every day the holder that the rules say, and what is read ahead is what comes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings

from reconciler.declared.cover import day_after
from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared, DeclaredLearner, Shift
from reconciler.model.plan import HandoverKind
from reconciler.model.slots import Handle, Slot, SlotKind, UserId
from reconciler.plan.calendar import build_calendar
from reconciler.problems import Invalid
from tests.declared.files import AIM, AIM_IQA, DAY, DEFAULT, JAMES, KATE, NOOR, OSCAR, additional, centre
from tests.declared.test_resolve import covered
from tests.declared.times import DAYS, START, State, crowds, states
from tests.marks import examples

pytestmark = pytest.mark.slow

LONG = (DAYS[-1] - DAYS[0]).days


@contextmanager
def written(state: State) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield state.write(Path(folder))


@settings(max_examples=examples(25), deadline=None)
@given(states())
def test_on_every_day_each_slot_has_the_one_holder_that_the_rules_say(state: State) -> None:
    """For any entries and covers; a circle on any day, and nothing else here, is refused."""
    with written(state) as files:
        for day in DAYS[:: 3 if not state.covers else 1]:
            if state.has_circle():
                with pytest.raises(Invalid, match="is circular"):
                    read_declared(files, day)
                return
            for number, learner in enumerate(read_declared(files, day).learners):
                single = {slot: one.staff for slot, one in learner.slots.items() if slot.kind is not ADDITIONAL}
                assert single == state.holders(number, day)
                names = {slot: one.in_names for slot, one in learner.slots.items() if slot.kind is not ADDITIONAL}
                covered = {slot: (name,) for slot, name in state.in_names(number, day).items()}
                assert {slot: who for slot, who in names.items() if who} == covered
                assert members(learner) == state.members(number, day)


@settings(max_examples=examples(30), deadline=None)
@given(crowds())
def test_an_additional_person_names_everybody_whom_they_cover_for(state: State) -> None:
    """Several who have the same stand-in are one slot, also with somebody who is named beside them."""
    with written(state) as files:
        for number, learner in enumerate(read_declared(files, START).learners):
            assert members(learner) == state.members(number, START)


def members(learner: DeclaredLearner) -> dict[UserId | None, set[Handle]]:
    """Return the additional people of a learner, with everybody whom each covers for."""
    found = [wanted for slot, wanted in learner.slots.items() if slot.kind is ADDITIONAL]
    assert all(len({*wanted.in_names}) == len(wanted.in_names) for wanted in found)
    return {wanted.staff: {*wanted.in_names} for wanted in found}


@settings(max_examples=examples(25), deadline=None)
@given(states())
def test_what_is_read_ahead_is_what_comes(state: State) -> None:
    """The first day's slots, moved by each shift in turn, are those that the files declare on every later day."""
    with written(state) as files:
        if state.has_circle():
            return
        first = read_declared(files, DAYS[0], ahead_days=LONG)
        for day in DAYS:
            then = read_declared(files, day)
            for ahead, learner in zip(first.learners, then.learners, strict=True):
                assert moved(ahead, day) == dict(learner.slots)
                assert {slot for slot in ahead.slots if slot.kind is not ADDITIONAL} <= {
                    *learner.slots,
                    *learner.lapsed,
                }


@settings(max_examples=examples(30), deadline=None)
@given(states())
def test_the_line_of_a_shift_begins_on_its_day_or_ended_the_day_before(state: State) -> None:
    """Of covers in a chain, any may begin or end, and the calendar reports a cover only if its own begins."""
    with written(state) as files:
        if state.has_circle():
            return
        declared = read_declared(files, DAYS[0], ahead_days=LONG)
        shifts = [shift for learner in declared.learners for shift in learner.later if shift.cover]
        for shift in shifts:
            assert shift.cover and shift.day in (shift.cover.start, day_after(shift.cover.end))
        for handover in build_calendar(declared, ()).handovers:
            if handover.kind is HandoverKind.COVER:
                assert handover.cover and handover.covered and handover.day == handover.cover.start
                last = min(handover.last or DAYS[-1], DAYS[-1])
                assert state.acts(handover.covered, last) == handover.after


ADDITIONAL = SlotKind.ADDITIONAL


def moved(learner: DeclaredLearner, day: date) -> dict[Slot, object]:
    slots: dict[Slot, object] = dict(learner.slots)
    assert list(learner.later) == sorted(learner.later, key=Shift.order)
    for shift in learner.later:
        if shift.day <= day:
            assert slots.pop(shift.slot, None) == shift.before
            if shift.after:
                slots[shift.slot] = shift.after
    return slots


# ------------------------------------------------------------------ which line brings a shift

TEXT = """defaults:
  default_assessor: kate-anderson
  additional: [kate-anderson]
learners:
  - id: 200004
    learning_aims:
      - standard: 41240
        assessor: [{staff: james-fayre, until: 2026-12-10}, {staff: kate-anderson, from: 2026-12-11}]
        iqa: [{staff: oscar-lind, until: 2026-12-20}]
"""


def ahead(tmp_path: Path, text: str = TEXT, days: int = 28) -> Declared:
    staff = covered("kate-anderson", "{by: noor-haddad, from: 2026-12-05, until: 2026-12-15}")
    return read_declared(centre(tmp_path, text, staff=staff), DAY, ahead_days=days)


def test_each_shift_names_the_line_that_brings_it(tmp_path: Path) -> None:
    """An entry that begins, a cover that begins or ends, or an entry that ended with nobody to follow."""
    declared = ahead(tmp_path)
    found = {
        (shift.day.day, shift.slot): (
            shift.before and shift.before.staff,
            shift.after and shift.after.staff,
            f"{Path(shift.source.file).name}:{shift.source.line}",
        )
        for shift in declared.learners[0].later
    }
    assert found == {
        (5, DEFAULT): (KATE, NOOR, "staff.yaml:3"),
        (5, additional(KATE)): (KATE, None, "staff.yaml:3"),
        (5, additional(NOOR)): (None, NOOR, "staff.yaml:3"),
        (11, AIM): (JAMES, NOOR, "care.yaml:10"),
        (16, DEFAULT): (NOOR, KATE, "staff.yaml:3"),
        (16, additional(KATE)): (None, KATE, "staff.yaml:3"),
        (16, additional(NOOR)): (NOOR, None, "staff.yaml:3"),
        (16, AIM): (NOOR, KATE, "staff.yaml:3"),
        (21, AIM_IQA): (OSCAR, None, "care.yaml:11"),
    }


def test_nothing_after_the_horizon_is_told(tmp_path: Path) -> None:
    """The horizon is the last day that counts, and without one nothing is."""
    assert {shift.day.day for shift in ahead(tmp_path, days=4).learners[0].later} == {5}
    assert ahead(tmp_path, days=3).learners[0].later == ()
    assert ahead(tmp_path).horizon == DAY + timedelta(days=28)


def test_learners_share_what_they_inherit_of_later_too(tmp_path: Path) -> None:
    """A cover of a hundred learners' default assessor is worked out once."""
    one, two = ahead(tmp_path, TEXT.partition("learners:")[0] + "learners: [{id: 1}, {id: 2, label: B}]\n").learners
    assert one.later is two.later
    assert len(one.later) == 6


def test_a_lapsed_slot_is_told_apart_from_one_that_is_not_begun_or_left_out(tmp_path: Path) -> None:
    """Only the first is nobody's intention."""
    text = """defaults:
  default_employer: acme-mentor
learners:
  - id: 200004
    default_assessor: [{staff: kate-anderson, until: 2026-11-30}]
    default_employer: []
    learning_aims: [{standard: 41240, assessor: [{staff: kate-anderson, from: 2026-12-24}]}]
    additional: [{staff: observer-lee, until: 2026-11-30}]
"""
    learner = read_declared(centre(tmp_path, text), DAY).learners[0]
    assert {slot: lapse.last for slot, lapse in learner.lapsed.items()} == {DEFAULT: date(2026, 11, 30)}
    assert learner.slots == {}


def test_the_calendar_s_last_days_have_no_morrow(tmp_path: Path) -> None:
    """An end on the last day that there is never comes, and looking ahead from there sees nothing."""
    text = "learners:\n  - {id: 1, default_assessor: [{staff: kate-anderson, until: 9999-12-31}]}\n"
    state = centre(
        tmp_path, text, staff=covered("james-fayre", "{by: kate-anderson, from: 2026-12-01, until: 9999-12-31}")
    )
    declared = read_declared(state, date(9999, 12, 30), ahead_days=30)
    assert (declared.horizon, declared.learners[0].later) == (date.max, ())
