"""One run at a time writes to an organisation; a dead one does not keep it for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.clock import SystemClock
from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind
from reconciler.problems import ExitCode, Locked
from reconciler.store import Store
from reconciler.store.connection import moment
from tests.store.parts import KATE, LEARNER, NOON, HandClock, Processes, acquire, aim, begin, take_lock


def test_a_second_taker_is_told_who_holds_the_lock(store: Store) -> None:
    """Holder, host, command, run, since when and until when: enough to go and ask."""
    run = begin(store)
    lease = acquire(store, run=run, seconds=90)
    with pytest.raises(Locked) as refused:
        acquire(store, holder="james")
    (problem,) = refused.value.problems
    assert problem.what == (
        f"another run holds the lock: kate on desk, `reconciler apply`, run {run}, "
        "since 2026-11-23 12:00:00 UTC, until 2026-11-23 12:01:30 UTC unless renewed"
    )
    assert refused.value.exit_code is ExitCode.LOCKED
    assert store.holder(Site("sandbox", 5740)) == lease
    assert lease.until == NOON + timedelta(seconds=90)


def test_of_real_processes_exactly_one_gets_the_lock(url: str) -> None:
    """All ask at the same moment; the lock outlives the winner's process, as its lease has not lapsed."""
    with Processes(take_lock, url, 4) as processes:
        won = [token for token in processes.answers() if token]
    with Store.open(url, clock=SystemClock()) as store:
        holder = store.holder(Site("sandbox", 5740))
    assert len(won) == 1
    assert holder
    assert holder.token == won[0]


def test_each_organisation_of_each_target_has_its_own_lock(store: Store) -> None:
    """Runs that cannot meet do not wait for each other."""
    acquire(store)
    for target, organisation in (("sandbox", 1), ("live", 5740)):
        assert store.holder(Site(target, organisation)) is None
        store.acquire(Site(target, organisation), holder="j", host="h", command="c", run=None, lease_seconds=60)


def test_a_released_lock_is_free(store: Store) -> None:
    """The next taker takes over from nobody."""
    store.release(acquire(store, run=begin(store)))
    assert store.holder(Site("sandbox", 5740)) is None
    assert acquire(store).taken_over_from is None


@pytest.mark.parametrize("years", [1, 50])
def test_a_lease_in_the_future_is_shortened_and_said(store: Store, clock: HandClock, years: int) -> None:
    """The clock was wrong when a run took it, and was set back: the dead run's lease still ends after one lease."""
    clock.forward(years * 31_536_000)
    dead = acquire(store, run=begin(store), seconds=90)
    clock.forward(-years * 31_536_000)
    with pytest.raises(Locked, match="the clock was set back, and was shortened"):
        acquire(store)
    with pytest.raises(Locked, match=r"12:01:30 UTC unless renewed\n"):
        acquire(store)
    clock.forward(60)
    store.renew(dead)  # its holder was alive after all
    clock.forward(60)
    with pytest.raises(Locked):
        acquire(store)
    clock.forward(31)
    assert acquire(store).taken_over_from == dead.run


def test_a_lapsed_lease_is_taken_over_and_names_the_dead_run(store: Store, clock: HandClock) -> None:
    """To the second: until then it holds, from then on it does not."""
    dead = begin(store)
    acquire(store, run=dead, seconds=60)
    clock.forward(59)
    with pytest.raises(Locked):
        acquire(store)
    clock.forward(1)
    assert store.holder(Site("sandbox", 5740)) is None
    assert acquire(store, run=begin(store)).taken_over_from == dead


def test_a_renewed_lease_holds_for_its_whole_length_again(store: Store, clock: HandClock) -> None:
    """A run that works for hours keeps its lock with a short lease."""
    lease = acquire(store, seconds=60)
    for _ in range(3):
        clock.forward(59)
        store.renew(lease)
    clock.forward(59)
    with pytest.raises(Locked):
        acquire(store)


