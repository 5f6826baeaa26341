"""A sync of cohort files: whatever the centre and the listing, a second sync edits nothing and no comment is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.editing.assignments import Term, defaults_of, held, learners_of, term_of, terms_of
from reconciler.editing.holders import slots_of
from reconciler.editing.replace import learner_key
from reconciler.editing.sync_changes import SyncChanges, compare
from reconciler.editing.sync_edits import edited
from reconciler.editing.yaml_tree import comments, data_of, parse
from reconciler.model.listing import ListedLearner, ListedTerm, Listing, Remembered
from reconciler.model.slots import Handle, LearnerKey, Slot, SlotKind, UserId
from reconciler.problems import ReconcilerError, Source
from tests.editing.layouts import Data, Fields, Hostile
from tests.marks import examples

DAY = date(2027, 3, 1)
COHORTS = ("care", "admin", "leaders")
IDS = {Handle("kate"): UserId(11), Handle("noor"): UserId(12), Handle("liam"): UserId(13)}
SINGLE = Slot(SlotKind.DEFAULT_ASSESSOR)
AIM = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 7)
HANDLES = st.sampled_from([*IDS, None])
EVE, LATER = DAY - timedelta(days=1), DAY + timedelta(days=30)


@st.composite
def values(draw: st.DrawFn) -> Data:
    """A holder as files declare one: nobody, not managed, now, until yesterday, or with a successor."""
    first, second = draw(HANDLES), draw(HANDLES)
    return draw(
        st.sampled_from(
            [
                first,
                [],
                [{"staff": first, "until": EVE.isoformat()}],
                [{"staff": first, "until": LATER.isoformat()}, {"staff": second, "from": "2027-04-01"}],
                [{"staff": first, "from": LATER.isoformat()}],
            ]
        )
    )


@st.composite
def sections(draw: st.DrawFn) -> Fields:
    section: Fields = {}
    if draw(st.booleans()):
        section["default_assessor"] = draw(values())
    if draw(st.booleans()):
        section["learning_aims"] = [{"standard": 7, "assessor": draw(values())}]
    if draw(st.integers(0, 3)) == 0:
        section["additional"] = [draw(st.sampled_from([*IDS]))]
    return section


def valid(section: Fields, defaults: Fields) -> Fields:
    """Drop what leaves out a default that there is not."""
    left_out = ([], [{"standard": 7, "assessor": []}])
    return {name: value for name, value in section.items() if name in defaults or value not in left_out}


@st.composite
def centres(draw: st.DrawFn) -> dict[str, str]:
    """Texts of the cohort files, in any layout."""
    keys = draw(st.permutations([1, 2, 3, "M4", "M5", 6]))
    places = {key: draw(st.sampled_from(COHORTS)) for key in keys}
    texts = {}
    for cohort in COHORTS:
        defaults = valid(draw(sections()), {})
        learners: list[Data] = [
            {("id" if isinstance(key, int) else "misid"): key, **valid(draw(sections()), defaults)}
            for key, place in places.items()
            if place == cohort
        ]
        data: Fields = {"version": 1, "cohort": cohort, "defaults": defaults, "learners": learners}
        texts[cohort] = Hostile(Random(draw(st.integers(0, 10**9)))).text(data)  # noqa: S311  no secret
    return texts


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Some learners, known and new, with or without a cohort, in any order."""
    learners = []
    for key in draw(st.lists(st.sampled_from([1, 2, 3, "M4", "M5", 6, 8, "M9"]), unique=True)):
        now = st.builds(lambda staff: (ListedTerm(staff),), HANDLES)
        two = st.builds(
            lambda first, then: (ListedTerm(first, None, LATER), ListedTerm(then, LATER + timedelta(1))),
            HANDLES,
            HANDLES,
        )
        holders = draw(st.dictionaries(st.sampled_from([SINGLE, AIM]), now | two, max_size=2))
        if draw(st.booleans()):
            handle = draw(st.sampled_from([*IDS]))
            holders[Slot(SlotKind.ADDITIONAL, IDS[handle])] = (ListedTerm(handle),)
        cohort = draw(st.sampled_from(["", *COHORTS]))
        learner: LearnerKey = UserId(key) if isinstance(key, int) else key
        learners.append(ListedLearner((learner,), Source("table.csv", 2), cohort, "care", "", holders))
    return Listing(tuple(learners))


def values_of(texts: Mapping[str, str]) -> dict[str, Fields]:
    return {cohort: data for cohort, text in texts.items() if isinstance(data := data_of(parse(text)), dict)}


def changes_of(
    texts: Mapping[str, str], listing: Listing, remembered: Remembered, *, remove: bool = False
) -> SyncChanges:
    return compare(values_of(texts), listing, day=DAY, ids=IDS, remembered=remembered, remove=remove)


