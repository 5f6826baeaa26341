"""The journal tells, after any end of any run, what was meant, what was sent and what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.operations import Move, SetDefaults, State
from reconciler.model.slots import Site, Unread, UserId
from reconciler.problems import StoreError
from reconciler.store import Event, JournalOperation, Store
from tests.store.parts import (
    JAMES,
    KATE,
    LEARNER,
    NOON,
    PRIYA,
    HandClock,
    acquire,
    aim,
    begin,
    defaults,
    examples,
    unit,
)

FINISHED = [State.DONE, State.ALREADY_DONE, State.FAILED, State.CONFLICT, State.NOT_TRIED, State.UNKNOWN]


def unknown(store: Store) -> list[tuple[int, str]]:
    return [(row.run, row.operation.id) for row in store.unknown(Site("sandbox", 5740))]


def left_open(store: Store) -> list[tuple[int, str]]:
    return [(row.run, row.operation.id) for row in store.open_operations(Site("sandbox", 5740))]


def journal_one(store: Store, operation: JournalOperation, *states: State) -> int:
    run = begin(store)
    store.plan_operations(run, [operation])
    for state in states:
        store.append(run, operation.id, state)
    return run


# ------------------------------------------------------------------ runs


def test_runs_come_back_newest_first_with_their_ends(store: Store, clock: HandClock) -> None:
    """A run that was cut off has no end; one that ended has its exit code, time and counts."""
    first, second = begin(store), begin(store, target="live")
    clock.forward(90)
    store.end_run(first, exit_code=7, summary={"done": 3, "failed": 1})
    newest, oldest = store.runs()
    assert (newest.id, newest.ended, newest.exit_code, newest.summary) == (second, None, None, {})
    assert (oldest.id, oldest.exit_code, oldest.summary) == (first, 7, {"done": 3, "failed": 1})
    assert oldest.started == NOON
    assert oldest.ended == NOON + timedelta(seconds=90)
    assert (oldest.who, oldest.commit, oldest.command, oldest.organisation) == ("kate", "0123abc", "apply", 5740)
    assert store.runs(target="sandbox") == (oldest,)
    assert store.runs(limit=1) == (newest,)
    assert store.run(first) == oldest
    assert store.run(999) is None


def test_a_run_ends_once(store: Store) -> None:
    """A second end would rewrite history, so it is refused."""
    run = begin(store)
    store.end_run(run, exit_code=0, summary={})
    with pytest.raises(StoreError):
        store.end_run(run, exit_code=1, summary={})
    (row,) = store.runs()
    assert row.exit_code == 0


# ------------------------------------------------------------------ operations and events


def test_operations_come_back_in_order_and_exactly(store: Store) -> None:
    """Ids, moves, request and body are what was planned: unit "123" is still text, unread is still unread."""
    odd = SetDefaults(LEARNER, Move(Unread.UNREADABLE, JAMES))
    planned = [
        defaults(),
        aim(41242),
        unit("123"),
        JournalOperation.of(odd, method="POST", path="/User/200004", body={"Note": "a\0b – ”", "Deep": [None, 1]}),
    ]
    run = begin(store)
    store.plan_operations(run, planned)
    rows = store.journal(run)
    assert [row.operation for row in rows] == planned
    assert [row.sequence for row in rows] == [1, 2, 3, 4]
    assert {row.state for row in rows} == {State.INTENT}


def test_a_run_without_operations_has_an_empty_journal(store: Store) -> None:
    """Nothing to write is not an error."""
    run = begin(store)
    store.plan_operations(run, [])
    assert store.journal(run) == ()


def test_writes_to_more_learners_than_a_statement_takes_come_back_newest_first(store: Store) -> None:
    """PostgreSQL takes 65,535 values in one statement; a centre may have more learners."""
    written = [70_000, 1, 40_000, 70_000]
    meant = [SetDefaults(UserId(learner), Move(None, KATE)) for learner in written]
    runs = [journal_one(store, JournalOperation.of(each, method="POST", path="/", body={})) for each in meant]
    rows = store.writes_to([UserId(learner) for learner in range(70_001)], target="sandbox")
    assert [(run.id, row.run) for run, row in rows] == [(run, run) for run in reversed(runs)]
    assert [row.operation.learner for _, row in rows] == written[::-1]
    assert store.writes_to([UserId(1), UserId(1)]) == rows[2:3]
    assert store.writes_to([]) == store.writes_to([UserId(2)]) == ()


def test_an_operation_stands_where_its_latest_event_says(url: str, store: Store) -> None:
    """Every event is kept in order, and the latest is the state."""
    planned = [aim(1), aim(2), unit("KS_COMM1")]

    @settings(max_examples=examples(25, url))
    @given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(list(State)), st.text(max_size=20)), max_size=12))
    def law(steps: list[tuple[int, State, str]]) -> None:
        run = begin(store)
        store.plan_operations(run, planned)
        expected = {operation.id: [State.INTENT] for operation in planned}
        for which, state, detail in steps:
            store.append(run, planned[which].id, state, detail=detail)
            expected[planned[which].id].append(state)
        rows = store.journal(run)
        assert {row.operation.id: [event.state for event in row.events] for row in rows} == expected
        assert all(row.state is row.events[-1].state for row in rows)

    law()


def test_an_event_keeps_its_hour_detail_and_proof(store: Store, clock: HandClock) -> None:
    """What a report needs to say how an operation ended."""
    run = journal_one(store, aim(1))
    clock.forward(2.5)
    store.append(run, aim(1).id, State.DONE, detail="HTTP 200", proof="read_back")
    (row,) = store.journal(run)
    assert row.events[-1] == Event(NOON + timedelta(seconds=2.5), State.DONE, "HTTP 200", "read_back")


def test_words_that_no_database_holds_are_kept_as_marks(store: Store) -> None:
    """A server's answer may contain anything; it must not keep the outcome from being journalled."""
    run = journal_one(store, aim(1))
    store.append(run, aim(1).id, State.FAILED, detail="bad\0 \ud800 answer")
    (row,) = store.journal(run)
    assert row.events[-1].detail == "bad\ufffd ? answer"