def test_a_lapsed_lease_cannot_be_renewed_even_if_nobody_took_it(store: Store, clock: HandClock) -> None:
    """A process that was suspended for so long writes nothing more and records nothing."""
    run = begin(store)
    store.plan_operations(run, [aim(1)])
    lease = acquire(store, run=run, seconds=60)
    clock.forward(60)
    slot = (LEARNER, Slot(SlotKind.DEFAULT_ASSESSOR), KATE)
    for attempt in (
        lambda: store.renew(lease),
        lambda: store.append(run, aim(1).id, State.DONE),
        lambda: store.plan_operations(run, [aim(2)]),
        lambda: store.record(Site("sandbox", 5740), [slot], run=run),
    ):
        with pytest.raises(Locked, match="expired at 2026-11-23 12:01:00 UTC, because this process did not run"):
            attempt()
    assert store.recorded(Site("sandbox", 5740)) == {} and store.journal(run)[0].state is State.INTENT
    store.release(lease)
    store.append(run, aim(1).id, State.NOT_TRIED)  # the next run, which holds the lock, settles it


def test_another_process_that_took_the_lock_keeps_the_loser_from_recording(url: str, clock: HandClock) -> None:
    """The newer run has settled what was open, and a late outcome would overrule it."""
    with Store.open(url, clock=clock) as suspended, Store.open(url, clock=clock) as other:
        run = begin(suspended)
        acquire(suspended, run=run, seconds=60)
        suspended.plan_operations(run, [aim(1)])
        clock.forward(61)
        acquire(other, run=begin(other), holder="james")
        other.append(run, aim(1).id, State.FAILED)
        with pytest.raises(Locked, match="now it is held by james"):
            suspended.append(run, aim(1).id, State.DONE)
        assert other.journal(run)[0].state is State.FAILED


def test_a_run_whose_lock_was_taken_over_learns_it_and_cannot_release_it(store: Store, clock: HandClock) -> None:
    """It must write nothing more, and the new holder keeps the lock."""
    lost = acquire(store, seconds=60)
    clock.forward(60)
    ours = acquire(store, holder="james")
    with pytest.raises(Locked, match="now it is held by james on desk"):
        store.renew(lost)
    store.release(lost)
    holder = store.holder(Site("sandbox", 5740))
    assert holder
    assert holder.token == ours.token


def test_a_broken_lock_is_free_and_noted_for_ever(store: Store) -> None:
    """Who broke whose lock, and why; the loser learns of it at the next renewal."""
    run = begin(store)
    lease = acquire(store, run=run)
    assert store.break_lock(Site("sandbox", 5740), by="james", reason="runner was deleted") == lease
    assert store.break_lock(Site("sandbox", 5740), by="james", reason="again") is None
    with pytest.raises(Locked, match="this run's lock is lost"):
        store.renew(lease)
    with store._database.reading() as connection:
        (note,) = connection.rows('SELECT "by", reason, holder, run, at FROM lock_breaks')
    assert note == ("james", "runner was deleted", "kate", run, NOON.timestamp()) and moment(note[-1]) == NOON
    assert acquire(store).taken_over_from is None


class SlowClock(SystemClock):
    """A machine whose clock is a year behind."""

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(days=365)


def test_only_the_very_lease_that_was_judged_dead_is_broken(store: Store) -> None:
    """Two runs that see the same dead holder: the second must not break the first one's new lock."""
    run = begin(store)
    dead = acquire(store, run=run)
    assert store.break_lock(Site("sandbox", 5740), by="james", reason="dead", token=dead.token) == dead
    ours = acquire(store, run=run)
    assert store.break_lock(Site("sandbox", 5740), by="priya", reason="dead", token=dead.token) is None
    store.renew(ours)


def test_postgresql_goes_by_its_own_clock(postgres_url: str) -> None:
    """Of two machines whose clocks differ, neither takes the other's living lease."""
    with Store.open(postgres_url, clock=SystemClock()) as right, Store.open(postgres_url, clock=SlowClock()) as slow:
        lease = acquire(slow)
        assert abs(lease.since - datetime.now(UTC)) < timedelta(days=1)
        with pytest.raises(Locked):
            acquire(right)
