"""Times that change hands: day by day the right person holds the slot, and nobody loses a day."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.editing.assignments import (
    Fields,
    Term,
    changed_from,
    changed_on,
    dated,
    put,
    swapped,
    terms_of,
    value_of,
)
from reconciler.editing.replace import Replace

FIRST = date(2026, 11, 1)
DAYS = [FIRST + timedelta(number) for number in range(40)]
WHO, BY, OTHER = "kate-anderson", "james-fayre", "noor-haddad"


def followed(boundaries: list[int], people: list[str | None], *, begins: bool, ends: bool) -> tuple[Term, ...]:
    """Draw adjacent terms without a gap, as the rules require, each with its holder."""
    starts = [None if not begins else FIRST, *(FIRST + timedelta(place) for place in sorted(boundaries))]
    last = FIRST + timedelta(35) if ends else None
    stops = [*(start - timedelta(1) for start in starts[1:] if start), last]
    return tuple(Term(who, start, stop) for who, start, stop in zip(people, starts, stops, strict=False))


people = st.sampled_from([WHO, BY, OTHER, None])
times = st.sets(st.integers(1, 30), max_size=3).flatmap(
    lambda places: st.builds(
        followed,
        st.just(list(places)),
        st.lists(people, min_size=len(places) + 1, max_size=len(places) + 1),
        begins=st.booleans(),
        ends=st.booleans(),
    )
)
days = st.sampled_from(DAYS)


def holder(terms: tuple[Term, ...], day: date) -> object:
    """Who holds the slot on a day; no two may."""
    found = [term.staff for term in terms if term.on(day)]
    assert len(found) < 2, terms
    return found[0] if found else "nobody is declared"


@settings(max_examples=150)
@given(times, days)
def test_from_the_day_on_one_holds_what_the_other_held(terms: tuple[Term, ...], start: date) -> None:
    """On every day before it is as it was; from then on the new one stands wherever the old one stood."""
    after = changed_from(terms, start, WHO, BY)
    for day in DAYS:
        was = holder(terms, day)
        assert holder(after, day) == (BY if was == WHO and day >= start else was)


@settings(max_examples=150)
@given(times, days)
def test_accepting_a_holder_ends_with_the_entry_that_it_falls_in(terms: tuple[Term, ...], today: date) -> None:
    """Days before stay, as far as an entry without any dates can say, and so does whoever comes later."""
    after, now = changed_on(terms, today, BY), next((term for term in terms if term.on(today)), None)
    for day in DAYS:
        if now is None or not now.on(day) or (day < today and len(terms) > 1):
            assert holder(after, day) == holder(terms, day)
        elif day >= today:
            assert holder(after, day) == BY


ENDS = [date.min, date.min + timedelta(1), date.max - timedelta(1), date.max]


@pytest.mark.parametrize("day", ENDS)
@pytest.mark.parametrize("start", [None, *ENDS])
@pytest.mark.parametrize("end", [None, *ENDS])
def test_the_ends_of_the_calendar_are_days_like_any_other(day: date, start: date | None, end: date | None) -> None:
    """Nothing has a day before the first or after the last; what is changed holds up to that day."""
    if (start or date.min) > (end or date.max):
        return
    terms = (Term(WHO, start, end),)
    for after in (changed_from(terms, day, WHO, BY), swapped(terms, day, WHO, BY)):
        assert all(holder(after, each) in (WHO, BY) for each in ENDS if terms[0].on(each))
    assert holder(changed_from(terms, day, WHO, BY), day) == (BY if terms[0].on(day) else "nobody is declared")
    assert holder(changed_on(terms, day, BY), day) == (BY if terms[0].on(day) else "nobody is declared")
    cohort = {"learners": [{"id": 1, "default_assessor": value_of(terms), "additional": [dated(terms[0])]}]}
    for begin in (None, day):
        done = Replace(WHO, BY, begin, day).in_cohort("c", json.loads(json.dumps(cohort)), None)
        assert done.stuck == []


@given(times, days)
def test_a_plain_swap_leaves_what_has_ended(terms: tuple[Term, ...], today: date) -> None:
    """In every time that has not ended the new one stands in the place of the old one."""
    after = swapped(terms, today, WHO, BY)
    for day in DAYS:
        now = next((term for term in terms if term.on(day)), None)
        lasts = now is not None and (now.end is None or now.end >= today)
        assert holder(after, day) == (BY if lasts and holder(terms, day) == WHO else holder(terms, day))


@given(times)
def test_a_value_says_its_times(terms: tuple[Term, ...]) -> None:
    """Times to a value and back, without a loss."""
    assert terms_of(value_of(terms)) == terms


def test_a_new_place_stands_where_the_canonical_order_has_it() -> None:
    """So that an edit is format_text already."""
    from reconciler.model.slots import Slot, SlotKind

    learner: Fields = {"id": 1, "units": [{"unit": "U", "iqa": "priya-shah"}], "additional": ["observer-lee"]}
    put(learner, Slot(SlotKind.DEFAULT_ASSESSOR), "kate-anderson")
    put(learner, Slot(SlotKind.UNIT_ASSESSOR, "U"), None)
    put(learner, Slot(SlotKind.LEARNING_AIM_IQA, 41240), "priya-shah")
    assert list(learner) == ["id", "default_assessor", "learning_aims", "units", "additional"]
    assert learner["units"] == [{"unit": "U", "assessor": None, "iqa": "priya-shah"}]
    assert list(learner["units"][0]) == ["unit", "assessor", "iqa"]  # type: ignore[index, arg-type]
    assert learner["learning_aims"] == [{"standard": 41240, "iqa": "priya-shah"}]
