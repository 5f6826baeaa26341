"""Reads that lag behind writes: what was done is not called failed, nothing is written twice, no wait is endless."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.apply.recovery import settle_late
from reconciler.model.operations import State
from reconciler.model.plan import Plan
from reconciler.model.slots import Site, SlotKind
from reconciler.model.structs import replace
from reconciler.onefile.reader import LONGEST_READ_LAG_SECONDS, Reader
from reconciler.store import Store
from tests.apply.parts import DEFAULT, DEFAULTS, EVERYTHING, FIRST, moved, stands, states
from tests.crash.driver import changes
from tests.marks import examples
from tests.worlds import JAMES, KATE, LEARNER, ORGANISATION, ROBIN, START, TARGET, Trial, cut_off, trial

HERE = Site(TARGET, ORGANISATION)
KINDS = st.sets(st.sampled_from(sorted(EVERYTHING)), min_size=1).map(frozenset)
SHORT = st.floats(0.1, LONGEST_READ_LAG_SECONDS - 5)
few = settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@contextmanager
def lagging(seconds: float, *switches: str) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder), *switches) as here:
        here.service.switches = here.service.switches.changed({"read_lag_seconds": seconds})
        yield here


@few
@given(lag=SHORT, learners=st.integers(1, 6), kinds=KINDS)
def test_what_onefile_shows_late_is_done_and_written_once(
    lag: float, learners: int, kinds: frozenset[SlotKind]
) -> None:
    """In one run, whatever it writes and to however many; the run after it finds nothing to do."""
    with lagging(lag) as here:
        wants = moved(here, learners, kinds)
        wanted = here.declared(wants)
        plan = here.plan(wanted)
        applied = here.apply(plan)
        assert states(applied).keys() <= {State.DONE}, [one.detail for one in applied.outcomes]
        assert stands(here, wants)
        assert len(here.writes()) == len(plan.operations)
        assert here.plan(wanted).in_sync
        assert all(row.took_effect and not row.may_show_late for row in here.journal())


@few
@given(
    lag=SHORT, learners=st.integers(2, 6), nth=st.integers(1, 12), kind=st.sampled_from(["drop_after", "error_after"])
)
def test_a_lost_answer_that_onefile_shows_late_is_done(lag: float, learners: int, nth: int, kind: Any) -> None:
    """The rest of its learner follows once it shows, and the other learners do not wait for it."""
    with lagging(lag) as here:
        wants = moved(here, learners, EVERYTHING - {SlotKind.ADDITIONAL})
        plan = here.plan(here.declared(wants))
        here.arm(Fault(kind, "POST", "/User/*/Assign", nth=nth))
        applied = here.apply(plan)
        assert states(applied) == {State.DONE: len(plan.operations)}, [one.detail for one in applied.outcomes]
        assert stands(here, wants)
        assert len(here.writes()) == len(plan.operations)


def test_other_learners_do_not_wait_for_a_lost_answer(tmp_path: Path) -> None:
    """Their writes are sent before the lost one is settled."""
    with trial(tmp_path, "read_lag_seconds=30") as here:
        plan = here.plan(here.declared(moved(here, 6, DEFAULTS)))
        here.arm(Fault("drop_after", "POST", f"/User/{FIRST + 1}"))
        began = here.clock.monotonic()
        here.apply(plan)
        _, late, *others = here.journal()
        assert re.search(r"; OneFile shows the new value, \d+ s later$", late.events[-1].detail)
        for row in others:
            assert row.events[1].at < late.events[-1].at
        assert here.clock.monotonic() - began < 4 * 30


@few
@given(lag=SHORT, nth=st.integers(1, 8), after=st.booleans())
def test_a_run_that_was_cut_off_before_its_read_back_is_settled_by_the_next(lag: float, nth: int, after: bool) -> None:
    """What it wrote and nobody saw is neither drift nor written again."""
    with lagging(lag) as here:
        wants = moved(here, 4, EVERYTHING - {SlotKind.ADDITIONAL})
        wanted = here.declared(wants)
        first = here.plan(wanted)
        with pytest.raises(KeyboardInterrupt):
            here.apply(first, network=cut_off(nth, after=after))
        plan = here.plan(wanted)
        assert "drift" not in {change.reason for change in plan.changes}
        here.apply(plan)
        assert stands(here, wants)
        assert len(here.effects()) == len(first.operations)
        assert here.plan(wanted).in_sync


def test_a_write_that_never_shows_is_failed_within_the_bound_and_holds_up_nobody(tmp_path: Path) -> None:
    """All that wait share one bound: many learners wait no longer than one."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 20, DEFAULTS)))
        began = here.clock.monotonic()
        applied = here.apply(plan, network=lambda inner: _LagsFromNowOn(inner, here))
        assert states(applied) == {State.DONE: 1, State.FAILED: len(plan.operations) - 1}
        assert here.clock.monotonic() - began < 2 * LONGEST_READ_LAG_SECONDS


