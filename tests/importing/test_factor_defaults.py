"""Factoring: a cohort with defaults asks, on every day, for exactly what it asked for without them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.declared.cohort import CohortEntry, Held, LearnerEntry, Slots, Term, read_cohort
from reconciler.declared.cover import CoverTimeline
from reconciler.declared.resolve import build_cohort
from reconciler.declared.yaml_loader import load_text
from reconciler.editing.format import format_text
from reconciler.importing.factor_defaults import factor_defaults
from reconciler.model.slots import Handle, OrganisationId, Role, Slot, SlotKind, UserId
from reconciler.runtime.state_files import cohort_text
from reconciler.text import HIDDEN
from tests.factories import DAY, member
from tests.marks import examples

ORGANISATION = OrganisationId(5740)
HANDLES = [Handle(name) for name in ("ada", "bo", "cy")]
STAFF = {handle: member(handle, 100 + number, Role.ASSESSOR) for number, handle in enumerate(HANDLES)}
SLOTS = [
    Slot(SlotKind.DEFAULT_ASSESSOR),
    Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240),
    Slot(SlotKind.LEARNING_AIM_IQA, 41240),
    Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41242),
    Slot(SlotKind.UNIT_IQA, "KS_COMM1"),
    Slot(SlotKind.UNIT_IQA, "yes: no"),
]


def plain(handle: Handle | None) -> tuple[Term, ...]:
    return (Term(handle, None, None, 0),)


def dated(first: Handle | None, then: Handle | None, days: int) -> tuple[Term, ...]:
    """One until a day, the other from the day after."""
    last = DAY + timedelta(days=days)
    return (Term(first, None, last, 3), Term(then, last + timedelta(days=1), None, 4))


holder = st.sampled_from([*HANDLES, HANDLES[0], None])
terms = st.one_of(holder.map(plain), holder.map(plain), st.builds(dated, holder, holder, st.integers(-3, 3)))
additional = st.lists(st.sampled_from(HANDLES), unique=True).map(lambda who: tuple(plain(one)[0] for one in who))
slots = st.builds(
    lambda held, more: Slots(tuple(Held(slot, one, 7) for slot, one in held.items()), more),
    st.dictionaries(st.sampled_from(SLOTS), terms),
    additional,
)
text = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
    lambda text: not HIDDEN.search(text)
)
cohorts = st.lists(st.tuples(slots, text | st.just("")), max_size=9).map(
    lambda each: CohortEntry(
        "",
        "c1",
        "c1",
        0,
        None,
        Slots(),
        tuple(LearnerEntry(UserId(200001 + n), None, label, n, own) for n, (own, label) in enumerate(each)),
    )
)


def asked(cohort: CohortEntry, day: date) -> list[object]:
    learners, _ = build_cohort(cohort, ORGANISATION, CoverTimeline(STAFF, day, day))
    return [(one.id, one.misid, one.label, one.slots) for one in learners]


def words(cohort: CohortEntry) -> int:
    return sum(
        len(own.held) + len(own.additional) for own in (cohort.defaults, *(one.slots for one in cohort.learners))
    )


@settings(max_examples=examples(40))
@given(cohorts)
def test_factoring_changes_what_nobody_is_asked_for_on_any_day(cohort: CohortEntry) -> None:
    """The same learners with the same slots, and no more words than before."""
    shorter = factor_defaults(cohort)
    for days in (-4, 0, 1, 4):
        day = DAY + timedelta(days=days)
        assert asked(shorter, day) == asked(cohort, day)
    assert words(shorter) <= words(cohort)


@settings(max_examples=examples(40))
@given(cohorts)
def test_what_is_written_is_read_back(cohort: CohortEntry) -> None:
    """Whatever the labels and ids: the text says what the entries say, and nobody would write it in another layout."""
    entry = factor_defaults(cohort)
    text = cohort_text(entry, "a class: of 'some' sort")
    document = load_text(text, "c1.yaml")
    read = read_cohort(document, "c1")
    assert document.problems == []
    assert asked(read, DAY) == asked(entry, DAY)
    assert cohort_text(read, "a class: of 'some' sort") == text == format_text(text, "cohort")


def cohort_of(*learners: dict[Slot, tuple[Term, ...]]) -> CohortEntry:
    entries = (
        LearnerEntry(UserId(200001 + n), None, "", 0, Slots(tuple(Held(slot, one, 0) for slot, one in own.items())))
        for n, own in enumerate(learners)
    )
    return CohortEntry("", "c1", "c1", 0, None, Slots(), tuple(entries))


def test_the_commonest_holder_becomes_the_default_and_others_say_who_differs() -> None:
    """Four of five share an assessor."""
    slot = SLOTS[0]
    entry = factor_defaults(cohort_of(*[{slot: plain(HANDLES[0])}] * 4, {slot: plain(HANDLES[1])}))
    assert entry.defaults.held == (Held(slot, plain(HANDLES[0]), 0),)
    assert [one.slots.held for one in entry.learners] == [()] * 4 + [(Held(slot, plain(HANDLES[1]), 0),)]


@pytest.mark.parametrize(("lacking", "is_default"), [(1, True), (2, False)])
def test_what_more_than_a_few_lack_is_no_default(lacking: int, is_default: bool) -> None:
    """Even where it would be shorter: a learner who is added later would be given it."""
    aim = SLOTS[1]
    holding: list[dict[Slot, tuple[Term, ...]]] = [{aim: plain(HANDLES[0])}] * (5 - lacking)
    entry = factor_defaults(cohort_of(*holding, *[{}] * lacking))
    assert bool(entry.defaults.held) == is_default
    assert [one.slots.held for one in entry.learners[-1:]] == ([(Held(aim, (), 0),)] if is_default else [()])
