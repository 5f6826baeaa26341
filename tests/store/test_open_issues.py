"""Matters that outlive runs: seen since when, over when, and never two of one slot."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing.connection import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.clock import SystemClock
from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind, Unread, UserId
from reconciler.problems import StoreError
from reconciler.store import Observation, OpenIssue, Store
from tests.store.parts import (
    JAMES,
    KATE,
    LEARNER,
    NOON,
    PRIYA,
    HandClock,
    Processes,
    aim,
    begin,
    defaults,
    examples,
    ready,
)

DEFAULT = Slot(SlotKind.DEFAULT_ASSESSOR)
UNIT, STANDARD = Slot(SlotKind.UNIT_IQA, "123"), Slot(SlotKind.LEARNING_AIM_IQA, 123)
MOVED = Observation(JAMES, KATE)
SEEN = st.dictionaries(st.sampled_from([DEFAULT, UNIT, STANDARD]), st.sampled_from([JAMES, PRIYA]))


def over(_: OpenIssue) -> str:
    return "back"


def look(store: Store, *slots: Slot, sighting: Observation = MOVED) -> tuple[OpenIssue, ...]:
    """A run that looks everywhere and finds these slots moved."""
    return store.observe_issues(Site("sandbox", 5740), "drift", {(LEARNER, slot): sighting for slot in slots}, over)[0]


# ------------------------------------------------------------------ since when


def test_what_is_seen_again_was_first_seen_when_it_was(store: Store, clock: HandClock) -> None:
    """Runs come and go; the episode is one, and says when it was last seen too."""
    (first,) = look(store, DEFAULT)
    clock.forward(3600)
    (again,) = look(store, DEFAULT)
    assert (again.id, again.first_seen, again.last_seen) == (first.id, NOON, NOON + timedelta(hours=1))


def test_what_is_not_seen_again_ends_and_what_comes_back_is_new(store: Store, clock: HandClock) -> None:
    """An age never counts days on which all was well."""
    (first,) = look(store, DEFAULT)
    clock.forward(60)
    open_now, ended = store.observe_issues(Site("sandbox", 5740), "drift", {}, over)
    assert (open_now, [(one.id, one.ending, one.ended) for one in ended]) == (
        (),
        [(first.id, "back", NOON + timedelta(seconds=60))],
    )
    clock.forward(60)
    (second,) = look(store, DEFAULT)
    assert second.id != first.id
    assert second.first_seen == NOON + timedelta(seconds=120)


def test_somebody_else_in_the_slot_is_a_new_episode(store: Store, clock: HandClock) -> None:
    """Whoever moved it again gets their own time of grace."""
    look(store, DEFAULT)
    clock.forward(60)
    (second,) = look(store, DEFAULT, sighting=Observation(PRIYA, KATE))
    assert (second.holder, second.first_seen) == (PRIYA, NOON + timedelta(seconds=60))
    assert len(store.issues(Site("sandbox", 5740), "drift", ended_since=NOON)) == 2


def test_where_a_run_did_not_look_nothing_ends(store: Store) -> None:
    """A run of one cohort says nothing of the others."""
    look(store, DEFAULT, UNIT)
    seen = {(LEARNER, DEFAULT): MOVED}
    open_now, _ = store.observe_issues(Site("sandbox", 5740), "drift", seen, lambda _: "")
    assert {one.slot for one in open_now} == {DEFAULT, UNIT}


def test_matters_targets_and_keys_are_kept_apart(store: Store) -> None:
    """The unit "123" is not the standard 123, a step is not drift, and practice is not live."""
    look(store, UNIT, STANDARD)
    store.observe_issues(Site("sandbox", 5740), "step", {}, over)
    store.observe_issues(Site("live", 5740), "drift", {}, over)
    store.observe_issues(Site("sandbox", 1), "drift", {}, over)
    assert {one.slot for one in store.issues(Site("sandbox", 5740), "drift")} == {UNIT, STANDARD}


@pytest.mark.parametrize("holder", [None, JAMES, *Unread], ids=str)
def test_whoever_stands_there_comes_back_exactly(store: Store, holder: UserId | Unread | None) -> None:
    """Nobody, somebody, or why it is not known."""
    (episode,) = look(store, DEFAULT, sighting=Observation(holder, KATE))
    assert (episode.holder, episode.due) == (holder, KATE)


def test_open_is_what_the_last_run_saw_and_since_the_run_that_saw_it_first(
    url: str, store: Store, clock: HandClock
) -> None:
    """Whatever runs see, the store agrees with the simplest memory that there is."""

    @settings(max_examples=examples(25, url))
    @given(st.lists(SEEN, max_size=6))
    def law(runs: list[dict[Slot, UserId]]) -> None:
        store.observe_issues(Site("sandbox", 5740), "drift", {}, over)
        since: dict[tuple[Slot, UserId], float] = {}
        for found in runs:
            clock.forward(1)
            since = {pair: since.get(pair, clock.monotonic()) for pair in found.items()}
            seen = {(LEARNER, slot): Observation(who, KATE) for slot, who in found.items()}
            open_now, _ = store.observe_issues(Site("sandbox", 5740), "drift", seen, over)
            assert {(one.slot, one.holder): one.first_seen.timestamp() for one in open_now} == since

    law()


# ------------------------------------------------------------------ kept


def test_an_ended_episode_is_never_rewritten(store: Store) -> None:
    """Nor is when one began, and none is removed; the database itself refuses."""
    (episode,) = look(store, DEFAULT)
    for statement in ("UPDATE episodes SET first_seen = 0", "DELETE FROM episodes"):
        with pytest.raises(StoreError, match="append-only"), store._database.writing() as connection:
            connection.execute(statement)
    store.end_issue(episode.id, "said by priya")
    store.end_issue(episode.id, "said by somebody else")
    (kept,) = store.issues(Site("sandbox", 5740), "drift", ended_since=NOON)
    assert kept.ending == "said by priya"
    with pytest.raises(StoreError, match="append-only"), store._database.writing() as connection:
        connection.execute("UPDATE episodes SET ending = ''")


def see_often(line: Connection, url: str) -> None:
    ready(line)
    with Store.open(url, clock=SystemClock()) as store:
        for _ in range(5):
            look(store, DEFAULT, UNIT)
    line.send("done")


def test_runs_that_look_at_once_keep_one_episode(url: str) -> None:
    """Four processes see the same drift at the same time: it is one matter, seen first by one of them."""
    with Processes(see_often, url, 4) as processes:
        assert processes.answers() == ["done"] * 4
    with Store.open(url, clock=SystemClock()) as store:
        kept = store.issues(Site("sandbox", 5740), "drift", ended_since=NOON - timedelta(days=10_000))
    assert sorted(one.slot for one in kept) == sorted([DEFAULT, UNIT])


# ------------------------------------------------------------------ what runs did


def test_the_last_applied_names_its_run(store: Store, clock: HandClock) -> None:
    """Who was put there, by which run, when and at whose wish; of the learners asked for only."""
    run = begin(store)
    store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE), (UserId(1), DEFAULT, None)], run=run)
    clock.forward(60)
    store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE)], run=begin(store))
    applied = store.last_applied(Site("sandbox", 5740), [LEARNER])
    assert {place: (one.staff, one.run, one.at, one.who) for place, one in applied.items()} == {
        (LEARNER, DEFAULT): (KATE, run, NOON, "kate")
    }
    assert len(store.last_applied(Site("sandbox", 5740), [UserId(user) for user in range(1, LEARNER + 1, 100)])) == 1


def test_an_approved_run_is_the_newest_apply_that_did_everything(store: Store) -> None:
    """Steps for people may be open; a failure, a conflict, another command or no end do not count."""
    ends = [("apply", 0, {"done": 1}), ("apply", 7, {"already_done": 2}), ("apply", 7, {"done": 1, "failed": 1})]
    ends += [("apply", 4, {"conflict": 1}), ("drift", 0, {"done": 1}), ("apply", 1, {}), ("apply", None, {})]
    runs = []
    for command, code, summary in ends:
        facts = {"fingerprint": "", "who": "kate", "commit": command}
        runs.append(store.begin_run(command=command, target="sandbox", organisation=5740, **facts))
        if code is not None:
            store.end_run(runs[-1], exit_code=code, summary=summary)
    approved = store.approved(Site("sandbox", 5740))
    assert approved and approved.id == runs[1]
    assert store.approved(Site("live", 5740)) is None


def test_corrections_are_what_drift_runs_have_written(store: Store, clock: HandClock) -> None:
    """An apply is somebody's decision, an operation that was not done is none, and old ones no longer count."""

    def write(command: str, state: State) -> int:
        run = store.begin_run(
            command=command, target="sandbox", organisation=5740, fingerprint="", who="kate", commit=""
        )
        store.plan_operations(run, [defaults(), aim(1)])
        store.append(run, defaults().id, State.SENT)
        store.append(run, defaults().id, state)
        clock.forward(3600)
        return run

    write("drift", State.DONE)
    clock.forward(1)
    since = clock.now()
    write("apply", State.DONE)
    write("drift", State.FAILED)
    run = write("drift", State.DONE)
    corrections = store.corrections(Site("sandbox", 5740), since)
    assert {(one.learner, one.slot.kind, one.run) for one in corrections} == {
        (LEARNER, SlotKind.DEFAULT_ASSESSOR, run),
        (LEARNER, SlotKind.DEFAULT_EMPLOYER, run),
    }
