"""Laws of days in a row: whatever was planned on the days before, the plan of a day ends in the world of that day."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff
from reconciler.model.slots import OrganisationId, Place, Slot, SlotKind, UserId
from reconciler.plan.compare import make_plan
from tests.declared.times import DAYS, FOR, STAFF, State, states
from tests.factories import NOON

CENTRE = OrganisationId(5740)


class Memory:
    """A OneFile in memory, whose people do at once by hand what it cannot do, and a record of what was applied."""

    def __init__(self) -> None:
        self.held: dict[UserId, dict[Slot, UserId | None]] = {UserId(one): dict.fromkeys(FOR) for one in (1, 2)}
        self.recorded: dict[Place, UserId | None] = {}

    def observed(self) -> Observed:
        learners = {
            user: ObservedLearner(user, slots={slot: who for slot, who in held.items() if slot.kind is not ADDITIONAL})
            for user, held in self.held.items()
        }
        staff = {(CENTRE, UserId(number)): ObservedStaff(UserId(number)) for number, _ in STAFF.values()}
        return Observed(NOON, learners, staff=staff)

    def apply(self, declared: Declared) -> int:
        """Carry out the day's plan; how many slots it moved."""
        plan = make_plan(declared, self.observed(), self.recorded, target="x", created_at=NOON)
        moved = [change for change in plan.changes if change.action != "no-op"]
        for change in moved:
            self.held[change.learner][change.slot] = change.after
        for change in plan.changes:
            if not change.blocked:
                self.recorded[change.learner, change.slot] = change.after
        return len(moved)


ADDITIONAL = SlotKind.ADDITIONAL


@settings(max_examples=40, deadline=None)
@given(states(), st.data())
def test_any_days_planned_before_end_in_the_world_of_the_last(state: State, data: st.DataObject) -> None:
    """Every day from some start, or only some of them: each plan brings about its day, and a second finds nothing."""
    assume(not state.has_circle())
    days = sorted(data.draw(st.sets(st.sampled_from(DAYS), min_size=1, max_size=8)))
    world = Memory()
    with tempfile.TemporaryDirectory() as folder:
        files = state.write(Path(folder))
        for day in days:
            declared = read_declared(files, day)
            world.apply(declared)
            assert world.apply(declared) == 0
            for number, user in enumerate(sorted(world.held)):
                held = world.held[user]
                wanted = state.holders(number, day)
                assert {slot: held[slot] for slot in wanted} == wanted
                there = {who for slot, who in held.items() if slot.kind is ADDITIONAL and who is not None}
                assert there == state.members(number, day).keys()