class _LagsFromNowOn(httpx.AsyncBaseTransport):
    """A network whose server shows the first write at once, and none of the others."""

    def __init__(self, inner: httpx.AsyncBaseTransport, here: Trial) -> None:
        self._inner, self._here = inner, here

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if len(self._here.effects()) == 1 and changes(request.method, request.url.path):
            self._here.service.switches = self._here.service.switches.changed({"read_lag_seconds": 10_000})
        return await self._inner.handle_async_request(request)


def test_the_wait_is_said_once(tmp_path: Path) -> None:
    """With the learner and the longest time."""
    notes: list[str] = []
    with trial(tmp_path, "read_lag_seconds=20") as here:
        plan = here.plan(here.declared(moved(here, 3, DEFAULTS)))
        here.notify = notes.append
        here.apply(plan)
    assert len(notes) == 1
    assert "OneFile still shows the old value of learner 200001 after a write" in notes[0]


def test_without_a_read_lag_an_old_value_is_a_failure_at_once(tmp_path: Path) -> None:
    """For a centre that knows its server."""
    with trial(tmp_path, "read_lag_seconds=20") as here:
        here.longest_read_lag_seconds = 0
        plan = here.plan(here.declared({LEARNER: {DEFAULT: JAMES}}))
        began = here.clock.monotonic()
        assert states(here.apply(plan)) == {State.FAILED: 1}
        assert here.clock.monotonic() - began < 5


def test_a_write_that_shows_only_after_the_bound_is_done_in_the_history_of_its_run(tmp_path: Path) -> None:
    """Once a plan's reading shows it; its failure stays among the events."""
    with trial(tmp_path, "read_lag_seconds=100") as here:
        wanted = here.declared({LEARNER: {DEFAULT: JAMES}})
        assert states(here.apply(here.plan(wanted))) == {State.FAILED: 1}
        (row,) = here.journal()
        assert row.may_show_late
        here.service.switches = here.service.switches.changed({"read_lag_seconds": 0})
        plan = _later(here, here.plan(wanted))
        assert plan.in_sync
        settle_late(here.store, HERE, plan)
        (row,) = here.journal()
        assert [event.state for event in row.events][-2:] == [State.FAILED, State.DONE]
        assert here.store.recorded(HERE) == {(LEARNER, DEFAULT): JAMES}


def test_a_failure_stays_one_if_somebody_else_holds_the_slot(tmp_path: Path) -> None:
    """Or if OneFile still shows the old value."""
    for holder in (ROBIN, KATE):
        with lagging(100) as here:
            wanted = here.declared({LEARNER: {DEFAULT: JAMES}})
            here.apply(here.plan(wanted))
            here.service.switches = here.service.switches.changed({"read_lag_seconds": 0})
            here.edit({"user": LEARNER, "set": {"DefaultAssessorID": holder}})
            settle_late(here.store, HERE, _later(here, here.plan(wanted)))
            assert here.journal()[0].state is State.FAILED


