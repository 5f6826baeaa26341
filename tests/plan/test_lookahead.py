"""Laws of looking ahead: what a coming day breaks is told today, with the day and the lines, and nothing else is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from reconciler.model.declared import Declared, DeclaredLearner, Lapse, Settings, Shift, Waiver, Wanted
from reconciler.model.slots import Holder, Slot, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.compare import make_plan
from reconciler.plan.lookahead import foresee, foresee_breaches, look_ahead
from reconciler.problems import Problem, Source
from tests.factories import (
    AIM,
    AIM_IQA,
    DAY,
    DEFAULT,
    HANDLES,
    JAMES,
    KATE,
    LEARNER,
    NOON,
    OSCAR,
    PRIYA,
    STAFF,
    change,
    declared,
    learner,
    member,
    observed,
)
from tests.factories import ORGANISATION as CENTRE

COVER = Source("state/staff.yaml", 7)
KATE_AS_IQA = UserId(140009)
PEOPLE = (
    *(replace(one, person="kate") if one.id == KATE else one for one in STAFF),
    replace(member("kate-as-iqa", KATE_AS_IQA), role=STAFF[3].role, person="kate"),
)
SLOTS: dict[Slot, UserId | None] = {DEFAULT: KATE, AIM: KATE, AIM_IQA: PRIYA}


def covered(
    by: UserId = KATE_AS_IQA,
    days: int = 10,
    slot: Slot = AIM_IQA,
    slots: dict[Slot, UserId | None] = SLOTS,
    **more: object,
) -> DeclaredLearner:
    """A learner one of whose slots is covered from a coming day on."""
    one = learner(slots, **more)  # type: ignore[arg-type]
    after = Wanted(by, HANDLES.get(by), COVER, "cover")
    return replace(one, later=(Shift(DAY + timedelta(days), slot, one.slots[slot], after, COVER),))


def files(*learners: DeclaredLearner, ahead: int = 28, **more: object) -> Declared:
    made = declared(*learners, staff=PEOPLE, **more)  # type: ignore[arg-type]
    return replace(made, horizon=made.day + timedelta(ahead))


def told(state: Declared, holders: dict[Slot, Holder] | None = None) -> list[Problem]:
    """What plan says, over a reading in which every learner holds the same."""
    seen = observed({one.id: holders or dict(SLOTS) for one in state.learners if one.id})
    made = make_plan(state, seen, {}, target="sandbox", created_at=NOON)
    return [*look_ahead(state, seen, made.changes)]


def test_a_stand_in_who_would_verify_their_own_work_is_told_of_with_day_and_both_lines() -> None:
    """The cover's line is the place; the line of the slot that it meets is in the words."""
    [problem] = told(files(covered()))
    assert (problem.severity, problem.source) == ("warning", COVER)
    assert problem.what == (
        "from 2026-12-03 the plan will be refused: kate-anderson and kate-as-iqa are one person, who would both assess "
        "and quality-assure learning aim 41242 for LRN-0042, by this line and "
        "state/cohorts/business-admin-l3-2026.yaml:12 [iqa_independent]"
    )


def test_the_files_alone_tell_the_same_and_need_no_onefile_id() -> None:
    """So that validate and calendar know of it without a call, also of a learner by MISID."""
    assert foresee(files(covered())) == tuple(told(files(covered())))
    [problem] = foresee(files(covered(number=None, misid="M7", label="")))
    assert "for learner with MISID M7" in problem.what


def test_a_learner_by_misid_is_looked_at_as_read() -> None:
    """Whoever is declared so is no less looked after."""
    state = files(covered(number=None, misid="M7"))
    seen = observed({LEARNER: dict(SLOTS)}, misids={"M7": LEARNER})
    assert len(look_ahead(state, seen, make_plan(state, seen, {}, target="x", created_at=NOON).changes)) == 1


