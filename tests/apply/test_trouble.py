"""Whatever breaks on the way, no write is made twice, none is forgotten, and the outcomes tell the truth."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from onefile_sandbox.faults import Fault, Kind
from reconciler.apply.executor import WORKERS
from reconciler.model.declared import Declared
from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind, UserId
from reconciler.problems import Locked, Problem, StoreError, Throttled
from reconciler.runtime.store_snapshot import unsettled
from tests.apply.parts import ADDED, DEFAULT, DEFAULTS, FIRST, moved, stands, states
from tests.worlds import JAMES, KATE, LEARNER, LEE, ORGANISATION, ROBIN, TARGET, Trial, cut_off, trial

AFTER: tuple[Kind, ...] = ("drop_after", "error_after", "cut_length", "html")
BEFORE: tuple[Kind, ...] = ("drop_before", "error_before")
ADDITIONAL = frozenset({SlotKind.ADDITIONAL})


def assign(kind: Kind, nth: int = 1, times: int = 1, path: str = "/User/*/Assign") -> Fault:
    return Fault(kind, "POST", path, nth=nth, times=times)


def default(kind: Kind, nth: int = 1, times: int = 1) -> Fault:
    return assign(kind, nth, times, f"/User/{LEARNER}")


# ------------------------------------------------------------------ lost answers


@pytest.mark.parametrize("kind", AFTER)
def test_a_lost_answer_to_a_write_that_took_effect_is_found_done(tmp_path: Path, kind: Kind) -> None:
    """OneFile is asked what stands there; nothing is sent again."""
    with trial(tmp_path, faults=(default(kind),)) as here:
        applied = here.apply(here.plan(here.declared({LEARNER: {DEFAULT: JAMES}})))
        assert [(one.state, one.proof) for one in applied.outcomes] == [(State.DONE, "read_back")]
        assert applied.outcomes[0].detail.endswith("; OneFile shows the new value")
        assert here.writes() == [f"/User/{LEARNER}"]
        assert here.store.recorded(Site(TARGET, ORGANISATION)) == {(LEARNER, DEFAULT): JAMES}


@pytest.mark.parametrize("kind", BEFORE)
def test_a_lost_answer_to_a_write_without_effect_is_found_failed(tmp_path: Path, kind: Kind) -> None:
    """Not sent again by this run, which cannot know what is still under way; the next one plans and does it."""
    with trial(tmp_path, faults=(default(kind),)) as here:
        wanted = here.declared({LEARNER: {DEFAULT: JAMES}})
        applied = here.apply(here.plan(wanted))
        assert states(applied) == {State.FAILED: 1}
        assert applied.outcomes[0].detail.endswith("; OneFile still shows the old value, 60 s later")
        assert here.held()[DEFAULT] == KATE
        assert len(here.writes()) == 1
        assert states(here.apply(here.plan(wanted))) == {State.DONE: 1}
        assert here.plan(wanted).in_sync


@pytest.mark.parametrize("kind", [*BEFORE, *AFTER])
def test_a_lost_answer_that_no_reading_can_settle_stays_unknown_and_is_not_sent_again(
    tmp_path: Path, kind: Kind
) -> None:
    """Additional people are not shown: a person must look, and until then the plan blocks that slot alone."""
    with trial(tmp_path, faults=(assign(kind),)) as here:
        wanted = here.declared({LEARNER: {ADDED: LEE, DEFAULT: JAMES}})
        plan = here.plan(wanted)
        applied = here.apply(plan)
        assert [one.state for one in applied.outcomes] == [State.UNKNOWN, State.NOT_TRIED]
        assert applied.outcomes[0].detail.endswith("OneFile does not show this slot: a person must look")
        assert applied.outcomes[0].proof == "unreadable"
        assert here.apply(plan).outcomes[0].state is State.NOT_TRIED
        again = here.plan(wanted)
        assert [(row.slot, bool(row.blocked)) for row in again.changes] == [(ADDED, True), (DEFAULT, False)]
        here.apply(again)
        assert Counter(here.writes())[f"/User/{LEE}/Assign"] == 1


@pytest.mark.parametrize("done", [False, True], ids=["before its effect", "after its effect"])
def test_a_lost_answer_whose_slot_somebody_else_moved_is_a_conflict_and_from_then_on_drift(
    tmp_path: Path, done: bool
) -> None:
    """Theirs is newer than ours, whichever came of it: it is left alone, named, and later plans see that it moved."""
    with trial(tmp_path) as here:
        wanted = here.declared({LEARNER: {DEFAULT: JAMES}})
        applied = here.apply(here.plan(wanted), network=lambda inner: _Overtakes(inner, here, done=done))
        (outcome,) = applied.outcomes
        assert outcome.state is State.CONFLICT
        told = f"learner[{LEARNER}].default_assessor: james-fayre-{JAMES} then, robin-tregarth-{ROBIN} now"
        assert outcome.detail.endswith(f"; {told}")
        assert here.held()[DEFAULT] == ROBIN
        assert len(here.writes()) == done
        assert here.store.recorded(Site(TARGET, ORGANISATION)) == {(LEARNER, DEFAULT): JAMES}
        assert [row.reason for row in here.plan(wanted).changes] == ["drift"]


class _Overtakes(httpx.AsyncBaseTransport):
    """A network that loses the answer to the default's write; before we look again, Robin is put there by hand."""

    def __init__(self, inner: httpx.AsyncBaseTransport, here: Trial, *, done: bool) -> None:
        self._inner, self._here, self._done = inner, here, done

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST" or not request.url.path.endswith(f"/User/{LEARNER}"):
            return await self._inner.handle_async_request(request)
        if self._done:
            await self._inner.handle_async_request(request)
        self._here.edit({"user": LEARNER, "set": {"DefaultAssessorID": ROBIN}})
        raise httpx.ReadError("the connection was reset")


