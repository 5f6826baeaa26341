"""Together, all processes of an account make at most `limit` calls in any window of 60 seconds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.clock import SystemClock
from reconciler.store import Ledger, Store
from tests.store.parts import CALLS, LIMIT, WINDOW, HandClock, Processes, hammer

ACCOUNTS = itertools.count()


def spend(ledger: Ledger, limit: int) -> int:
    reservation = ledger.reserve(limit)
    assert reservation.id is not None
    assert reservation.wait_seconds == 0
    return reservation.id


def test_a_call_counts_until_a_minute_after_its_answer(store: Store, clock: HandClock) -> None:
    """Not from its sending: the server may have counted it as late as its answer."""
    ledger = store.ledger("account")
    call = spend(ledger, 1)
    clock.forward(20)
    ledger.settle(call)
    clock.forward(59.5)
    assert ledger.reserve(1) == (None, 0.501)
    clock.forward(0.5)
    assert ledger.spent() == 1
    clock.forward(0.001)
    assert ledger.spent() == 0
    spend(ledger, 1)


def test_a_call_in_flight_may_be_answered_any_moment(store: Store, clock: HandClock) -> None:
    """So the wait is at least a minute from now, and never so long as to oversleep the free place."""
    ledger = store.ledger("account")
    spend(ledger, 1)
    clock.forward(30)
    assert ledger.reserve(1) == (None, 60.001)


def test_a_reservation_never_settled_counts_for_three_minutes(store: Store, clock: HandClock) -> None:
    """Its process died; 120 seconds is how long an answer may take, and then a minute passes as for any call."""
    ledger = store.ledger("account")
    spend(ledger, 1)
    clock.forward(150)
    assert ledger.reserve(1) == (None, 30.001)
    clock.forward(30.001)
    spend(ledger, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    back=st.integers(0, 10**8),
    calls=st.lists(st.booleans(), max_size=5),
    pause=st.none() | st.integers(1, 900),
)
def test_a_clock_that_is_set_back_costs_at_most_the_usual_wait(
    store: Store, clock: HandClock, back: int, calls: list[bool], pause: int | None
) -> None:
    """Years in the future or a second: calls count from now, a pause is no longer than any, and both are noted."""
    ledger = store.ledger(f"account-{next(ACCOUNTS)}")
    for is_settled in calls:
        id_ = spend(ledger, 10)
        if is_settled:
            ledger.settle(id_)
    if pause:
        ledger.pause(pause)
    clock.forward(-back)
    waited, limit = 0.0, max(1, len(calls))
    while (reservation := ledger.reserve(limit)).id is None:
        waited += reservation.wait_seconds
        clock.forward(reservation.wait_seconds)
    assert waited <= (901 if pause else 0) + 182
    assert bool(ledger.corrected) == bool((calls and back > 1) or (pause and pause + back > 901))


def test_an_answer_that_came_too_late_counts_after_all(store: Store, clock: HandClock) -> None:
    """The server did count the call, so the window does too."""
    ledger = store.ledger("account")
    call = spend(ledger, 2)
    clock.forward(200)
    ledger.settle(spend(ledger, 2))
    ledger.settle(call)
    assert ledger.spent() == 2


def test_waiting_as_told_is_enough(store: Store, clock: HandClock) -> None:
    """A process that waits for the time named gets its call, and the wait is for the place that frees first."""
    ledger = store.ledger("account")
    for _ in range(3):
        ledger.settle(spend(ledger, 3))
        clock.forward(1.0001)
    wait = ledger.reserve(3).wait_seconds
    assert wait == pytest.approx(60 - 3 * 1.0001, abs=0.002)
    clock.forward(wait)
    spend(ledger, 3)
    assert ledger.reserve(2).wait_seconds > ledger.reserve(3).wait_seconds > 0


def test_a_pause_stops_everybody_until_its_end(store: Store, clock: HandClock) -> None:
    """A 429 seen by one process is news for all; a shorter pause does not cut a longer one short."""
    ledger = store.ledger("account")
    ledger.pause(30)
    ledger.pause(10)
    assert store.ledger("account").reserve(5) == (None, 30.001)
    ledger.pause(45)
    assert ledger.reserve(5) == (None, 45.001)
    clock.forward(45)
    spend(ledger, 5)


def test_accounts_do_not_share(store: Store) -> None:
    """Each customer token has its own allowance, and its own pauses."""
    store.ledger("one").pause(60)
    spend(store.ledger("two"), 1)
    spend(store.ledger("three"), 1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 3),
    steps=st.lists(st.tuples(st.floats(0, 40), st.floats(0, 70), st.booleans()), min_size=1, max_size=12),
)
def test_no_window_ever_holds_more_than_the_limit(
    store: Store, clock: HandClock, limit: int, steps: list[tuple[float, float, bool]]
) -> None:
    """Whenever calls are made, answered or lost, and whenever the server counted them on the way."""
    ledger = store.ledger(f"account {clock.now()}")
    clock.forward(600)
    spans = []
    for wait, answer_seconds, answered in steps:
        clock.forward(wait)
        reservation = ledger.reserve(limit)
        while reservation.id is None:
            clock.forward(reservation.wait_seconds)
            reservation = ledger.reserve(limit)
        start = clock.monotonic()
        clock.forward(answer_seconds)
        if answered:
            ledger.settle(reservation.id)
        spans.append((start, clock.monotonic()))
    for (_, counted), (start, _) in zip(spans, spans[limit:], strict=False):
        assert start > counted + 60


def test_real_processes_together_keep_to_the_limit(url: str) -> None:
    """Three processes ask as fast as they can, and one more dies with a reservation in its hand."""
    with Store.open(url, clock=SystemClock()) as store:
        spend(store.ledger("account", window=WINDOW, answer=30.0), LIMIT)
    with Processes(hammer, url, 3) as processes:
        answers = processes.answers()
    moments = sorted(moment for answer in answers if isinstance(answer, list) for moment in answer)
    assert len(moments) == 3 * CALLS
    left = LIMIT - 1  # the dead one's place is taken throughout
    assert all(late - early >= WINDOW for early, late in zip(moments, moments[left:], strict=False))


def test_the_table_of_calls_does_not_grow(store: Store, clock: HandClock) -> None:
    """Calls that left the window are removed by the next reservation."""
    ledger = store.ledger("account")
    for _ in range(5):
        ledger.settle(spend(ledger, 5))
    clock.forward(60.001)
    spend(ledger, 5)
    with ledger._database.reading() as connection:
        assert connection.value("SELECT count(*) FROM calls") == 1


def test_calls_in_flight_are_spent(store: Store, clock: HandClock) -> None:
    """The server may count one before its answer is here; one never answered is given up in the end."""
    ledger = store.ledger("account")
    first, second = spend(ledger, 5), spend(ledger, 5)
    assert ledger.spent() == 2
    ledger.settle(first)
    assert ledger.spent() == 2
    clock.forward(60.001)
    assert ledger.spent() == 1
    clock.forward(120)
    assert (ledger.spent(), second) == (0, second)


@pytest.mark.parametrize("calls", [100, 5_000])
def test_a_place_takes_as_many_steps_whatever_is_in_the_window(store: Store, clock: HandClock, calls: int) -> None:
    """SQLite counts its own steps: neither a place nor the wait for one looks at every call."""
    ledger = store.ledger("account")
    if ledger._database.is_postgresql:
        pytest.skip("PostgreSQL does not count its steps")
    rows = [{"account": "account", "reserved": clock.now(), "settled": clock.now(), "leaves": clock.now()}] * calls
    with ledger._database.writing() as connection:
        connection.insert("calls", rows)
        connection.insert("budgets", [{"account": "account", "calls": calls}])
    steps = []
    with ledger._database.reading() as connection:
        connection.driver.set_progress_handler(lambda: steps.append(1), 100)
    spend(ledger, calls + 1)
    assert ledger.reserve(calls + 1).id is None
    assert len(steps) < 20
