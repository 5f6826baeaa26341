"""Slots that moved together, or again after each correction, are one finding with its likely cause; no slot has two."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import Settings
from reconciler.model.observed import Observed, ObservedStaff
from reconciler.model.slots import Slot, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.causes import LEAST_TOGETHER, SAME_HOUR, find_causes, same_hour
from reconciler.plan.compare import make_plan
from reconciler.plan.drift import CauseKind, DriftAction, Drifted, Memory, decide_drift, place_of
from reconciler.store import OpenIssue
from tests.factories import (
    AIM,
    DEFAULT,
    JAMES,
    KATE,
    LEARNER,
    NOON,
    NOOR,
    ORGANISATION,
    change,
    declared,
    learner,
    observed,
)

PEOPLE = [KATE, JAMES, NOOR]
FIRST = 200100


def moved(number: int, left: UserId | None, came: UserId | None, slot: Slot = DEFAULT, **more: object) -> Drifted:
    row = change(slot, came, left, learner=FIRST + number, reason="drift")
    return Drifted(row, DriftAction.CORRECT, NOON, NOON, **more)  # type: ignore[arg-type]


def reading(*archived: UserId) -> Observed:
    staff = {(ORGANISATION, user): ObservedStaff(user, "archived") for user in archived}
    return Observed(NOON, {}, staff=staff)


def over(drifted: Iterable[Drifted], *times: datetime) -> list[OpenIssue]:
    """The earlier sightings of these slots, which were corrected."""
    rows = [drift.change for drift in drifted]
    return [
        OpenIssue(1, "drift", row.learner, row.slot, row.before, row.after, time, time, time, "corrected by run 1")
        for row in rows
        for time in times
    ]


DRIFT = st.lists(
    st.builds(
        moved,
        st.integers(0, 30),
        st.sampled_from([*PEOPLE, None]),
        st.sampled_from([*PEOPLE, None]),
        st.sampled_from([DEFAULT, AIM]),
        corrections=st.integers(0, 3),
    ),
    max_size=40,
    unique_by=lambda drifted: place_of(drifted.change),
).map(tuple)


@given(DRIFT, st.sets(st.sampled_from(PEOPLE)))
def test_no_slot_has_two_causes_and_every_cause_has_several(drift: tuple[Drifted, ...], archived: set[UserId]) -> None:
    """What a cause says of its slots is true of each of them, and one moment of one slot makes no pattern."""
    causes = find_causes(drift, reading(*archived), over(drift, NOON - timedelta(days=1)))
    places = [place for cause in causes for place in cause.places]
    assert len(places) == len(set(places))
    assert set(places) <= {place_of(drifted.change) for drifted in drift}
    for cause in causes:
        assert len(cause.slots) > 1 or cause.corrections > 1
        for drifted in cause.slots:
            assert cause.left in (None, drifted.change.after)
            assert cause.came in (None, drifted.change.before)
            assert cause.since <= drifted.first_seen
        if cause.kind is CauseKind.ARCHIVED:
            assert cause.left in archived


@given(DRIFT, st.sampled_from(PEOPLE), st.integers(2, 20))
def test_an_heir_is_found_whatever_else_moved(drift: tuple[Drifted, ...], left: UserId, count: int) -> None:
    """And is likely if everything that the archived person held went to the one."""
    heir = UserId(1)
    others = [drifted for drifted in drift if drifted.change.after != left]
    lost = [moved(100 + number, left, heir) for number in range(count)]
    (cause,) = [cause for cause in find_causes([*others, *lost], reading(left)) if cause.left == left]
    assert (cause.kind, cause.came, cause.learners, cause.confidence) == (CauseKind.ARCHIVED, heir, count, "likely")
    apart = [*others, *lost, moved(99, left, UserId(2))]
    (cause,) = [cause for cause in find_causes(apart, reading(left)) if cause.left == left]
    assert cause.confidence == "possible"


@given(st.integers(0, 12), st.integers(1, 3))
def test_what_returns_after_corrections_is_one_finding_of_its_kind(count: int, corrections: int) -> None:
    """Two corrections of one slot are enough, or one of three."""
    drift = [moved(number, KATE, JAMES, corrections=corrections) for number in range(count)]
    causes = find_causes(drift, reading(), over(drift, NOON - timedelta(days=1)))
    expected = count >= 3 or (count >= 1 and corrections >= 2)
    assert [cause.kind for cause in causes] == [CauseKind.SENT_AGAIN] * expected
    for cause in causes:
        assert cause.corrections == corrections
        assert cause.between
        assert {moment.time() for moment in cause.between} == {NOON.time()}
        assert cause.confidence == ("likely" if corrections > 1 else "possible")


@given(st.integers(1, 12))
def test_a_batch_came_from_several_people_and_a_reallocation_from_one(count: int) -> None:
    """Below the least number they are moves like any others."""
    batch = [moved(number, PEOPLE[number % 2], NOOR) for number in range(count)]
    found = [cause.kind for cause in find_causes(batch, reading())]
    assert found == [CauseKind.BATCH] * (count >= LEAST_TOGETHER)
    one = [moved(number, KATE, NOOR, AIM) for number in range(count)]
    assert [cause.kind for cause in find_causes(one, reading())] == [CauseKind.REALLOCATED] * (count >= LEAST_TOGETHER)


def test_moves_of_different_readings_are_not_one() -> None:
    """They were not together."""
    drift = [replace(moved(number, KATE, NOOR), first_seen=NOON + timedelta(days=number)) for number in range(9)]
    assert find_causes(drift, reading()) == ()


@given(st.lists(st.integers(0, 9 * 86_400), min_size=2, max_size=6))
def test_the_same_hour_holds_every_time(seconds: list[int]) -> None:
    """Across midnight too."""
    times = [NOON + timedelta(seconds=number) for number in seconds]
    if between := same_hour(times):
        start, end = between
        length = _day(end - start)
        assert length <= SAME_HOUR
        assert all(_day(time - start) <= length for time in times)
    shifted = [NOON.replace(hour=23, minute=30) + timedelta(days=number, hours=number % 2) for number in range(4)]
    assert same_hour(shifted) is not None


def _day(span: timedelta) -> timedelta:
    return span % timedelta(days=1)


# ------------------------------------------------------------------ other writers


@given(st.sampled_from([KATE, JAMES, None]), st.sampled_from([KATE, JAMES, None]))
def test_what_another_system_owns_is_never_written(here: UserId | None, last: UserId | None) -> None:
    """Whether the files moved or OneFile did; the row stays, with the system's name."""
    settings = Settings(ORGANISATION, writers={SlotKind.DEFAULT_ASSESSOR: "mis"})
    wanted = declared(learner({DEFAULT: KATE}), settings=settings)
    recorded = {(LEARNER, DEFAULT): last} if last else {}
    plan = make_plan(wanted, observed({LEARNER: {DEFAULT: here}}), recorded, target="sandbox", created_at=NOON)
    (row,) = plan.changes
    assert plan.operations == plan.manual == ()
    assert (row.held, row.writer) == (("writer", "mis") if here != KATE else ("", ""))
    if row.writer:
        (drifted,) = decide_drift([row], Memory(), settings, NOON)
        assert drifted.verdict is DriftAction.OTHER_WRITER