def test_an_event_needs_an_operation_that_was_planned(store: Store) -> None:
    """Nothing is sent that was not journalled first, so such an event is a fault and is refused."""
    run = begin(store)
    with pytest.raises(StoreError):
        store.append(run, "no such id", State.DONE)


def test_the_same_operation_is_not_planned_twice_in_a_run(store: Store) -> None:
    """All or nothing: the first of a refused batch is not kept either."""
    run = begin(store)
    with pytest.raises(StoreError):
        store.plan_operations(run, [aim(1), aim(1)])
    assert store.journal(run) == ()


# ------------------------------------------------------------------ what the next run must settle


@pytest.mark.parametrize("events", [(), (State.SENT,)], ids=["intent", "sent"])
def test_a_dead_run_leaves_its_operations_open(store: Store, events: tuple[State, ...]) -> None:
    """Intent and sent are what a cut leaves behind; the next run finds them whether or not the run was ended."""
    run = journal_one(store, aim(1), *events)
    assert left_open(store) == [(run, aim(1).id)]
    store.end_run(run, exit_code=1, summary={})
    assert left_open(store) == [(run, aim(1).id)]


@pytest.mark.parametrize("state", FINISHED)
def test_a_finished_operation_is_not_open(store: Store, state: State) -> None:
    """Every outcome closes it."""
    journal_one(store, aim(1), State.SENT, state)
    assert left_open(store) == []


def test_the_living_run_is_not_asked_to_settle_itself(store: Store, clock: HandClock) -> None:
    """The run that holds the lock is at work; once its lease has lapsed it is dead."""
    run = journal_one(store, aim(1), State.SENT)
    acquire(store, run=run, seconds=60)
    assert left_open(store) == []
    clock.forward(60)
    assert left_open(store) == [(run, aim(1).id)]


def test_other_targets_and_organisations_keep_their_own_journal(store: Store) -> None:
    """The sandbox's open operations are no business of the live organisation's run."""
    for target, organisation in (("live", 5740), ("sandbox", 1)):
        run = begin(store, target=target, organisation=organisation)
        store.plan_operations(run, [aim(1), aim(2)])
        store.append(run, aim(2).id, State.UNKNOWN)
    assert left_open(store) == []
    assert unknown(store) == []


