"""Judging drift is pure: who may be put back, who waits and who is asked, for every way in which it can stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import DriftMode, Settings
from reconciler.model.operations import Move, Outcome, State, moves, step_id
from reconciler.model.plan import CaseloadRow, Change, Finding, Holding
from reconciler.model.slots import Handle, Place, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.drift import (
    Approval,
    DriftAction,
    Drifted,
    DriftReport,
    Memory,
    decide_drift,
    differs,
    drift_ending,
    endings,
    fight_ending,
    fight_id,
    fought_over,
    is_due,
    nothing_approved,
    place_of,
    restrict_to,
    step_ending,
    unmanaged,
    wanted_by,
)
from reconciler.plan.operations import operations_for, removal, summarise
from reconciler.problems import Problem
from reconciler.store import Correction, LastApplied, OpenIssue
from tests.factories import (
    AIM,
    AIM_IQA,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    NOON,
    NOOR,
    ORGANISATION,
    UNIT,
    additional,
    change,
    declared,
    learner,
    observed,
    plan_of,
)

HOUR = timedelta(hours=1)


def drifted(slot: Slot = DEFAULT, before: UserId | None = JAMES, after: UserId | None = KATE, **more: str) -> Change:
    return change(slot, before, after, reason="drift", **more)


def seen(row: Change, at: datetime = NOON) -> OpenIssue:
    return OpenIssue(1, "drift", row.learner, row.slot, row.before, row.after, at, NOON)


def modes(mode: DriftMode, grace_hours: int = 0) -> Settings:
    return Settings(ORGANISATION, drift=dict.fromkeys(SlotKind, mode), grace_hours=grace_hours)


def approval(wanted: Mapping[Place, UserId | None], settings: Settings | None = None) -> Approval:
    return Approval("0123abc", settings or modes("correct"), wanted)


def verdict(
    row: Change,
    settings: Settings,
    approved: Approval | None = None,
    *,
    fought: bool = False,
    after: timedelta = timedelta(),
) -> DriftAction:
    fights = {place_of(row): seen(row)} if fought else {}
    memory = Memory(seen={place_of(row): seen(row)}, fights=fights)
    (one,) = decide_drift([row], memory, settings, NOON + after, approved)
    return one.verdict


# ------------------------------------------------------------------ who may be put back


@pytest.mark.parametrize("fought", [False, True])
@pytest.mark.parametrize("wanted", [None, KATE, NOOR, "not declared"], ids=str)
@pytest.mark.parametrize("approved_mode", get_args(DriftMode))
@pytest.mark.parametrize("mode", ["correct", "report"])
@pytest.mark.parametrize("row", [drifted(), drifted(before=None), drifted(after=None), drifted(blocked="archived")])
def test_only_what_everything_allows_is_corrected(
    row: Change, mode: DriftMode, approved_mode: DriftMode, wanted: UserId | str | None, fought: bool
) -> None:
    """Both modes, the approved value, nobody taken off, nothing set aside, no fight."""
    place = place_of(row)
    declared = {} if wanted == "not declared" else {place: wanted}
    found = verdict(row, modes(mode), approval(declared, modes(approved_mode)), fought=fought)  # type: ignore[arg-type]
    agreed = mode == approved_mode == "correct" and wanted == row.after == KATE
    assert (found is DriftAction.CORRECT) == (agreed and not fought and not row.blocked)


@given(st.integers(0, 100), st.integers(0, 100), st.floats(0, 200))
def test_the_longer_time_of_grace_holds(here: int, approved: int, hours: float) -> None:
    """Of the files' and the approved files': neither a work tree nor an old commit shortens it."""
    row = drifted()
    found = verdict(
        row,
        modes("correct", here),
        approval({place_of(row): KATE}, modes("correct", approved)),
        after=hours * HOUR,
    )
    assert (found is DriftAction.CORRECT) == (hours * HOUR >= max(here, approved) * HOUR)


def test_where_nothing_is_approved_nothing_is_corrected() -> None:
    """Not even what the files ask for, with the longest time of grace over."""
    settings = modes("correct", 5)
    none = nothing_approved(settings)
    assert (none.commit, none.settings, none.wanted) == ("", settings, {})
    assert verdict(drifted(), settings, none, after=500 * HOUR) is DriftAction.NOT_APPROVED


def test_what_waits_says_since_when_until_when_and_what_came_before() -> None:
    """People weigh it by that: who was last applied, and how often it was put back. New drift begins now."""
    known, new = drifted(), drifted(AIM)
    place, last = place_of(known), LastApplied(KATE, 1, NOON, "kate")
    memory = Memory(seen={place: seen(known, NOON - 2 * HOUR)}, applied={place: last}, corrections={place: 2})
    assert decide_drift([known, new], memory, modes("correct", 5), NOON) == (
        Drifted(known, DriftAction.GRACE, NOON - 2 * HOUR, NOON + 3 * HOUR, last, 2),
        Drifted(new, DriftAction.GRACE, NOON, NOON + 5 * HOUR, None, 0, is_new=True),
    )
    assert decide_drift([new], Memory(), modes("correct"), NOON)[0].verdict is DriftAction.CORRECT


def test_a_slot_is_wanted_as_the_files_ask_where_it_is_known_whose_it_is() -> None:
    """By id, or by a MISID that the reading knows; also where they ask for nobody."""
    files = declared(
        learner({DEFAULT: KATE, AIM: None}),
        learner({DEFAULT: JAMES}, None, misid="M1"),
        learner({DEFAULT: NOOR}, None, misid="M2"),
    )
    assert wanted_by(files, observed({}, misids={"M1": UserId(200005)})) == {
        (LEARNER, DEFAULT): KATE,
        (LEARNER, AIM): None,
        (200005, DEFAULT): JAMES,
    }


def test_a_plan_of_corrections_writes_the_chosen_slots_and_keeps_the_rest_in_view() -> None:
    """Other changes are left undone but stay as rows, so that shares and policies see the same centre."""
    rows = [drifted(), change(EMPLOYER, KATE, JAMES), change(AIM, JAMES, None), change(AIM_IQA, KATE, KATE)]
    plan = restrict_to(plan_of(rows), {place_of(row) for row in rows[:1]}, 300)
    assert [one.action for one in plan.changes] == ["update", "no-op", "no-op", "no-op"]
    assert [place_of(one) for one in plan.changes] == [place_of(row) for row in rows]
    assert (plan.manual, plan.summary.update, plan.summary.blocked) == ((), 1, 0)
    assert list(map(moves, plan.operations)) == [((DEFAULT, Move(JAMES, KATE)),)]  # and not the employer's in its call


def test_a_plan_of_corrections_counts_its_own_rows_and_says_nothing_of_the_others() -> None:
    """Problems, steps, findings and refusals of the whole plan are not its own; what the reading cost is."""
    aside = change(EMPLOYER, KATE, JAMES, action="no-op", blocked="archived")
    rows = [drifted(), aside, replace(drifted(AIM), action="no-op", held="report")]
    whole = replace(
        plan_of(rows, reads=7),
        manual=(removal(change(UNIT, KATE, None), {}),),
        problems=(Problem("what", "fix"),),
        findings=(Finding("coverage", "error", "what", "fix"),),
        refusals=(Problem("too much", "less"),),
        caseload=(CaseloadRow(Handle("kate-anderson"), KATE, Holding(), Holding()),),
    )
    rest = [replace(row, action="no-op", blocked="", held="") for row in rows[1:]]
    assert restrict_to(whole, {place_of(rows[0])}, 60) == replace(
        plan_of([rows[0], *rest]), summary=summarise([rows[0], *rest], 0, 1, 7, 60)
    )


@given(st.sets(st.sampled_from([DEFAULT, EMPLOYER, AIM, AIM_IQA, UNIT])))
def test_a_plan_of_corrections_never_takes_anybody_off(chosen: set[Slot]) -> None:
    """Not even where it is asked to."""
    rows = [drifted(slot, after=None) for slot in (DEFAULT, EMPLOYER, AIM, AIM_IQA, UNIT)]
    plan = restrict_to(plan_of(rows), {(LEARNER, slot) for slot in chosen}, 300)
    assert {row.action for row in plan.changes} == {"no-op"}
    assert (plan.operations, plan.manual, plan.summary.manual) == ((), (), 0)


# ------------------------------------------------------------------ fights


@given(st.lists(st.integers(0, 200), max_size=8), st.integers(0, 200) | st.none())
def test_three_corrections_since_the_last_answer_are_a_fight(at: list[int], answered: int | None) -> None:
    """What came before a person answered no longer counts."""
    corrections = [Correction(LEARNER, DEFAULT, 1, NOON + hours * HOUR) for hours in at]
    answers = {} if answered is None else {(LEARNER, DEFAULT): NOON + answered * HOUR}
    fought, counts = fought_over([drifted()], modes("correct"), corrections, answers)
    since = sum(answered is None or hours > answered for hours in at)
    assert (bool(fought), counts[LEARNER, DEFAULT]) == (since >= 3, since)


def test_what_is_only_reported_is_no_fight() -> None:
    """Nobody corrects it any more."""
    corrections = [Correction(LEARNER, DEFAULT, 1, NOON)] * 5
    assert fought_over([drifted()], modes("report"), corrections, {})[0] == set()


def test_a_fight_and_a_step_of_one_slot_are_answered_apart() -> None:
    """Each has eight hex digits, the same in every run, and another slot's are others."""
    ids = [fight_id(user, slot) for user in (LEARNER, UserId(200005)) for slot in (DEFAULT, AIM)]
    assert len({*ids, step_id(LEARNER, DEFAULT)}) == 5
    assert all(re.fullmatch("[0-9a-f]{8}", one) for one in ids)