def test_the_coming_days_follow_the_plan_and_not_what_is_there_now() -> None:
    """Whoever the plan puts in place meets the stand-in, and whoever it displaces does not."""
    for before, after, warnings in ((JAMES, KATE, 1), (KATE, JAMES, 0)):
        state = files(covered(slots={DEFAULT: JAMES, AIM: after, AIM_IQA: PRIYA}))
        seen = observed({LEARNER: {DEFAULT: JAMES, AIM: before, AIM_IQA: PRIYA}})
        assert len(look_ahead(state, seen, [change(AIM, before, after)])) == warnings


def test_the_breaches_alone_come_with_their_days() -> None:
    """A slot left to nobody is no breach, whichever of them the files bring first."""
    one = learner(SLOTS)
    line = Source("state/cohorts/business-admin-l3-2026.yaml", 12)
    lapsing = replace(one, later=(Shift(DAY + timedelta(5), DEFAULT, one.slots[DEFAULT], None, line),))
    state = files(lapsing, covered(number=200005))
    assert [(day, problem.source) for day, problem in foresee_breaches(state)] == [(DAY + timedelta(10), COVER)]
    assert len(foresee(state)) == 2


def test_what_is_broken_today_is_not_told_again_for_tomorrow() -> None:
    """Today's finding says it; a later change that leaves it as it is adds nothing."""
    slots: dict[Slot, UserId | None] = {DEFAULT: JAMES, AIM: KATE, AIM_IQA: KATE_AS_IQA}
    one = covered(KATE, slot=DEFAULT, slots=slots)
    assert told(files(one), {DEFAULT: JAMES, AIM: KATE, AIM_IQA: KATE_AS_IQA}) == []


def test_a_breach_that_lasts_is_told_for_its_first_day_and_again_only_if_it_comes_back() -> None:
    """A change on a later day that leaves it as it is adds nothing; ended and begun anew, it is news."""
    one = covered()

    def later(days: int, slot: Slot, staff: UserId) -> Shift:
        return Shift(DAY + timedelta(days), slot, None, Wanted(staff, HANDLES.get(staff), COVER, "cover"), COVER)

    lasting = replace(one, later=(*one.later, later(12, DEFAULT, JAMES)))
    back = replace(lasting, later=(*lasting.later, later(14, AIM_IQA, PRIYA), later(16, AIM_IQA, KATE_AS_IQA)))
    for state, days in ((lasting, ["2026-12-03"]), (back, ["2026-12-03", "2026-12-09"])):
        assert [problem.what.split()[1] for problem in told(files(state))] == days


def test_a_finding_that_would_only_warn_says_so_and_keeps_its_advice() -> None:
    """Nobody need hurry for it, and the fix is the policy's own."""
    settings = Settings(CENTRE, policies={"iqa_independent": "warn"})
    [problem] = told(files(covered(), settings=settings))
    assert problem.what.startswith("from 2026-12-03 the plan will warn: ")
    assert problem.fix == "Declare another assessor or another IQA for learning aim 41242."


def test_a_finding_that_only_its_own_line_brings_names_no_other() -> None:
    """A trainee who comes is the line that asks for them, and nobody else's."""
    tom = next(one.id for one in STAFF if one.handle == "tom-reed")
    [problem] = told(files(covered(tom, slot=AIM)))
    assert problem.what.endswith("declared as assessor for learning aim 41242 for LRN-0042 [trainee_assessor]")
    assert problem.source == COVER


def test_of_several_lines_of_one_day_the_one_that_has_a_part_in_the_finding_is_the_place() -> None:
    """Whoever follows it finds the line to change."""
    one = covered()
    other = Source("state/staff.yaml", 3)
    beside = Shift(one.later[0].day, DEFAULT, None, Wanted(JAMES, HANDLES[JAMES], other, "cover"), other)
    for shifts in ((beside, *one.later), (*one.later, beside)):
        assert [problem.source for problem in told(files(replace(one, later=shifts)))] == [COVER]