def test_a_lost_answer_that_was_found_done_proves_its_kind_and_forgets_no_other(tmp_path: Path) -> None:
    """Three refusals after it are those of three learners, and nobody else has to wait for them."""
    with trial(tmp_path) as here:
        wants = moved(here, 5, DEFAULTS | {SlotKind.LEARNING_AIM_IQA})
        plan = here.plan(here.declared(wants))
        here.arm(assign("drop_after"))  # the first learner's first learning aim, after their default was proven
        for user in range(FIRST + 1, FIRST + 4):
            here.edit({"user": user, "archived": True})
        applied = here.apply(plan)
        for user, states_of in ((FIRST, {State.DONE}), (FIRST + 1, {State.FAILED, State.NOT_TRIED})):
            assert {one.state for one in applied.outcomes if one.operation.learner == user} == states_of
        assert {one.state for one in applied.outcomes if one.operation.learner == FIRST + 4} == {State.DONE}


def test_a_lost_answer_sets_only_its_learner_aside(tmp_path: Path) -> None:
    """The others proceed."""
    with trial(tmp_path, faults=(assign("drop_after", nth=1, path=f"/User/{LEE}/Assign"),)) as here:
        applied = here.apply(here.plan(here.declared(moved(here, 3))))
        by_learner: dict[int, set[State]] = {}
        for outcome in applied.outcomes:
            by_learner.setdefault(outcome.operation.learner, set()).add(outcome.state)
        assert by_learner[FIRST] == {State.UNKNOWN, State.NOT_TRIED}
        assert by_learner[FIRST + 1] == by_learner[FIRST + 2] == {State.DONE}


def test_when_onefile_goes_away_with_a_write_under_way_it_is_unknown_until_the_next_run(tmp_path: Path) -> None:
    """The answer was lost and so is every reading: that write may have been done, and is not said to be untried."""
    with trial(tmp_path) as here:
        wants = moved(here, 4)
        wanted = here.declared(wants)
        plan = here.plan(wanted)
        here.arm(assign("drop_after", nth=6))
        applied = here.apply(plan, network=lambda inner: _GoesAway(inner, 6))
        assert applied.error is not None
        count = states(applied)
        assert count[State.UNKNOWN] == 1
        assert count[State.UNKNOWN] + count[State.DONE] + count[State.NOT_TRIED] == len(plan.operations)
        here.apply(here.plan(wanted))
        assert stands(here, wants)
        assert here.plan(wanted).in_sync
        assert len(here.writes()) == len(here.effects()) == len(plan.operations)