# ------------------------------------------------------------------ sorting


def test_what_differs_is_what_is_written_left_to_people_or_set_aside() -> None:
    """What is as declared, and what settings.drift leaves alone, is not."""
    alike = change(DEFAULT, KATE, KATE)
    for row in (drifted(), drifted(after=None), replace(alike, blocked="archived")):
        assert differs(row)
    assert not differs(alike)
    assert not differs(replace(drifted(), action="no-op", held="report"))


def report(rows: Sequence[Change], outcomes: Sequence[Outcome] = (), last: LastApplied | None = None) -> DriftReport:
    memory = Memory(seen={place_of(row): seen(row) for row in rows})
    applied = {place_of(row): last for row in rows if last}
    judged = decide_drift(rows, memory, modes("correct"), NOON)
    return DriftReport(plan_of(rows), NOON, NOON, judged, applied=applied, outcomes=tuple(outcomes))


@pytest.mark.parametrize("state", State)
def test_drift_is_left_unless_its_correction_is_done(state: State) -> None:
    """By us, or by somebody before us; nothing else puts a slot back, and no slot but the operation's."""
    rows = [drifted(), drifted(AIM)]
    (operation,) = operations_for(rows[:1])
    found = report(rows, [Outcome(operation, state)])
    done = state in (State.DONE, State.ALREADY_DONE)
    assert found.corrected() == ({place_of(rows[0])} if done else set())
    assert [one.change for one in found.left()] == (rows[1:] if done else rows)


