"""People edit OneFile, fields vanish, two repositories share a store: drift is told, or what cannot be vouched for."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.clock import SystemClock
from reconciler.model.plan import Plan
from reconciler.model.slots import Place, Site, Slot, SlotKind, UserId
from reconciler.plan.complete import Conditions, StoreSnapshot, complete_plan
from reconciler.plan.drift import drift_ending, endings, is_drift, place_of
from reconciler.runtime.open_issues import observe_issues
from reconciler.runtime.sightings import note_sightings
from reconciler.runtime.store_snapshot import recorded_at, seen_at
from reconciler.store import Observation, Store
from tests.crash import evidence
from tests.crash.harness import MEMORY, edit_of
from tests.crash.test_interleaving import PLACES
from tests.worlds import ORGANISATION, START, TARGET, Trial

SITE = Site(TARGET, ORGANISATION)
READ = [(place, staff) for place, staff in PLACES if place[1].kind is not SlotKind.ADDITIONAL]
LEARNERS = {"north": UserId(200003), "south": UserId(200004)}
VANISHING = ("defaults_on_get=absent", "aim_staff_keys=omit", "paged_user_fields=same")
drawn = st.sampled_from(READ).flatmap(lambda pair: st.tuples(st.just(pair[0]), st.sampled_from(pair[1])))
repositories = st.sampled_from(sorted(LEARNERS))


class Watching(RuleBasedStateMachine):
    """Each repository declares one learner; `known` is what its runs have seen or applied since its files changed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        file = str(Path(self.folder.name) / "store.db")
        self.stores = {
            name: Store.open(file, clock=SystemClock(), repository=lambda name=name: (name,)) for name in LEARNERS
        }
        self.world = World.create(1, 4)
        self.here = {
            name: Trial(self.world, Switches(), store, VirtualClock(START)) for name, store in self.stores.items()
        }
        self.wants: dict[str, dict[Place, int]] = {name: {} for name in LEARNERS}
        self.known: dict[str, set[Place]] = {name: set() for name in LEARNERS}
        self.drifting: dict[str, set[Place]] = {name: set() for name in LEARNERS}

    def teardown(self) -> None:
        for store in self.stores.values():
            store.close()
        self.folder.cleanup()

    def plan(self, name: str) -> Plan:
        here, wants = self.here[name], self.wants[name]
        slots: dict[Slot, int | None] = {slot: staff for (_, slot), staff in sorted(wants.items())}
        wanted = here.declared({LEARNERS[name]: slots})
        observed = here.observe(wanted)
        sites = wanted.by_site(TARGET, observed.misids)
        held = StoreSnapshot(recorded_at(here.store, sites), seen=seen_at(here.store, sites))
        return complete_plan(wanted, observed, held, Conditions(TARGET, here.clock.now()))

    # -------------------------------------------------------------- what people do

    @rule(changes=st.lists(drawn, min_size=1, max_size=4))
    def somebody_edits_onefile(self, changes: list[tuple[Place, int | None]]) -> None:
        for place, staff in changes:
            if evidence.holders(self.world).get(place) != staff:
                self.here["north"].edit(edit_of(place, staff))

    @rule(name=repositories, changes=st.lists(drawn, min_size=2, max_size=6))
    def somebody_edits_the_files(self, name: str, changes: list[tuple[Place, int | None]]) -> None:
        for place, staff in changes:
            if staff is not None and place[0] == LEARNERS[name] and self.wants[name].get(place) != staff:
                self.wants[name][place] = staff
                self.known[name].discard(place)

    @rule(name=repositories)
    def somebody_declares_what_onefile_holds(self, name: str) -> None:
        held = evidence.holders(self.world)
        for place, _ in READ:
            if place[0] == LEARNERS[name] and (staff := held.get(place)) is not None:
                if self.wants[name].get(place) != staff:
                    self.known[name].discard(place)
                self.wants[name][place] = staff

    @rule(fields=st.sets(st.sampled_from(VANISHING)))
    def fields_vanish_or_come_back(self, fields: set[str]) -> None:
        for here in self.here.values():
            here.service.switches = Switches.parse(sorted(fields))

    # -------------------------------------------------------------- what we do

    @rule(name=repositories)
    def apply(self, name: str) -> None:
        plan = self.plan(name)
        if plan.changes:
            self.here[name].apply(plan)
            self._note(name, plan)

    @rule(name=repositories)
    def look(self, name: str) -> None:
        """As `drift` does: every slot that does not hold what is declared is told of, or is not vouched for."""
        plan = self.plan(name)
        store, held = self.stores[name], evidence.holders(self.world)
        unseen = {place_of(change) for change in plan.watch.unseen}
        assert len(unseen) == plan.watch.not_shown
        rows = {place_of(change): change for change in plan.changes}
        for place, staff in self.wants[name].items():
            change = rows[place]
            if held.get(place) != staff:
                assert place in unseen or change.action != "no-op" or change.held or change.blocked, place
                assert place in unseen or place not in self.known[name] or is_drift(change), place
        seen = {
            place_of(change): Observation(change.before, change.after) for change in plan.changes if is_drift(change)
        }
        observe_issues(store, plan, "drift", seen, endings(plan, drift_ending))
        self.drifting[name] = set(seen) | (self.drifting[name] & unseen)
        watch = note_sightings(store, plan, store.last_event())
        assert watch.watched + len(watch.unwatched) + watch.unseen_count == len(self.wants[name])
        self._note(name, plan)

    def _note(self, name: str, plan: Plan) -> None:
        self.known[name] |= {(user, slot) for rows in plan.as_declared().values() for user, slot, _ in rows}

    # -------------------------------------------------------------- what must hold at any time

    @invariant()
    def what_one_repository_found_stays_open(self) -> None:
        """No run of the other ends it."""
        for name, learner in LEARNERS.items():
            issues = {issue.place for issue in self.stores[name].issues(SITE, "drift") if issue.learner == learner}
            assert issues >= self.drifting[name]


def test_every_slot_is_told_of_or_cannot_be_vouched_for() -> None:
    """A few histories, always the same."""
    usual = settings(
        max_examples=25,
        stateful_step_count=20,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Watching, settings=usual)