class _GoesAway(httpx.AsyncBaseTransport):
    """A network on which nothing answers once the nth write was sent."""

    def __init__(self, inner: httpx.AsyncBaseTransport, nth: int) -> None:
        self._inner, self._left = inner, nth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._left == 0:
            raise httpx.ConnectError("nobody is there")
        if request.method == "POST" and request.url.path.endswith("/Assign"):
            self._left -= 1
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("kind", ["error_before", "drop_before"])
def test_writes_that_fail_for_everybody_before_any_success_are_not_tried_for_ever(tmp_path: Path, kind: Kind) -> None:
    """A OneFile that takes no writes today is left alone after three of them."""
    with trial(tmp_path, faults=(assign(kind, times=1000, path="/User/2000*"),)) as here:
        applied = here.apply(here.plan(here.declared(moved(here, 8, DEFAULTS))))
        assert states(applied) == {State.FAILED: 3, State.NOT_TRIED: 5}


# ------------------------------------------------------------------ sessions, throttling, trouble between learners


def test_a_session_that_ends_in_the_midst_is_renewed_and_nothing_is_doubled(tmp_path: Path) -> None:
    """The refused call was not done, so it alone is repeated."""
    with trial(tmp_path) as here:
        wants = moved(here, 4)
        plan = here.plan(here.declared(wants))
        here.arm(Fault("expired_session", path="/User/*/Assign", nth=3), Fault("expired_session", nth=30))
        applied = here.apply(plan)
        assert states(applied) == {State.DONE: len(plan.operations)}
        assert stands(here, wants)
        assert len(here.effects()) == len(plan.operations)


def test_too_many_calls_are_waited_out_and_nothing_is_doubled(tmp_path: Path) -> None:
    """A 429 says that nothing was done."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 2)))
        here.arm(Fault("throttle", path="/User/*/Assign", nth=2, times=2, retry_after=7))
        assert states(here.apply(plan)) == {State.DONE: len(plan.operations)}
        assert len(here.effects()) == len(plan.operations)


def test_a_write_that_onefile_puts_off_for_hours_was_not_made_and_ends_the_run(tmp_path: Path) -> None:
    """It says itself that nothing was done; what came before stands, and what would have come after is not tried."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 3, DEFAULTS | {SlotKind.UNIT_IQA})))
        here.arm(Fault("throttle", "POST", "/User/*/Assign", times=100, retry_after=36_000))
        applied = here.apply(plan)
        assert isinstance(applied.error, Throttled)
        put_off = [one for one in applied.outcomes if one.detail.startswith("not sent: ")]
        assert [one.state for one in put_off] == [State.NOT_TRIED]
        assert applied.error.problems[0].what in put_off[0].detail
        assert states(applied)[State.DONE] == len(here.effects())
        assert set(states(applied)) <= {State.DONE, State.NOT_TRIED}
        assert put_off[0].operation in plan.operations


def test_an_error_on_one_learner_does_not_cut_off_anothers_write(tmp_path: Path) -> None:
    """Several learners are written at once. When one of them ends the run, the calls under way are still answered
    and journalled: otherwise nobody would know of them."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 10)))
        here.arm(Fault("latency", "POST", "/User/*", nth=12, times=500, seconds=5))
        applied = here.apply(plan, still_ours=_lost_at(30))
        assert isinstance(applied.error, Locked)
        assert here.clock.monotonic() > 5
        assert states(applied) == {State.DONE: len(here.effects()), State.NOT_TRIED: len(plan.operations) - 29}
        assert not [row for row in here.journal() if row.state in (State.INTENT, State.SENT)]


def test_losing_the_lock_ends_the_writing_before_the_next_call(tmp_path: Path) -> None:
    """Another run may be writing by now."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 4)))
        applied = here.apply(plan, still_ours=_lost_at(5))
        assert isinstance(applied.error, Locked)
        assert len(here.writes()) == 4
        assert states(applied) == {State.DONE: 4, State.NOT_TRIED: len(plan.operations) - 4}
        assert "lock is lost" in applied.outcomes[-1].detail


