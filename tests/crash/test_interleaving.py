"""People edit OneFile and the files, plans lie about, runs are cut off, in any order: nobody's newer value is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.apply.executor import Applied
from reconciler.apply.recovery import settle_open
from reconciler.clock import SystemClock
from reconciler.model.declared import Declared, Settings
from reconciler.model.operations import State
from reconciler.model.plan import Plan
from reconciler.model.slots import Place, Site, Slot, SlotKind, UserId
from reconciler.onefile.reader import Reader
from reconciler.store import Store
from tests.crash import evidence
from tests.crash.harness import LEE, MEMORY, REPORTED, edit_of
from tests.worlds import JAMES, JAMES_AS_IQA, KATE, MORGAN, ORGANISATION, PRIYA, START, TARGET, Trial

LEARNERS = (UserId(200003), UserId(200004))
ASSESSORS, IQAS = (None, KATE, JAMES), (None, PRIYA, JAMES_AS_IQA)
STAFF = (KATE, JAMES, PRIYA, JAMES_AS_IQA)


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more, no matter what it would have caught."""


class DeadlyNetwork(httpx.AsyncBaseTransport):
    """The nth write is the last thing that happens; when it is answered, that is told to nobody."""

    def __init__(self, inner: httpx.AsyncBaseTransport, nth: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, nth, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_write = evidence.changes(request.method, request.url.path)
        self._left -= is_write
        if self._left < 0 or (is_write and self._left == 0 and not self._after):
            raise Killed
        response = await self._inner.handle_async_request(request)
        if is_write and self._left == 0:
            raise Killed
        return response


def _only(error: BaseException) -> BaseException:
    """Out of the groups that concurrent work wraps it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def places(world: World) -> dict[Place, tuple[int | None, ...]]:
    """One slot of every kind of two learners, and who may stand in it: few, so that people get in each other's way."""
    found: dict[Place, tuple[int | None, ...]] = {}
    for learner, slot in evidence.holders(world):
        taken = {(user, one.kind) for user, one in found}
        if learner in LEARNERS and (learner, slot.kind) not in taken:
            iqa = slot.kind in (SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA)
            found[learner, slot] = IQAS if iqa else ASSESSORS
            if slot.kind is SlotKind.DEFAULT_EMPLOYER:
                found[learner, slot] = (None, MORGAN)
    return found | {(learner, Slot(SlotKind.ADDITIONAL, LEE)): (None, LEE) for learner in LEARNERS}


PLACES = sorted(places(World.create(1, 4)).items())
drawn_place = st.sampled_from(PLACES).flatmap(lambda pair: st.tuples(st.just(pair[0]), st.sampled_from(pair[1])))


class Interleaving(RuleBasedStateMachine):
    """Every `apply` here is a run of its own, on one world and one store, as separate processes would be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.file = Path(self.folder.name) / "world.jsonl"
        self.store = Store.open(str(Path(self.folder.name) / "store.db"), clock=SystemClock())
        world = World.open(self.file, 1, 4)
        self.initial = evidence.holders(world)
        self.here = Trial(world, Switches.parse(["repeat_assign=duplicate"]), self.store, VirtualClock(START))
        self.wants: dict[Place, int] = {}
        self.saved: tuple[Plan, Declared] | None = None
        self.sent: dict[int, int] = {}
        self.settings = Settings(
            ORGANISATION, drift={kind: "report" if kind in REPORTED else "correct" for kind in SlotKind}
        )

    def teardown(self) -> None:
        self.here.world.close()
        self.store.close()
        self.folder.cleanup()

    def files(self) -> Declared:
        wants: dict[int, dict[Slot, int | None]] = {}
        for (learner, slot), staff in sorted(self.wants.items()):
            wants.setdefault(learner, {})[slot] = staff
        return self.here.declared(wants, self.settings)

    def plan(self) -> Plan:
        return self.here.plan(self.files())

    # -------------------------------------------------------------- what people do

    @rule(changes=st.lists(drawn_place, min_size=1, max_size=5))
    def somebody_edits_onefile(self, changes: list[tuple[Place, int | None]]) -> None:
        for place, staff in changes:
            if evidence.holders(self.here.world).get(place) != staff:
                self.here.edit(edit_of(place, staff))

    @rule(leaver=st.sampled_from(STAFF), heir=st.sampled_from(STAFF))
    def somebody_archives_a_member_of_staff_with_an_heir(self, leaver: int, heir: int) -> None:
        if leaver != heir:
            self.here.edit({"user": leaver, "archived": True, "heir": heir})

    @rule(user=st.sampled_from(STAFF))
    def somebody_unarchives_a_member_of_staff(self, user: int) -> None:
        self.here.edit({"user": user, "archived": False})

    @rule(user=st.sampled_from(STAFF), role=st.sampled_from([5, 10]))
    def somebody_changes_a_role(self, user: int, role: int) -> None:
        self.here.edit({"user": user, "role": role})

    @rule()
    def somebody_puts_two_misids_right(self) -> None:
        self.here.edit({"user": LEARNERS[0], "misid_of": LEARNERS[1]})

    @rule(staff=st.sampled_from(ASSESSORS))
    def another_system_is_given_a_value(self, staff: int | None) -> None:
        self.sent = {learner: staff for learner in LEARNERS if staff is not None}

    @precondition(lambda self: self.sent)
    @rule()
    def another_system_sends_its_values_again(self) -> None:
        for learner, staff in self.sent.items():
            self.here.edit({"user": learner, "set": {"DefaultAssessorID": staff}})

    @rule(seconds=st.sampled_from([0, 2, 45]))
    def reads_lag_from_now_on(self, seconds: int) -> None:
        self.here.service.switches = self.here.service.switches.changed({"read_lag_seconds": seconds})

    @rule(changes=st.lists(drawn_place, min_size=3, max_size=9))
    def somebody_edits_the_files(self, changes: list[tuple[Place, int | None]]) -> None:
        for place, staff in changes:
            if staff is not None:
                self.wants[place] = staff
            elif place[1].kind is not SlotKind.ADDITIONAL:  # taking people off is a step for a person
                self.wants.pop(place, None)

    @precondition(lambda self: self.wants and not self.saved)
    @rule()
    def somebody_saves_a_plan(self) -> None:
        self.saved = self.plan(), self.files()

    @rule()
    def somebody_says_what_is_there(self) -> None:
        held = evidence.holders(self.here.world)
        for row in self.store.unknown(Site(TARGET, ORGANISATION)):
            run = self.here.begin_run()
            there = all(held.get((row.operation.learner, slot)) == move.after for slot, move in row.operation.moves)
            state = State.DONE if there else State.FAILED
            self.store.resolve(row.run, row.operation.id, state, by="kate", reason="looked at")
            for slot, move in row.operation.moves:
                stands = move.after if there else None
                self.store.record(Site(TARGET, ORGANISATION), [(row.operation.learner, slot, stands)], run=run)

    @rule(
        kind=st.sampled_from(["error_before", "error_after", "drop_before", "drop_after", "html"]),
        nth=st.integers(1, 4),
    )
    def onefile_will_falter(self, kind: str, nth: int) -> None:
        self.here.service.faults.clear()
        self.here.arm(Fault(kind, "POST", "/User/*/Assign", nth=nth))  # type: ignore[arg-type]

    # -------------------------------------------------------------- what we do

    @precondition(lambda self: self.wants)
    @rule()
    def apply_now(self) -> None:
        self._applied(self.plan())

    @precondition(lambda self: self.saved)
    @rule()
    def apply_the_saved_plan_late(self) -> None:
        assert self.saved
        self._applied(*self.saved)

    @precondition(lambda self: self.saved)
    @rule()
    def somebody_throws_the_saved_plan_away(self) -> None:
        self.saved = None

    @precondition(lambda self: self.wants)
    @rule(nth=st.integers(1, 8), after=st.booleans(), saved=st.booleans())
    def apply_and_die(self, nth: int, after: bool, saved: bool) -> None:
        plan, files = self.saved if saved and self.saved else (self.plan(), None)
        try:
            self.here.apply(plan, network=lambda inner: DeadlyNetwork(inner, nth, after=after), saved_from=files)
        except BaseException as error:
            if not isinstance(_only(error), Killed):
                raise

    @rule()
    def settle(self) -> None:
        async def work(reader: Reader) -> None:
            await settle_open(self.store, reader, Site(TARGET, ORGANISATION))

        self.here.read(work)
        evidence.nothing_is_left_open(evidence.journal(self.store))

    @precondition(lambda self: self.wants)
    @rule()
    def all_is_well_in_the_end(self) -> None:
        """With faults gone and people's answers given, one apply does all but what others are let decide.

        Nobody who cannot act is declared any longer; reads may lag.
        """
        self.here.service.faults.clear()
        self.wants = {place: staff for place, staff in self.wants.items() if self._can_hold(place, staff)}
        self.settle()
        self.somebody_says_what_is_there()
        plan = self.plan()
        if not self.wants:
            return
        self._applied(plan)
        left_to_others = {(change.learner, change.slot) for change in plan.changes if change.held}
        held = evidence.holders(self.here.world)
        recorded = self.store.recorded(Site(TARGET, ORGANISATION))
        for place, staff in self.wants.items():
            if place not in left_to_others and place[1].kind is not SlotKind.ADDITIONAL:
                assert held.get(place) == staff, place
            if place[1].kind is SlotKind.ADDITIONAL:
                assert recorded.get(place) == staff, place

    def _can_hold(self, place: Place, staff: int) -> bool:
        user = self.here.world.users[staff]
        iqa = place[1].kind in (SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA)
        return user["DateArchived"] is None and (staff not in STAFF or (user["Role"] == 10) == iqa)

    def _applied(self, plan: Plan, saved_from: Declared | None = None) -> Applied:
        applied = self.here.apply(plan, saved_from=saved_from)
        evidence.nothing_is_left_open(evidence.journal(self.store))
        assert [outcome.operation for outcome in applied.outcomes] == list(plan.operations)
        return applied

    # -------------------------------------------------------------- what must hold at any time

    @invariant()
    def the_evidence_is_whole(self) -> None:
        rows = evidence.journal(self.store)
        found = evidence.touches(World.create(1, 4), dict(self.initial), evidence.world_lines(self.file))
        evidence.nothing_was_written_twice(found)
        evidence.nothing_newer_was_overwritten(found, rows)
        evidence.every_call_is_accounted_for(self.here.service.calls, rows)


def check(examples: int, steps: int, *, always_the_same: bool) -> None:
    usual = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=always_the_same,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Interleaving, settings=usual)


def test_no_order_of_events_loses_anybodys_newer_value() -> None:
    """A few histories; many more are in the long run."""
    check(examples=25, steps=25, always_the_same=True)