def test_a_trainee_whose_entry_ends_with_the_waiver_is_not_told_of() -> None:
    """From then on no file asks for them."""
    tom = next(one.id for one in STAFF if one.handle == "tom-reed")
    waiver = Waiver("trainee_assessor", "shadowing", "quality-lead", DAY + timedelta(4), learner=LEARNER)
    settings = Settings(CENTRE, waivers=(waiver,))
    one = learner({**SLOTS, AIM: tom})
    ended = replace(one, later=(Shift(DAY + timedelta(5), AIM, one.slots[AIM], None, COVER),))
    holds: dict[Slot, Holder] = {**SLOTS, AIM: tom}
    assert ["nobody is declared" in one.what for one in told(files(ended, settings=settings), holds)] == [True]
    assert ["trainee" in one.what for one in told(files(one, settings=settings), holds)] == [True]


def test_one_line_is_one_warning_for_all_whom_it_concerns() -> None:
    """Three are named, the others counted."""
    state = files(*(covered(number=200000 + number, label=f"L{number}") for number in range(6)))
    [problem] = told(state)
    assert "for L0, L1, L2 and 3 more" in problem.what


@pytest.mark.parametrize(
    ("learners", "words"),
    [(1, "for L0,"), (2, "for L0 and L1,"), (3, "for L0, L1 and L2,"), (4, "for L0, L1, L2 and 1 more,")],
)
def test_few_are_all_named(learners: int, words: str) -> None:
    """Nobody is counted who can be named, and none are no number."""
    state = files(*(covered(number=200000 + number, label=f"L{number}") for number in range(learners)))
    [problem] = told(state)
    assert words in problem.what


@pytest.mark.parametrize(("last", "warnings"), [(9, 1), (10, 0)])
def test_a_waiver_counts_on_the_coming_day_and_not_after_its_last(last: int, warnings: int) -> None:
    """A waiver that ends the day before does not help; one that holds on the day does, as far as was looked."""
    waiver = Waiver("iqa_independent", "few", "quality-lead", DAY + timedelta(last), learner=LEARNER)
    settings = Settings(CENTRE, waivers=(waiver,))
    assert len(told(files(covered(), settings=settings, ahead=10))) == warnings


def test_a_waiver_that_ends_is_told_of_before_it_does() -> None:
    """What it lets pass today is refused from the day after, and its own line is the place."""
    line = Source("state/settings.yaml", 9)
    waiver = Waiver("iqa_independent", "few", "quality-lead", DAY + timedelta(3), learner=LEARNER, source=line)
    slots: dict[Slot, UserId | None] = {AIM: KATE, AIM_IQA: KATE_AS_IQA}
    [problem] = told(files(learner(slots), settings=Settings(CENTRE, waivers=(waiver,))), dict(slots))
    assert problem.source == line
    assert problem.what.startswith("from 2026-11-27 the plan will be refused: ")
    assert "ended on" not in problem.what


@pytest.mark.parametrize(
    "scope", [{"learner": LEARNER}, {"cohort": "business-admin-l3-2026"}], ids=["learner", "cohort"]
)
@pytest.mark.parametrize("last", [0, 27])
def test_a_waiver_is_told_of_from_its_last_day_on(scope: dict[str, Any], last: int) -> None:
    """Today may be that day; so may be the last but one that is looked at. The files alone tell it as well."""
    waiver = Waiver("iqa_independent", "few", "quality-lead", DAY + timedelta(last), **scope)
    slots: dict[Slot, UserId | None] = {DEFAULT: JAMES, AIM: KATE, AIM_IQA: KATE_AS_IQA}
    state = files(learner(slots), settings=Settings(CENTRE, waivers=(waiver,)))
    [problem] = foresee(state)
    assert problem.what.startswith(f"from {DAY + timedelta(last + 1)} the plan will be refused: ")
    assert told(state, dict(slots)) == [problem]
    elsewhere = replace(waiver, learner=scope.get("learner") and UserId(1), cohort=scope.get("cohort") and "care")
    assert foresee(files(learner(slots), settings=Settings(CENTRE, waivers=(elsewhere,)))) == ()


