"""The record gives back exactly the slots it was given, and remembers which run set each."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    LearnerSlots,
    OrganisationId,
    Place,
    Site,
    Slot,
    SlotKind,
    UserId,
)
from reconciler.problems import StoreError
from reconciler.store import Sighting, Store
from reconciler.store.connection import moment
from tests.store.parts import JAMES, KATE, LEARNER, NOON, HandClock, begin, examples

USERS = st.integers(1, 2**63 - 1).map(UserId)
SLOTS = st.one_of(
    st.sampled_from([Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)]),
    st.builds(Slot, st.sampled_from(sorted(LEARNING_AIM_KINDS | {SlotKind.ADDITIONAL})), st.integers(0, 2**63 - 1)),
    st.builds(Slot, st.sampled_from(sorted(UNIT_KINDS)), st.text(max_size=12) | st.integers(0, 999).map(str)),
)
RECORDS = st.dictionaries(st.tuples(USERS, SLOTS), st.none() | USERS, max_size=8)

DEFAULT = Slot(SlotKind.DEFAULT_ASSESSOR)


def set_by(store: Store) -> list[tuple[int, object]]:
    """Run and hour of each record; there is no public way to ask yet, so the table is read."""
    with store._database.reading() as connection:
        return [(run, moment(at)) for run, at in connection.rows("SELECT run, at FROM record ORDER BY learner")]


def test_every_slot_comes_back_as_it_went_in(url: str, store: Store) -> None:
    """Kind, key and holder survive with their types, and a later record replaces the same slot's only."""

    @settings(max_examples=examples(30, url))
    @given(RECORDS, RECORDS, RECORDS)
    def law(
        first: dict[Place, UserId | None], second: dict[Place, UserId | None], others: dict[Place, UserId | None]
    ) -> None:
        run = begin(store)
        organisation = run  # a fresh one for each example
        for rows in (first, second):
            store.record(Site("sandbox", organisation), [(*place, staff) for place, staff in rows.items()], run=run)
        recorded = store.recorded(Site("sandbox", organisation))
        assert recorded == {**first, **second}
        declared = LearnerSlots.nested({**first, **second, **others})
        wanted = {learner: declared.of(learner) for learner, _ in declared}
        shared = store.recorded(Site("sandbox", organisation), wanted=wanted)
        assert shared == recorded
        assert all(shared.of(user) is wanted[user] for user in wanted if wanted[user] == recorded.of(user))

    law()


def test_the_record_of_a_few_learners_is_a_part_of_the_whole(url: str, store: Store) -> None:
    """A plan of a few learners reads only theirs, and finds what a plan of everybody finds, wherever it was written."""
    users = st.sets(st.integers(1, 5).map(UserId), min_size=1)
    records = st.dictionaries(st.tuples(st.integers(1, 5).map(UserId), SLOTS), st.none() | USERS, max_size=8)

    @settings(max_examples=examples(20, url))
    @given(records, records, users)
    def law(own: dict[Place, UserId | None], others: dict[Place, UserId | None], few: set[UserId]) -> None:
        run = begin(store)
        target = str(run)  # a fresh one for each example
        for organisation, rows in ((1, others), (2, own)):
            store.record(Site(target, organisation), [(*place, staff) for place, staff in rows.items()], run=run)
        ours, theirs = Site(target, 2), Site(target, 1)
        found = {place: staff for place, staff in {**others, **own}.items() if place[0] in few}
        assert store.recorded(ours, few) == found
        assert dict(store.recorded(theirs, few)) == found
        assert store.recorded(ours) == own

    law()


def test_nobody_recorded_is_not_the_same_as_no_record(store: Store) -> None:
    """None says that the slot was seen empty; a slot never applied is absent."""
    run = begin(store)
    store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, None)], run=run)
    assert store.recorded(Site("sandbox", 5740)) == {(LEARNER, DEFAULT): None}
    assert store.recorded(Site("sandbox", 5741)) == {}
    assert store.recorded(Site("live", 5740)) == {}


def test_a_record_that_says_the_same_keeps_the_run_that_set_it(store: Store, clock: HandClock) -> None:
    """Only rows that differ are written, so history shows who changed a slot and not who looked last."""
    first, other = begin(store), UserId(LEARNER + 1)
    store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE), (other, DEFAULT, None)], run=first)
    clock.forward(60)
    second = begin(store)
    store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE), (other, DEFAULT, JAMES)], run=second)
    assert set_by(store) == [(first, NOON), (second, NOON + timedelta(seconds=60))]