def _lost_at(nth: int) -> Callable[[], None]:
    """A lock that somebody else has from the nth time that it is looked at."""
    looks = itertools.count(1)

    def still_ours() -> None:
        if next(looks) >= nth:
            raise Locked(Problem("this run's lock is lost", "Run again."))

    return still_ours


def test_a_store_that_fails_in_the_midst_ends_the_run_and_not_the_report(tmp_path: Path) -> None:
    """No write without its journal; and what was done is told although the store would not take it."""
    with trial(tmp_path) as here:
        wants = moved(here, 4)
        wanted = here.declared(wants)
        plan = here.plan(wanted)
        with _no_room_for_events(tmp_path, after=len(plan.operations) + 9):
            applied = here.apply(plan)
        assert isinstance(applied.error, StoreError)
        assert [one.operation for one in applied.outcomes] == list(plan.operations)
        told = states(applied)
        assert told[State.DONE] + told[State.UNKNOWN] == len(here.effects()) > 2
        assert told[State.NOT_TRIED] == len(plan.operations) - len(here.effects())
        here.apply(here.plan(wanted))
        assert len(here.writes()) == len(plan.operations) - len(unsettled(here.store, [Site(TARGET, ORGANISATION)]))


@pytest.mark.parametrize("trying", [State.DONE, State.FAILED])
def test_a_store_that_was_only_busy_has_the_whole_journal_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trying: State
) -> None:
    """It failed once, which ended the run: what was reached by then is journalled as the run closes, just as it was
    found, and so is what was never tried."""
    with trial(tmp_path) as here:
        plan, append = here.plan(here.declared(moved(here, 4))), here.store.append
        here.arm(Fault("error_before", "POST", "/User/*/Assign", nth=3, status=400))
        refused: dict[str, tuple[str, str]] = {}

        def busy_once(run: int, operation: str, state: State, *, detail: str = "", proof: Any = "") -> None:
            if state is trying and (detail or proof) and not refused:
                refused[operation] = (detail, proof)
                raise StoreError(Problem("the store is busy", "Run again.", where="store"))
            append(run, operation, state, detail=detail, proof=proof)

        monkeypatch.setattr(here.store, "append", busy_once)
        applied = here.apply(plan)
        assert isinstance(applied.error, StoreError)
        told = {one.id: (one.state, one.detail, one.proof) for one in applied.outcomes}
        last = {row.operation.id: (row.state, row.events[-1]) for row in here.journal()}
        assert {id: (state, event.detail, event.proof) for id, (state, event) in last.items()} == told
        assert {id: told[id] for id in refused} == {id: (trying, *found) for id, found in refused.items()}
        assert refused


@contextmanager
def _no_room_for_events(folder: Path, after: int) -> Iterator[None]:
    """The store's file takes so many events, and then none."""
    full = f"""CREATE TRIGGER full AFTER INSERT ON events WHEN NEW.id > {after}
               BEGIN SELECT RAISE(ABORT, 'no room'); END"""
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute(full)
        yield
        connection.execute("DROP TRIGGER full")


# ------------------------------------------------------------------ cut off


def die(here: Trial, wanted: Declared, nth: int, *, after: bool) -> None:
    """Plan and apply in a process that ends at the nth write."""
    plan = here.plan(wanted)
    with pytest.raises(KeyboardInterrupt):
        here.apply(plan, network=cut_off(nth, after=after))