def test_onefile_has_moved_too_where_a_reading_shows_neither_side_as_it_was_applied() -> None:
    """Our own record, or nothing shown, is no reading."""
    last = LastApplied(NOOR, 1, NOON, "noor")
    row = change(DEFAULT, KATE, JAMES)
    assert report([row], last=last).moved_too(row) == last
    assert report([row], last=replace(last, staff=KATE)).moved_too(row) is None
    assert report([row]).moved_too(row) is None
    for unseen in (replace(row, recorded=True), replace(row, before=Unread.UNREADABLE)):
        assert report([unseen], last=last).moved_too(unseen) is None


def test_what_the_calendar_moved_is_told_from_what_the_files_moved() -> None:
    """Cover; or a declaration that asked for what was applied, on the day when it was."""
    row, last = change(DEFAULT, KATE, JAMES), LastApplied(KATE, 1, NOON, "kate")
    assert is_due(replace(row, reason="cover"), None, {})
    assert is_due(row, last, {place_of(row): KATE})
    assert not is_due(row, last, {place_of(row): JAMES})  # the files asked for it then too: it was not applied
    assert not is_due(row, last, {})
    assert not is_due(row, None, {place_of(row): KATE})
    assert not is_due(change(DEFAULT, None, JAMES), replace(last, staff=None), {})  # not declared is not nobody


def test_what_nobody_declares_is_counted_where_it_was_read() -> None:
    """Only people count: neither empty slots nor what OneFile does not show."""
    held = {DEFAULT: KATE, AIM: JAMES, AIM_IQA: None, UNIT: Unread.UNREADABLE, additional(LEE): LEE}
    plan = plan_of([change(DEFAULT, KATE, KATE)])
    assert unmanaged(plan, observed({LEARNER: held, 999: {DEFAULT: KATE}})) == {
        SlotKind.ADDITIONAL: 1,
        SlotKind.LEARNING_AIM_ASSESSOR: 1,
    }


# ------------------------------------------------------------------ how it ended


