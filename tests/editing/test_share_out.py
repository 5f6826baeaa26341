"""A leaver's slots go to several heirs, and nothing of anybody else's changes, on any day."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.editing.assignments import Fields, Term, defaults_of, held, learners_of, term_of, terms_of
from reconciler.editing.replace import learner_key
from reconciler.editing.share_out import defaults_name, give, slots_of
from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import LearnerKey, Slot, SlotKind
from tests.marks import examples

TODAY = date(2026, 11, 23)
DAYS = [TODAY + timedelta(days=number) for number in range(-2, 12)]
NAMES = ["lee", "kate", "noor"]  # lee leaves


@st.composite
def values(draw: st.DrawFn) -> Data:
    """A handle, or dated entries without gaps."""
    if draw(st.booleans()):
        return draw(st.sampled_from(NAMES))
    turn = TODAY + timedelta(days=draw(st.integers(-1, 8)))
    first, second = draw(st.permutations(NAMES))[:2]
    day = timedelta(days=1)
    return [{"staff": first, "until": str(turn - day)}, {"staff": second, "from": str(turn)}]


@st.composite
def sections(draw: st.DrawFn) -> Fields:
    fields: Fields = {}
    if draw(st.booleans()):
        fields["default_assessor"] = draw(values())
    if draw(st.booleans()):
        fields["learning_aims"] = [{"standard": 41240, "assessor": draw(values())}]
    if people := draw(st.sets(st.sampled_from(NAMES), max_size=2)):
        fields["additional"] = [*sorted(people)]
    return fields


@st.composite
def cohorts(draw: st.DrawFn) -> Fields:
    learners: list[Data] = [{"id": number, **draw(sections())} for number in range(1, 5)]
    return {"defaults": draw(sections()), "learners": learners}


Holders = dict[tuple[LearnerKey, Slot], frozenset[str | None]]


def on(cohort: Fields, day: date) -> Holders:
    """Who holds what on a day, with defaults merged: a second, naive reading."""
    found: Holders = {}
    for learner in learners_of(cohort):
        terms: dict[Slot, tuple[Term, ...]] = {}
        people: dict[str | None, Term] = {}
        for section in (defaults_of(cohort), learner):
            terms |= {slot: terms_of(fields[key]) for slot, fields, key in held(section)}
            items = section.get("additional")
            people |= {term_of(item).staff: term_of(item) for item in (items if isinstance(items, list) else [])}
        for slot, several in terms.items():
            found[learner_key(learner), slot] = frozenset(term.staff for term in several if term.on(day))
        extra = Slot(SlotKind.ADDITIONAL)
        found[learner_key(learner), extra] = frozenset(term.staff for term in people.values() if term.on(day))
    return found


@settings(max_examples=examples(60), deadline=None)
@given(cohorts(), st.integers(0, 6), st.lists(st.sampled_from(["kate", "noor"]), min_size=4, max_size=4), st.booleans())
def test_each_learner_has_their_heir_where_the_leaver_was(
    cohort: Fields, ahead: int, chosen: list[str], whole: bool
) -> None:
    """From the first day on; on the days before, and for the others, everything is as it was."""
    start = TODAY + timedelta(days=ahead)
    before = deepcopy(cohort)
    concerned = {place.learner for place in slots_of("lee", "c1", cohort, start, TODAY)}
    heirs = {key: heir for key, heir in enumerate(chosen, 1) if key in concerned}
    assert cohort == before
    done = give("lee", "c1", cohort, heirs, start, TODAY, whole=whole, otherwise="kate")
    if done.stuck:  # refused with a reason, as in replace: the files are not written
        return
    for day in DAYS:
        for (key, slot), holders in on(before, day).items():
            moved = {heirs.get(key, name) if name == "lee" and day >= start else name for name in holders}
            assert on(cohort, day).get((key, slot), frozenset()) == moved, (key, slot, day)
    if whole and not any(isinstance(place.learner, int) and place.slot is SlotKind.ADDITIONAL for place in done.taken):
        assert not defaults_name("lee", "c1", cohort, start, TODAY)
