"""Laws of due changes: on every day, on some days or once at the end, dates bring about the same and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.declared.load import read_declared
from reconciler.model.history import LastApplied
from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff
from reconciler.model.plan import Change
from reconciler.model.slots import OrganisationId, Place, Slot, SlotKind, UserId
from reconciler.plan.compare import make_plan
from reconciler.plan.drift import differs, is_drift, wanted_by
from reconciler.plan.due import ApprovedDays, Due, DueAction, approved_days, decide_due
from tests.declared.times import DAYS, FOR, STAFF, State, states
from tests.factories import DEFAULT, JAMES, KATE, LEARNER, NOON, NOOR, change
from tests.marks import examples

pytestmark = pytest.mark.slow

CENTRE = OrganisationId(5740)
PLACE = (LEARNER, DEFAULT)


class World:
    """A OneFile in memory that shows every slot of one, and the record of what was applied."""

    def __init__(self) -> None:
        self.held: dict[Place, UserId | None] = {(UserId(one), slot): None for one in (1, 2) for slot in FOR}
        self.recorded: dict[Place, UserId | None] = {}

    def observed(self) -> Observed:
        slots: dict[UserId, dict[Slot, UserId | None]] = {UserId(1): {}, UserId(2): {}}
        for (user, slot), holder in self.held.items():
            if slot.kind is not SlotKind.ADDITIONAL:
                slots[user][slot] = holder
        learners = {user: ObservedLearner(user, slots=held) for user, held in slots.items()}
        staff = {(CENTRE, UserId(number)): ObservedStaff(UserId(number)) for number, _ in STAFF.values()}
        return Observed(NOON, learners, staff=staff)

    def changes(self, files: Path, day: date) -> tuple[Change, ...]:
        declared = read_declared(files, day)
        return make_plan(declared, self.observed(), self.recorded, target="x", created_at=NOON).changes

    def write(self, changes: Iterable[Change]) -> None:
        for written in changes:
            self.held[written.learner, written.slot] = self.recorded[written.learner, written.slot] = written.after

    def apply(self, files: Path, day: date) -> None:
        """Apply the files as a whole, with every removal done by hand, and record what is as declared."""
        changes = self.changes(files, day)
        self.write(row for row in changes if row.action != "no-op")
        self.recorded |= {(row.learner, row.slot): row.after for row in changes if not row.blocked}

    def due(self, files: Path, first: date, day: date) -> tuple[Due, ...]:
        """Decide about the due changes, of files that were approved and applied on the first day."""
        observed, then = self.observed(), read_declared(files, first, ahead_days=(day - first).days)
        last = {place: LastApplied(staff, 1, NOON, "kate") for place, staff in self.recorded.items()}
        waiting = [row for row in self.changes(files, day) if differs(row) and not is_drift(row)]
        return decide_due(waiting, last, approved_days(then, wanted_by(read_declared(files, day), observed), observed))

    def run(self, files: Path, first: date, day: date) -> list[Change]:
        written = [row.change for row in self.due(files, first, day) if row.action is DueAction.WRITE]
        self.write(written)
        return written


@settings(max_examples=examples(25), deadline=None)
@given(states(), st.data())
def test_dates_bring_about_the_same_world_however_often_the_daily_job_runs(state: State, data: st.DataObject) -> None:
    """Days that are skipped are made up for; each write is what the files ask for on that day, and is made once."""
    assume(not state.has_circle())
    first, *later = sorted(data.draw(st.sets(st.sampled_from(DAYS), min_size=2, max_size=8)))
    some = sorted({*data.draw(st.sets(st.sampled_from(later))), later[-1]})
    with tempfile.TemporaryDirectory() as folder:
        files = state.write(Path(folder))
        worlds = []
        for days in (later, some, later[-1:]):
            world = World()
            world.apply(files, first)
            for day in days:
                asked = wanted_by(read_declared(files, day), world.observed())
                for written in world.run(files, first, day):
                    assert asked[written.learner, written.slot] == written.after
                assert world.run(files, first, day) == []
            worlds.append(world)
        wanted = wanted_by(read_declared(files, later[-1]), worlds[0].observed())
        for world in worlds:
            assert {place: world.held.get(place) for place, staff in wanted.items() if staff is not None} == {
                place: staff for place, staff in wanted.items() if staff is not None
            }


@settings(max_examples=examples(15), deadline=None)
@given(states(), states(), st.data())
def test_a_new_approval_in_between_changes_nothing_of_that(old: State, new: State, data: st.DataObject) -> None:
    """Whatever was approved and applied on some day: from then on its days are brought about, as often as one likes."""
    assume(not old.has_circle() and not new.has_circle())
    first, *later = sorted(data.draw(st.sets(st.sampled_from(DAYS), min_size=3, max_size=8)))
    merged = data.draw(st.sampled_from(later))
    some = data.draw(st.sets(st.sampled_from(later)))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        files = {first: old.write(Path(one)), merged: new.write(Path(two))}
        worlds = []
        for days in ({*later}, {*some, later[-1]}, {later[-1]}):
            world, approved = World(), first
            world.apply(files[first], first)
            for day in later:
                if day == merged:
                    world.apply(files[merged], merged)
                    approved = merged
                if day in days:
                    asked = wanted_by(read_declared(files[approved], day), world.observed())
                    for written in world.run(files[approved], approved, day):
                        assert asked[written.learner, written.slot] == written.after
                    assert world.run(files[approved], approved, day) == []
            worlds.append(world)
        wanted = wanted_by(read_declared(files[merged], later[-1]), worlds[0].observed())
        held = {place: staff for place, staff in wanted.items() if staff is not None}
        for world in worlds:
            assert {place: world.held.get(place) for place in held} == held


@settings(max_examples=examples(20), deadline=None)
@given(states(), states(), st.data())
def test_what_was_never_approved_is_not_due(approved: State, files: State, data: st.DataObject) -> None:
    """Files that were changed since write only what the approved ones ask for too, and never remove anybody."""
    assume(not approved.has_circle() and not files.has_circle())
    first, day = sorted(data.draw(st.sets(st.sampled_from(DAYS), min_size=2, max_size=2)))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        old, new = approved.write(Path(one)), files.write(Path(two))
        world = World()
        world.apply(old, first)
        observed = world.observed()
        days = approved_days(
            read_declared(old, first, ahead_days=(day - first).days),
            wanted_by(read_declared(old, day), observed),
            observed,
        )
        last = {place: LastApplied(staff, 1, NOON, "kate") for place, staff in world.recorded.items()}
        for row in decide_due(filter(differs, world.changes(new, day)), last, days):
            if row.action is DueAction.WRITE:
                assert days.today[row.change.learner, row.change.slot] == row.change.after is not None


def decide(row: Change, last: UserId | None, *, today: UserId | None = JAMES) -> list[DueAction]:
    days = ApprovedDays({PLACE: today}, {PLACE: frozenset({KATE})}, {PLACE: KATE})
    return [due.action for due in decide_due([row], {PLACE: LastApplied(last, 1, NOON, "kate")}, days)]


@pytest.mark.parametrize(
    ("row", "last", "expected"),
    [
        (change(DEFAULT, KATE, JAMES), KATE, [DueAction.WRITE]),
        (change(DEFAULT, NOOR, JAMES), KATE, [DueAction.MOVED]),
        (change(DEFAULT, NOOR, JAMES), NOOR, []),
        (change(DEFAULT, KATE, NOOR), KATE, [DueAction.NOT_APPROVED]),
        (change(DEFAULT, KATE, JAMES, action="no-op", blocked="archived"), KATE, [DueAction.SET_ASIDE]),
    ],
    ids=["brought by a date", "moved by somebody", "pending", "not approved", "set aside"],
)
def test_each_change_is_written_or_says_who_must_act(row: Change, last: UserId, expected: list[DueAction]) -> None:
    """Only what the approved files asked for before, and ask otherwise for today, is due."""
    assert decide(row, last) == expected


def test_a_removal_is_never_written() -> None:
    """OneFile has no unassign, and nobody is overwritten for it."""
    assert decide(change(DEFAULT, KATE, None), KATE, today=None) == [DueAction.BY_HAND]