def test_a_waiver_that_ends_is_told_of_for_a_learner_declared_by_misid() -> None:
    """The waiver names the OneFile id, which the reading knows."""
    waiver = Waiver("iqa_independent", "few", "quality-lead", DAY + timedelta(3), learner=LEARNER)
    slots: dict[Slot, UserId | None] = {DEFAULT: JAMES, AIM: KATE, AIM_IQA: KATE_AS_IQA}
    state = files(learner(slots, None, misid="M7"), settings=Settings(CENTRE, waivers=(waiver,)))
    [problem] = look_ahead(state, observed({LEARNER: dict(slots)}, misids={"M7": LEARNER}), [])
    assert problem.what.startswith("from 2026-11-27 the plan will be refused: ")
    assert len(foresee(state)) == 0  # the files alone cannot tell whom it names, and take it for nobody's


def test_the_files_alone_tell_of_a_cohorts_waiver_that_ends_for_a_learner_by_misid() -> None:
    """Whose cohort is known without a call."""
    waiver = Waiver("iqa_independent", "few", "quality-lead", DAY + timedelta(3), cohort="business-admin-l3-2026")
    slots: dict[Slot, UserId | None] = {DEFAULT: JAMES, AIM: KATE, AIM_IQA: KATE_AS_IQA}
    [problem] = foresee(files(learner(slots, None, misid="M7", label=""), settings=Settings(CENTRE, waivers=(waiver,))))
    assert problem.what.startswith("from 2026-11-27 the plan will be refused: ")
    assert "for learner with MISID M7" in problem.what


def test_a_slot_that_will_be_left_to_nobody_is_told_of_before_it_is() -> None:
    """The entry's line, and from which day."""
    one = learner(SLOTS)
    line = Source("state/cohorts/business-admin-l3-2026.yaml", 12)
    lapsing = replace(one, later=(Shift(DAY + timedelta(5), AIM, one.slots[AIM], None, line),))
    [problem] = told(files(lapsing))
    assert (problem.source, problem.severity) == (line, "warning")
    assert problem.what == (
        "from 2026-11-28 the slot is not managed, and apply cannot be complete: nobody is declared as "
        "learning aim assessor 41242 after 2026-11-27 for LRN-0042"
    )
    assert problem.fix == "Add an entry for the time after, with 'staff: null' if nobody should hold the slot then."


def test_a_default_left_to_nobody_has_no_number() -> None:
    """A learner has one of them."""
    one = learner(SLOTS)
    lapsing = replace(one, later=(Shift(DAY + timedelta(5), DEFAULT, one.slots[DEFAULT], None, COVER),))
    [problem] = told(files(lapsing))
    assert "nobody is declared as default assessor after 2026-11-27" in problem.what


def test_nothing_coming_is_no_word() -> None:
    """A cover that breaks nothing, a policy that is off, and a learner without a future."""
    off = Settings(
        CENTRE, policies=dict.fromkeys(("iqa_independent", "coverage", "caseload", "trainee_assessor"), "off")
    )
    assert told(files(covered(OSCAR))) == []
    assert told(files(covered(), settings=off)) == []
    assert told(files(learner(SLOTS))) == []


def test_a_lapsed_slot_is_set_aside_in_the_plan_and_keeps_it_from_being_complete() -> None:
    """Who was there last is there still, as far as OneFile shows it, and nobody may overlook that."""
    one = replace(learner({DEFAULT: KATE}), lapsed={AIM: Lapse(date(2026, 11, 1), COVER)})
    held: dict[Slot, Holder] = {DEFAULT: KATE}
    for holder, holds in ((JAMES, {AIM: JAMES}), (None, {AIM: None}), (Unread.UNREADABLE, {})):
        made = make_plan(declared(one), observed({LEARNER: held | holds}), {}, target="x", created_at=NOON)
        why = "nobody is declared for it after 2026-11-01"
        assert made.changes[1] == change(AIM, holder, None, action="no-op", reason="declared", blocked=why)
        assert made.changes[1].source == COVER
        assert (made.summary.blocked, made.in_sync, made.operations) == (1, False, ())
