"""Whose caseload a coming day takes past their target or maximum: told today, once, with the line that does it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reconciler.model.declared import Declared, DeclaredLearner, Level, Settings, Shift, Staff, Waiver, Wanted
from reconciler.model.structs import replace
from reconciler.plan.compare import make_plan
from reconciler.plan.lookahead import foresee, foresee_breaches, look_ahead
from reconciler.problems import Source
from tests.factories import (
    COHORT,
    DAY,
    DEFAULT,
    HANDLES,
    JAMES,
    KATE,
    NOON,
    ORGANISATION,
    declared,
    learner,
    member,
    observed,
)

COVER = Source("state/staff.yaml", 12)
BACK = Source("state/staff.yaml", 14)


def moved(number: int, days: int = 10, *, back: int = 0) -> DeclaredLearner:
    """James's learner, whom Kate takes on a coming day, and perhaps gives back."""
    one = learner({DEFAULT: JAMES}, number, label="")
    kate = Wanted(KATE, HANDLES[KATE], COVER, "cover")
    later = [Shift(DAY + timedelta(days), DEFAULT, one.slots[DEFAULT], kate, COVER)]
    if back:
        later.append(Shift(DAY + timedelta(back), DEFAULT, kate, one.slots[DEFAULT], BACK))
    return replace(one, later=tuple(later))


def centre(
    *learners: DeclaredLearner, target: int | None = None, maximum: int | None = 3, waivers: tuple[Waiver, ...] = (),
    level: Level = "warn",
) -> Declared:  # fmt: skip
    """Kate has two learners of her own, and a number that she should not pass."""
    staff: list[Staff] = [member("kate-anderson", KATE, target=target, maximum=maximum), member("james-fayre", JAMES)]
    settings = Settings(ORGANISATION, waivers=waivers, policies={"caseload": level, "coverage": "off"})
    own = (learner({DEFAULT: KATE}, number, label="") for number in (200001, 200002))
    return replace(declared(*own, *learners, staff=staff, settings=settings), horizon=DAY + timedelta(28))


def told(state: Declared) -> list[str]:
    """What plan says over a reading that holds what is declared; the files alone must say the same."""
    seen = observed(
        {one.id: {slot: want.staff for slot, want in one.slots.items()} for one in state.learners if one.id}
    )
    problems = look_ahead(state, seen, make_plan(state, seen, {}, target="sandbox", created_at=NOON).changes)
    assert problems == foresee(state)
    return [f"{one.source}: {one.what}" for one in problems]


def test_a_stand_in_who_gains_too_many_is_told_of_before_the_day() -> None:
    """By plan, validate and calendar: the day, the line of the cover, and how many it will be."""
    state = centre(moved(200004), moved(200005))
    words = "the plan will warn: kate-anderson would hold 4 learners, above the maximum of 3 [caseload]"
    assert told(state) == [f"{COVER}: from 2026-12-03 {words}"]
    ((day, problem),) = foresee_breaches(state)
    assert (day, problem.fix) == (
        date(2026, 12, 3), "Give learners to somebody else, or raise caseload.max in staff.yaml.",
    )  # fmt: skip


def test_whoever_keeps_to_the_number_is_not_named() -> None:
    """Nor anybody whose number nobody wrote down."""
    assert told(centre(moved(200004))) == []
    assert told(centre(*map(moved, range(200004, 200020)), maximum=None)) == []


def test_what_is_passed_today_is_not_told_again_for_tomorrow() -> None:
    """The plan's own finding says it."""
    assert told(centre(moved(200004), maximum=1)) == []


def test_a_number_that_is_passed_again_later_is_told_again() -> None:
    """Whoever comes back takes their learners along, so that between the two days there were not too many."""
    state = centre(moved(200004, 5, back=8), moved(200005, 6, back=9), moved(200006, 12), moved(200007, 13))
    assert [words.split(" the plan")[0] for words in told(state)] == [
        f"{COVER}: from 2026-11-29",
        f"{COVER}: from 2026-12-06",
    ]


@pytest.mark.parametrize(("level", "verdict"), [("warn", "the plan will warn"), ("error", "the plan will be refused")])
def test_the_policys_level_decides_of_a_maximum_and_a_target_only_warns(level: Level, verdict: str) -> None:
    """As on the day itself."""
    (words,) = told(centre(moved(200004), moved(200005), level=level))
    assert verdict in words
    (words,) = told(centre(moved(200004), moved(200005), level=level, target=3, maximum=None))
    assert "the plan will warn: kate-anderson would hold 4 learners, above the target of 3" in words
    assert told(centre(moved(200004), moved(200005), level="off")) == []


def test_a_waiver_lets_a_coming_caseload_pass_until_it_ends() -> None:
    """Its end is a day that brings something."""
    waiver = Waiver("caseload", "new staff in January", "head", DAY + timedelta(15), cohort=COHORT)
    assert [words.split(" the plan")[0] for words in told(centre(moved(200004), moved(200005), waivers=(waiver,)))] == [
        "state/staff.yaml:4: from 2026-12-09"
    ]