def synced(
    texts: Mapping[str, str], listing: Listing, remembered: Remembered | None = None, *, remove: bool = False
) -> tuple[dict[str, str], SyncChanges]:
    """Sync; a learner whose comments no other layout can take is moved by a person."""
    changes = changes_of(texts, listing, remembered or {}, remove=remove)
    try:
        return {**texts, **edited(texts, changes)}, changes
    except ReconcilerError as error:
        assert "move the learner by hand" in str(error)
        return dict(texts), SyncChanges(remembered=remembered or {})


def cohorts_of(texts: Mapping[str, str]) -> dict[LearnerKey, list[str]]:
    places: dict[LearnerKey, list[str]] = {}
    for cohort, data in values_of(texts).items():
        for learner in learners_of(data):
            places.setdefault(learner_key(learner), []).append(cohort)
    return places


def holder(texts: Mapping[str, str], key: LearnerKey, slot: Slot) -> tuple[Term, ...]:
    """The terms of a slot in the files; of an additional person, the own entry before the default."""
    for data in values_of(texts).values():
        for learner in learners_of(data):
            if learner_key(learner) != key:
                continue
            if slot.kind is not SlotKind.ADDITIONAL:
                return terms_of(slots_of(data, learner).get(slot, []))
            for section in (learner, defaults_of(data)):
                items = section.get("additional")
                for item in items if isinstance(items, list) else ():
                    if IDS[Handle(str(term_of(item).staff))] == slot.key:
                        return (term_of(item),)
    return ()


def writes(changes: SyncChanges) -> bool:
    gone = changes.leavers if changes.removes else ()
    return bool(changes.newcomers or changes.moves or changes.holders or gone)


@given(centres(), listings(), st.booleans(), st.randoms())
@settings(max_examples=examples(12))
def test_the_same_listing_twice_edits_nothing_in_whatever_order(
    texts: dict[str, str], listing: Listing, remove: bool, random: Random
) -> None:
    """With the memory of the last sync, and without it."""
    after, changes = synced(texts, listing, remove=remove)
    rows = list(listing.learners)
    random.shuffle(rows)
    if after == texts and writes(changes):
        raise AssertionError("changes that edit nothing")
    if writes(changes) or after != texts or not changes.refusals:
        again = changes_of(after, Listing(tuple(rows), listing.complete), changes.remembered, remove=remove)
        assert not writes(again) or (after == texts and not writes(changes) and not changes.remembered)
        assert not again.conflicts


@given(centres(), listings())
@settings(max_examples=examples(15))
def test_a_sync_keeps_every_comment_and_every_learner_in_one_cohort(texts: dict[str, str], listing: Listing) -> None:
    """Comments move with the learner, and empty lists stay only if there is a default to leave out."""
    after, _ = synced(texts, listing)
    assert Counter(line for text in after.values() for line in comments(text)) == Counter(
        line for text in texts.values() for line in comments(text)
    )
    for data in values_of(after).values():
        named = {slot for slot, _, _ in held(defaults_of(data))}
        for learner in learners_of(data):
            assert all(fields[name] != [] or slot in named for slot, fields, name in held(learner))
    places = cohorts_of(after)
    assert all(len(cohorts) == 1 for cohorts in places.values())
    assert places.keys() >= cohorts_of(texts).keys()


@given(centres(), listings())
@settings(max_examples=examples(15))
def test_a_move_shows_each_slot_from_what_the_learner_had_to_what_they_get(
    texts: dict[str, str], listing: Listing
) -> None:
    """Own entries, the listing and the defaults of both cohorts taken together; what stays the same is not shown."""
    after, changes = synced(texts, listing)
    slots = (SINGLE, AIM, *(Slot(SlotKind.ADDITIONAL, user) for user in IDS.values()))
    for move in changes.moves:
        pairs = {slot: (holder(texts, move.learner, slot), holder(after, move.learner, slot)) for slot in slots}
        shown = {change.slot: (change.before or (), change.after) for change in move.holders}
        assert shown == {slot: pair for slot, pair in pairs.items() if pair[0] != pair[1]}


@given(centres(), listings())
@settings(max_examples=examples(15))
def test_what_is_listed_is_declared_and_nothing_else_changes(texts: dict[str, str], listing: Listing) -> None:
    """Learners and slots that the listing leaves out keep their terms, but for the defaults of another cohort."""
    after, changes = synced(texts, listing)
    if after == texts:
        return
    listed = {learner.keys[0]: learner for learner in listing.learners}
    moved = {move.learner for move in changes.moves} | {new.learner for new in changes.newcomers}
    for key, places in cohorts_of(after).items():
        learner = listed.get(key)
        if learner and learner.cohort:
            assert places == [learner.cohort]
        for slot in (SINGLE, AIM, *(Slot(SlotKind.ADDITIONAL, user) for user in IDS.values())):
            terms = learner.holders.get(slot) if learner else None
            if terms is None:
                assert key in moved or holder(after, key, slot) == holder(texts, key, slot)
            elif len(terms) == 1:
                assert [term.staff for term in holder(after, key, slot) if term.on(DAY)] == [terms[0].staff]
            else:
                assert holder(after, key, slot) == tuple(Term(*term) for term in terms)