def test_settling_an_earlier_run_closes_its_operation(store: Store) -> None:
    """The next run appends to the dead run's journal, which then is as if it had ended in order."""
    run = journal_one(store, aim(1), State.SENT)
    begin(store)
    store.append(run, aim(1).id, State.DONE, detail="settled by reading", proof="read_back")
    assert left_open(store) == []
    assert [event.state for event in store.journal(run)[0].events] == [State.INTENT, State.SENT, State.DONE]


# ------------------------------------------------------------------ what nobody knows


def test_an_unknown_stays_until_it_is_resolved(store: Store) -> None:
    """Ended runs and other slots' outcomes do not make it known."""
    run = journal_one(store, aim(1), State.SENT, State.UNKNOWN)
    store.end_run(run, exit_code=7, summary={"unknown": 1})
    journal_one(store, aim(2), State.DONE)
    journal_one(store, aim(1, learner=UserId(200005)), State.DONE)
    assert unknown(store) == [(run, aim(1).id)]


@pytest.mark.parametrize("state", [State.DONE, State.ALREADY_DONE, State.CONFLICT])
def test_a_later_run_that_knows_the_slot_resolves_it(store: Store, state: State) -> None:
    """Written, found written, or found otherwise: the slot's holder is known again, whoever it is."""
    journal_one(store, aim(1), State.UNKNOWN)
    journal_one(store, aim(1, after=PRIYA), State.SENT, state)
    assert unknown(store) == []


@pytest.mark.parametrize("state", [State.INTENT, State.SENT, State.FAILED, State.NOT_TRIED])
def test_a_later_run_that_learnt_nothing_resolves_nothing(store: Store, state: State) -> None:
    """A refused write leaves the slot as unknown as it was."""
    run = journal_one(store, aim(1), State.UNKNOWN)
    journal_one(store, aim(1, after=PRIYA), state)
    assert unknown(store) == [(run, aim(1).id)]


def test_an_operation_of_two_slots_needs_both_resolved(store: Store) -> None:
    """Knowing the default assessor says nothing of the default employer."""
    run = journal_one(store, defaults(), State.UNKNOWN)
    assessor = SetDefaults(LEARNER, assessor=Move(KATE, PRIYA))
    employer = SetDefaults(LEARNER, employer=Move(None, PRIYA))
    both = [JournalOperation.of(each, method="POST", path="/User/200004", body={}) for each in (assessor, employer)]
    journal_one(store, both[0], State.DONE)
    assert unknown(store) == [(run, defaults().id)]
    journal_one(store, both[1], State.DONE)
    assert unknown(store) == []


def test_an_earlier_success_does_not_resolve_a_later_unknown(store: Store) -> None:
    """Only what came afterwards counts."""
    journal_one(store, aim(1), State.DONE)
    run = journal_one(store, aim(1, after=PRIYA), State.UNKNOWN)
    assert unknown(store) == [(run, aim(1, after=PRIYA).id)]


def test_a_failure_is_found_again_until_its_operation_ends_otherwise(store: Store) -> None:
    """By the run that met it, whatever other runs did since."""
    run = journal_one(store, aim(1), State.SENT, State.FAILED)
    journal_one(store, aim(1), State.SENT, State.DONE)
    assert [(row.run, row.operation.id) for row in store.failed(Site("sandbox", 5740))] == [(run, aim(1).id)]
    store.append(run, aim(1).id, State.DONE)
    assert store.failed(Site("sandbox", 5740)) == ()


def test_a_person_resolves_what_no_reading_can(store: Store) -> None:
    """Who said so, and why, stays in the journal."""
    run = journal_one(store, aim(1), State.UNKNOWN)
    store.resolve(run, aim(1).id, State.DONE, by="kate", reason="seen in OneFile")
    assert unknown(store) == []
    assert store.journal(run)[0].events[-1] == Event(NOON, State.DONE, "seen in OneFile (said by kate)")


@pytest.mark.parametrize("state", [State.INTENT, State.DONE, State.FAILED])
def test_nobody_overrules_what_is_known(store: Store, state: State) -> None:
    """Only an unknown operation waits for a person's word."""
    run = journal_one(store, aim(1), state)
    with pytest.raises(StoreError, match=f"is {state}, not unknown"):
        store.resolve(run, aim(1).id, State.DONE, by="kate", reason="a guess")
    with pytest.raises(StoreError, match="no such operation"):
        store.resolve(run, "no such id", State.DONE, by="kate", reason="a guess")
    assert store.journal(run)[0].state is state