def _later(here: Trial, plan: Plan) -> Plan:
    """The plan as if it had been made now by the store's clock, which is not the trial's."""
    return replace(plan, created_at=here.store.now())


def test_readings_of_a_reader_have_the_default_bound() -> None:
    """A minute."""
    assert Reader.__dataclass_fields__["longest_read_lag_seconds"].default == 60


@few
@given(
    lag=SHORT, learners=st.integers(1, 4), kinds=KINDS, saved=st.booleans(), random=st.randoms(use_true_random=False)
)
def test_no_reading_that_is_older_than_our_own_writes_counts(
    lag: float, learners: int, kinds: frozenset[SlotKind], saved: bool, random: Random
) -> None:
    """Neither for a plan nor for an apply, also if they were read back and the next answer is older."""
    with lagging(0) as here:
        wants = moved(here, learners, kinds - {SlotKind.ADDITIONAL})
        held = {user: here.held(user) for user in wants}
        before = {user: {slot: held[user][slot] for slot in slots if held[user][slot]} for user, slots in wants.items()}
        replays = here.network = _Replays(here, lag, random).over
        back = here.plan(here.declared(before))
        assert back.in_sync
        here.apply(here.plan(here.declared(wants)))
        assert here.plan(here.declared(wants)).in_sync
        here.network = None if saved else replays
        back = here.plan(here.declared(before))
        here.network = replays
        assert states(here.apply(back)).keys() <= {State.DONE}
        assert stands(here, before)


class _Replays(httpx.AsyncBaseTransport):
    """A network that gives some of its answers again, for some seconds, as another server that lags would."""

    def __init__(self, here: Trial, lag: float, random: Random) -> None:
        self._here, self._lag, self._random = here, lag, random
        self._answers: dict[tuple[str, str, bytes], tuple[float, int, bytes]] = {}

    def over(self, inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        """Begin a session; the answers are those of all."""
        self._inner = inner
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if changes(request.method, request.url.path):
            return await self._inner.handle_async_request(request)
        key, now = (request.method, request.url.path, request.content), self._here.clock.monotonic()
        taken, status, content = self._answers.get(key, (float("-inf"), 0, b""))
        if now - taken < self._lag and self._random.random() < 0.5:
            return httpx.Response(status, content=content, request=request)
        answer = await self._inner.handle_async_request(request)
        if now - taken >= self._lag:
            self._answers[key] = now, answer.status_code, await answer.aread()
        return answer


def test_a_reading_that_is_older_than_one_write_is_believed_for_none(tmp_path: Path) -> None:
    """Also for writes that were made so long before that nothing else is known to lag behind them."""
    clock = VirtualClock(START)
    with Store.open(str(tmp_path / "store.db"), clock=clock) as store:
        here = Trial(World.create(learners=24), Switches(), store, clock)
        wants = moved(here, 2, DEFAULTS)
        first, both = dict(list(wants.items())[:1]), here.declared(wants)
        older = _Older()
        here.network = older.kept_by
        here.plan(both)
        here.network = None
        here.apply(here.plan(here.declared(first)))
        asyncio.run(clock.sleep(10 * LONGEST_READ_LAG_SECONDS))
        here.apply(here.plan(both))
        here.network = older.given_by
        assert here.plan(both).in_sync
        assert older.answers == {}


class _Older(httpx.AsyncBaseTransport):
    """A network that keeps the answers to readings, and one that gives each of them once more instead of a new one."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, bytes], tuple[int, bytes]] = {}

    def kept_by(self, inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        self._inner, self._keeps = inner, True
        return self

    def given_by(self, inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        self._inner, self._keeps = inner, False
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        key = (request.method, request.url.path, request.content)
        if not self._keeps and key in self.answers:
            status, content = self.answers.pop(key)
            return httpx.Response(status, content=content, request=request)
        answer = await self._inner.handle_async_request(request)
        if self._keeps:
            self.answers[key] = answer.status_code, await answer.aread()
        return answer