SHOWN = frozenset(SlotKind) - {SlotKind.ADDITIONAL, SlotKind.DEFAULT_EMPLOYER}


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize("nth", [1, 2, 5, 9, 20])
def test_a_run_cut_off_at_any_write_is_finished_by_the_next_without_repeating_one(
    tmp_path: Path, nth: int, after: bool
) -> None:
    """At the first canary, among the canaries, or with eight learners at once under way."""
    with trial(tmp_path) as here:
        wants = moved(here, 4, SHOWN)
        wanted = here.declared(wants)
        operations = len(here.plan(wanted).operations)
        die(here, wanted, nth, after=after)
        assert State.SENT in {row.state for row in here.journal()}
        applied = here.apply(here.plan(wanted))
        assert applied.error is None
        assert set(states(applied)) <= {State.DONE, State.ALREADY_DONE}
        assert stands(here, wants)
        assert here.plan(wanted).in_sync
        assert len(here.effects()) == operations
        assert not here.store.open_operations(Site(TARGET, ORGANISATION))


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_a_saved_plan_whose_run_was_cut_off_can_be_applied_again(tmp_path: Path, after: bool) -> None:
    """What was reviewed is finished, without another review."""
    with trial(tmp_path) as here:
        wants = moved(here, 4, SHOWN)
        plan = here.plan(here.declared(wants))
        with pytest.raises(KeyboardInterrupt):
            here.apply(plan, network=cut_off(9, after=after))
        (dead,) = {row.run for row in here.journal()}
        applied = here.apply(plan)
        assert set(states(applied)) == {State.DONE, State.ALREADY_DONE}
        found = {one.detail for one in applied.outcomes if one.state is State.ALREADY_DONE}
        assert f"written by run {dead}, which was cut off" in found
        assert stands(here, wants)
        assert len(here.effects()) == len(plan.operations)


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_an_additional_person_cut_off_is_left_to_a_person_and_never_sent_twice(tmp_path: Path, after: bool) -> None:
    """Nothing can tell whether it was done; everything else of the plan is."""
    with trial(tmp_path, "repeat_assign=duplicate") as here:
        wants = moved(here, 3)
        wanted = here.declared(wants)
        die(here, wanted, 1, after=after)
        applied = here.apply(here.plan(wanted))
        assert set(states(applied)) == {State.DONE}
        assert [list(row.places) for row in here.store.unknown(Site(TARGET, ORGANISATION))] == [[(FIRST, ADDED)]]
        assert here.world.additional.get(FIRST, []) == [LEE] * after
        again = here.plan(wanted)
        assert [(row.learner, row.slot) for row in again.changes if row.blocked] == [(FIRST, ADDED)]
        assert not again.operations