def test_more_rows_than_one_statement_takes_are_all_recorded(store: Store) -> None:
    """Chunks are a matter of memory, not of meaning."""
    rows = [(UserId(number), DEFAULT, UserId(number + 1)) for number in range(12_001)]
    store.record(Site("sandbox", 5740), rows, run=begin(store))
    assert store.recorded(Site("sandbox", 5740)) == {(learner, slot): staff for learner, slot, staff in rows}


def test_a_record_names_a_run_that_exists_or_changes_nothing(store: Store) -> None:
    """Whatever is refused is refused as a whole."""
    with pytest.raises(StoreError):
        store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE)], run=999)
    with pytest.raises(StoreError):
        store.record(
            Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE), (UserId(2**70), DEFAULT, KATE)], run=begin(store)
        )
    assert store.recorded(Site("sandbox", 5740)) == {}


def test_a_slot_that_this_program_never_writes_is_an_error_in_words(store: Store) -> None:
    """Something else wrote to the store: a wrong record must not become a wrong plan."""
    store.record(Site("sandbox", 5740), [(LEARNER, DEFAULT, KATE)], run=begin(store))
    with store._database.writing() as connection:
        connection.execute("UPDATE record SET kind = 'tutor'")
    with pytest.raises(StoreError, match="table record, learner 200004, tutor null; it was cut short or changed"):
        store.recorded(Site("sandbox", 5740))


def test_what_was_seen_keeps_its_first_hour_until_another_holder_is_applied(store: Store, clock: HandClock) -> None:
    """Two sets of files may have seen two holders as declared; an apply says which of them counts."""
    site, run, place = Site("sandbox", 5740), begin(store), (LEARNER, DEFAULT)
    for staff in (KATE, JAMES, KATE):
        store.see(site, [(*place, staff), (UserId(LEARNER + 1), DEFAULT, None)])
        clock.forward(60)
    assert store.seen(site, [LEARNER])[place] == (Sighting(KATE, NOON), Sighting(JAMES, NOON + timedelta(seconds=60)))
    assert store.seen(site, [UserId(LEARNER + 1)]) == {(UserId(LEARNER + 1), DEFAULT): (Sighting(None, NOON),)}
    store.record(site, [(*place, JAMES)], run=run)
    assert store.seen(site, [LEARNER])[place] == (Sighting(JAMES, NOON + timedelta(seconds=60)),)
    assert store.seen(Site("sandbox", 5741), [LEARNER]) == {}


def test_facts_are_learnt_anew_and_forgotten(store: Store, clock: HandClock) -> None:
    """The newest value counts, with the hour it was learnt, for its own target, account and organisation only."""
    live, others = Site("live", 5740), (("beta", 5740, "north"), ("live", 5741, "north"), ("live", 5740, "south"))
    store.set_capabilities(live, "north", {"rows:learning_aims": "9", "shows:learners:5740": ""})
    clock.forward(5)
    store.set_capabilities(live, "north", {"rows:learning_aims": "8000"})
    for target, organisation, account in others:
        store.set_capabilities(Site(target, organisation), account, {"page_rows": "50"})
    later = NOON + timedelta(seconds=5)
    learnt = {"rows:learning_aims": ("8000", later), "shows:learners:5740": ("", NOON)}
    assert store.capabilities(live, "north") == learnt
    store.set_capabilities(live, "north", dict.fromkeys(learnt))
    assert store.capabilities(live, "north") == {}
    for target, organisation, account in others:
        assert set(store.capabilities(Site(target, organisation), account)) == {"page_rows"}


def test_the_last_reading_is_of_this_repositorys_files(database_url: str, clock: HandClock) -> None:
    """Another repository that reads some of the same organisation does not hide that this one's job is off."""
    site = Site("sandbox", OrganisationId(5740))
    with Store.open(database_url, clock=clock) as older:  # a version that did not tell repositories apart
        older.set_last_reading(site, NOON)
    for name, after in (("ours", 1), ("theirs", 2)):
        with Store.open(database_url, clock=clock, repository=partial(tuple, [name, f"former {name}"])) as store:
            assert store.last_reading(site) == NOON
            store.set_last_reading(site, NOON + timedelta(hours=after))
            assert store.last_reading(site) == NOON + timedelta(hours=after)