@pytest.mark.parametrize(
    ("row", "how"),
    [
        (None, "no longer declared"),
        (change(DEFAULT, KATE, KATE), "back as it was applied"),
        (change(DEFAULT, JAMES, JAMES), "the files accept it"),
        (change(DEFAULT, JAMES, NOOR), "the files ask for somebody else"),
        (drifted(), "settings.drift says to ignore it"),
        (change(DEFAULT, JAMES, NOOR, action="no-op", blocked="archived"), "the files ask for somebody else"),
        (change(DEFAULT, Unread.UNREADABLE, NOOR), "the files ask for somebody else"),
        (change(DEFAULT, KATE, KATE, recorded=True), ""),
        (change(DEFAULT, Unread.UNREADABLE, KATE), ""),
    ],
)
def test_drift_ends_as_the_plan_says_and_only_where_it_looked(row: Change | None, how: str) -> None:
    """What OneFile does not show this time is neither back nor gone."""
    episode = seen(drifted())
    assert drift_ending(episode, row) == how
    assert endings(plan_of([row] if row else []), drift_ending)(episode) == how


def test_a_plan_that_left_learners_unread_ends_nothing_of_theirs() -> None:
    """Neither where the scope left them out nor where their MISID was not found."""
    plan = plan_of([change(DEFAULT, KATE, KATE, learner=1)])
    episode = seen(drifted())
    assert endings(plan, drift_ending)(episode) == "no longer declared"
    assert endings(replace(plan, left_out=1), drift_ending)(episode) == ""
    assert endings(replace(plan, summary=replace(plan.summary, blocked=1)), drift_ending)(episode) == ""


def test_quiet_ends_no_fight() -> None:
    """Only the files or a person do."""
    fight = replace(seen(drifted()), matter="fight", holder=None)
    assert fight_ending(fight, change(DEFAULT, KATE, KATE)) == ""
    assert fight_ending(fight, change(DEFAULT, JAMES, JAMES)) == "the files ask for somebody else"
    assert fight_ending(fight, None) == "no longer declared"


def test_a_step_ends_by_a_reading_or_by_the_files() -> None:
    """And not while OneFile does not show the slot."""
    step = replace(seen(change(DEFAULT, KATE, None)), matter="step", due=None)
    assert step_ending(step, change(DEFAULT, None, None)) == "a reading shows that it is done"
    assert step_ending(step, change(DEFAULT, KATE, KATE)) == "the files ask for them again"
    assert step_ending(step, change(DEFAULT, Unread.UNREADABLE, None)) == ""
    assert step_ending(step, None) == "a reading shows that it is done"  # otherwise the plan keeps it
    assert step_ending(step, change(DEFAULT, KATE, JAMES)) == "the files ask for somebody else"


def test_a_step_stays_open_where_the_same_person_stands_there_or_nothing_was_read() -> None:
    """A learner who is archived is not read; what stands in the row then is our own record."""
    step = replace(seen(change(AIM, KATE, None)), matter="step", due=None)
    assert step_ending(step, change(AIM, KATE, None, recorded=True, action="no-op", blocked="archived")) == ""
    assert step_ending(step, change(AIM, Unread.AMBIGUOUS, None, action="no-op", blocked="two of it")) == ""
    assert step_ending(step, change(AIM, KATE, None)) == ""


def test_a_learner_set_aside_ends_no_step_of_an_additional_person() -> None:
    """The plan of a learner who could not be read has no row for whom the files let go."""
    observer = additional(LEE)
    step = replace(seen(change(observer, LEE, None)), matter="step", due=None)
    aside = change(DEFAULT, KATE, KATE, recorded=True, blocked="archived")
    assert endings(plan_of([aside]), step_ending)(step) == ""
    assert endings(plan_of([replace(aside, blocked="")]), step_ending)(step) == "a reading shows that it is done"


def test_what_lapsed_was_neither_accepted_nor_done() -> None:
    """Where the time of a declaration ran out, the files name nobody: that says nothing of who stands there."""
    lapsed = change(AIM, None, None, blocked="nobody is declared for it after yesterday")
    emptied = seen(drifted(AIM, before=None))
    assert drift_ending(emptied, lapsed) == "no longer declared"
    assert drift_ending(emptied, replace(lapsed, before=Unread.UNREADABLE)) == "no longer declared"
    assert fight_ending(emptied, lapsed) == "no longer declared"
    assert step_ending(emptied, lapsed) == "a reading shows that it is done"