def test_cancelling_a_run_reports_what_was_done(tmp_path: Path) -> None:
    """Ctrl-C: outcomes come all the same, and what was under way is said to be unknown."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 4)))
        applied = here.apply(plan, network=lambda inner: _Cancels(inner, 7))
        assert applied.error is not None
        (problem,) = applied.error.problems
        assert problem.what == "stopped before the end"
        assert problem.fix == ("Run apply again: it settles what was left open by reading OneFile, then does the rest.")
        count = states(applied)
        assert (count[State.DONE], count[State.UNKNOWN]) == (6, 1)
        assert count[State.NOT_TRIED] == len(plan.operations) - 7
        assert sum(row.state is State.SENT for row in here.journal()) == 1


class _Cancels(httpx.AsyncBaseTransport):
    """A network on which the user presses Ctrl-C before the answer of the nth write comes."""

    def __init__(self, inner: httpx.AsyncBaseTransport, nth: int) -> None:
        self._inner, self._left = inner, nth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/Assign") or request.url.path.removeprefix("/api/v2.1/User/").isdigit():
            self._left -= request.method == "POST"
        response = await self._inner.handle_async_request(request)
        if self._left == 0:
            self._left = -1
            for task in asyncio.all_tasks():
                task.cancel()
            await asyncio.sleep(0)
        return response


# ------------------------------------------------------------------ settling


def test_settling_needs_only_readings_and_says_what_it_found(tmp_path: Path) -> None:
    """Done, failed and moved on since: each cut-off write gets the outcome that OneFile shows."""
    with trial(tmp_path) as here:
        aim = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41242)
        for after, now, state, shows in (
            (True, None, State.DONE, "the new value"),
            (False, None, State.FAILED, "still shows the old value"),
            (True, KATE, State.CONFLICT, "neither the old nor the new value"),
        ):
            here.edit({"user": LEARNER, "standard": 41242, "set": {"AssessorID": None}})
            die(here, here.declared({LEARNER: {aim: JAMES}}), 1, after=after)
            cut = here.store.runs(limit=1)[0].id
            if now:
                here.edit({"user": LEARNER, "standard": 41242, "set": {"AssessorID": now}})
            written = len(here.writes())
            here.apply(here.plan(here.declared({})))
            (row,) = here.journal(cut)
            assert (row.state, row.events[-1].proof) == (state, "read_back")
            assert row.events[-1].detail.startswith("the run was cut off while it was sent; OneFile ")
            assert row.events[-1].detail.endswith(shows)
            assert len(here.writes()) == written


@pytest.mark.parametrize("recorded", [False, True], ids=["no answer came", "the answer was recorded"])
def test_what_onefile_does_not_show_is_settled_by_an_answer_that_was_recorded(tmp_path: Path, recorded: bool) -> None:
    """The record is written before the journal: a run that ends between the two leaves a write that is known done."""
    with trial(tmp_path) as here:
        wanted = here.declared({FIRST: {ADDED: LEE}})
        die(here, wanted, 1, after=True)
        cut = here.store.runs(limit=1)[0].id
        if recorded:
            here.store.record(Site(TARGET, ORGANISATION), [(UserId(FIRST), ADDED, LEE)], run=cut)
        here.apply(here.plan(here.declared({})))
        (row,) = here.journal(cut)
        told = (
            "; the answer had come and was recorded" if recorded else ", and OneFile does not show this slot: a person "
        )
        assert row.events[-1].detail.startswith(f"the run was cut off while it was sent{told}")
        assert (row.state, row.events[-1].proof) == (State.DONE if recorded else State.UNKNOWN, "unreadable")
        assert [bool(one.blocked) for one in here.plan(wanted).changes] == [not recorded]


def test_what_was_never_sent_is_settled_without_a_call(tmp_path: Path) -> None:
    """An intent that was not sent was not done."""
    with trial(tmp_path) as here:
        die(here, here.declared(moved(here, 2)), 1, after=False)
        cut = here.store.runs(limit=1)[0].id
        here.apply(here.plan(here.declared({})))
        assert Counter(row.state for row in here.journal(cut))[State.NOT_TRIED] == len(here.journal(cut)) - 1


class _Swallows(httpx.AsyncBaseTransport):
    """A network that carries the first writes, and from then on no answer to one; `reads` are answered or not."""

    def __init__(self, inner: httpx.AsyncBaseTransport, carried: int, *, reads: bool) -> None:
        self._inner, self._left, self._reads = inner, carried, reads

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_write = request.url.path.endswith("/Assign")
        self._left -= is_write
        if self._left >= 0 or (self._reads and not is_write):
            return await self._inner.handle_async_request(request)
        if is_write:
            await self._inner.handle_async_request(request)
        raise httpx.ReadError("the connection was reset")


@pytest.mark.parametrize("reads", [False, True], ids=["nothing is answered", "readings are answered"])
@pytest.mark.parametrize("carried", [0, 1, 9])
def test_writes_that_nothing_can_prove_stop_when_onefile_no_longer_answers(
    tmp_path: Path, carried: int, reads: bool
) -> None:
    """At most those under way are left for a person, not one for each learner."""
    with trial(tmp_path) as here:
        wanted = here.declared(moved(here, 10, ADDITIONAL))
        plan = here.plan(wanted)
        applied = here.apply(plan, network=lambda inner: _Swallows(inner, carried, reads=reads))
        lost = states(applied)[State.UNKNOWN]
        assert len(here.writes()) == carried + lost
        assert 1 <= lost <= (2 if carried == 0 else WORKERS)
        assert states(applied)[State.NOT_TRIED] == 10 - carried - lost
        assert states(here.apply(here.plan(wanted)))[State.DONE] == 10 - carried - lost
        assert len(here.effects()) == len(here.writes()) == 10
