"""Planning is one pure comparison: the table in operations.Change, for every way in which three sides can meet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.declared import Allowance, Declared, DeclaredLearner, DriftMode, Limits, Settings, Wanted
from reconciler.model.history import OpenIssue, Sighting
from reconciler.model.observed import AccountStatus, Observed, ObservedLearner, ObservedStaff, Recorded
from reconciler.model.operations import moves
from reconciler.model.plan import Plan
from reconciler.model.slots import Holder, OrganisationId, Place, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.attribution import attributed
from reconciler.plan.compare import Comparison, make_plan
from reconciler.plan.document import document_texts, dumps, to_document
from reconciler.plan.drift import endings
from reconciler.plan.holders import holders
from reconciler.plan.limits import check_limits
from reconciler.plan.operations import summarise
from reconciler.plan.watch import watch_of
from reconciler.problems import Invalid, Source
from tests.factories import (
    ACME,
    AIM,
    AIM_2,
    AIM_IQA,
    DEFAULT,
    EMPLOYER,
    HANDLES,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    NOON,
    NOOR,
    ORGANISATION,
    OSCAR,
    PRIYA,
    STAFF,
    TOM,
    UNIT,
    UNIT_IQA,
    additional,
    declared,
    learner,
    observed,
)
from tests.marks import examples

Recording = UserId | None | Literal["no record"]


def seen(
    slots: Mapping[int, Mapping[Slot, Holder]],
    *,
    standing: Mapping[int, AccountStatus] | None = None,
    staff: Mapping[int, ObservedStaff] | None = None,
    misids: Mapping[str, UserId] | None = None,
) -> Observed:
    """What OneFile holds, with everybody of the directory active there."""
    accounts = {(ORGANISATION, one.id): ObservedStaff(one.id) for one in STAFF}
    accounts |= {(ORGANISATION, UserId(user)): account for user, account in (staff or {}).items()}
    return replace(observed(slots, standing=standing, misids=misids), staff=accounts)


def planned(declared: Declared, observed: Observed, recorded: Recorded | None = None) -> Plan:
    return make_plan(declared, observed, recorded or {}, target="sandbox", created_at=NOON)


def drifting(mode: DriftMode) -> Settings:
    return Settings(ORGANISATION, drift=dict.fromkeys(SlotKind, mode))


# ------------------------------------------------------------------ the table


@pytest.mark.parametrize("mode", ["correct", "report", "ignore"])
@pytest.mark.parametrize("last", ["no record", None, JAMES, KATE], ids=str)
@pytest.mark.parametrize("holds", [None, JAMES, KATE, *Unread], ids=str)
@pytest.mark.parametrize("asks", [None, JAMES], ids=str)
def test_every_meeting_of_the_three_sides_is_as_the_table_says(
    asks: UserId | None, holds: Holder, last: Recording, mode: DriftMode
) -> None:
    """Declared, observed and recorded give action, reason and before, whoever the people are."""
    recorded = {} if last == "no record" else {(LEARNER, AIM): last}
    plan = planned(
        declared(learner({AIM: asks}), settings=drifting(mode)),
        seen({LEARNER: {AIM: holds}}),
        recorded,
    )
    (row,) = plan.changes
    stands_in = holds is Unread.UNREADABLE and last != "no record"
    before = last if stands_in else holds
    assert (row.before, row.after, row.recorded) == (before, asks, stands_in)

    drifted = last == asks and before not in (asks, Unread.UNREADABLE)
    assert row.reason == ("unknown" if before is Unread.UNREADABLE else "drift" if drifted else "declared")

    if before == asks or (before is Unread.UNREADABLE and asks is None):
        assert (row.action, row.blocked, row.held) == ("no-op", "", "")
    elif drifted and mode != "correct":
        assert (row.action, row.blocked, row.held) == ("no-op", "", mode)
    elif before in (Unread.NOT_HELD, Unread.AMBIGUOUS):
        assert (row.action, row.held) == ("no-op", "")
        assert row.blocked
        assert [problem.source for problem in plan.problems] == [row.source]
    else:
        wanted = "delete" if asks is None else "create" if before in (None, Unread.UNREADABLE) else "update"
        assert (row.action, row.blocked, row.held) == (wanted, "", "")


def test_a_stand_in_is_a_change_because_of_cover() -> None:
    """Cover is neither a new declaration nor drift, and the plan says so; OneFile moving meanwhile is drift."""
    who = learner({DEFAULT: JAMES})
    wanted = Wanted(NOOR, HANDLES[NOOR], Source("state/staff.yaml", 9), reason="cover")
    covered = declared(replace(who, slots={DEFAULT: wanted}))
    before_cover = planned(covered, seen({LEARNER: {DEFAULT: JAMES}}), {(LEARNER, DEFAULT): JAMES})
    assert [(row.action, row.reason) for row in before_cover.changes] == [("update", "cover")]
    moved_since = planned(covered, seen({LEARNER: {DEFAULT: KATE}}), {(LEARNER, DEFAULT): NOOR})
    assert [(row.action, row.reason) for row in moved_since.changes] == [("update", "drift")]


# ------------------------------------------------------------------ general laws

PEOPLE: Mapping[SlotKind, tuple[UserId, ...]] = {
    SlotKind.DEFAULT_ASSESSOR: (KATE, JAMES, NOOR),
    SlotKind.DEFAULT_EMPLOYER: (ACME,),
    SlotKind.LEARNING_AIM_ASSESSOR: (KATE, JAMES, NOOR),
    SlotKind.LEARNING_AIM_IQA: (PRIYA, OSCAR),
    SlotKind.UNIT_ASSESSOR: (KATE, JAMES, NOOR),
    SlotKind.UNIT_IQA: (PRIYA, OSCAR),
}
SLOTS = (DEFAULT, EMPLOYER, AIM, AIM_2, AIM_IQA, UNIT, UNIT_IQA, additional(LEE), additional(KATE))


@st.composite
def _holders(draw: st.DrawFn, slots: st.SearchStrategy[list[Slot]], *extra: Holder) -> Any:
    found = {}
    for slot in draw(slots):
        members = [UserId(int(slot.key or 0))] if slot.kind is SlotKind.ADDITIONAL else PEOPLE[slot.kind]
        found[slot] = draw(st.sampled_from([*members, *extra]))
    return found


SOME_SLOTS = st.lists(st.sampled_from(SLOTS), unique=True)
Side = tuple[dict[Slot, UserId | None], dict[Slot, Holder], dict[Slot, UserId | None], str, AccountStatus]
SIDES: st.SearchStrategy[list[Side]] = st.lists(
    st.tuples(
        _holders(SOME_SLOTS, None),
        _holders(st.just(list(SLOTS)), None, *Unread),
        _holders(SOME_SLOTS, None),
        st.sampled_from(["early-years", "care"]),
        st.sampled_from(["active"] * 4 + ["archived", "missing", "not listed"]),
    ),
    max_size=4,
)


def plan_of_sides(sides: list[Side], *, turned: bool = False, mode: DriftMode = "correct") -> Plan:
    """Plan one learner for each side, from 200001 up; `turned` gives every collection the other way round."""
    return planned(*sides_of(sides, turned=turned, mode=mode))


def sides_of(
    sides: list[Side], *, turned: bool = False, mode: DriftMode = "correct"
) -> tuple[Declared, Observed, dict[Place, UserId | None]]:
    step = -1 if turned else 1
    numbered = list(enumerate(sides, 200001))[::step]
    learners = [ask(number, dict(list(side[0].items())[::step]), side[3]) for number, side in numbered]
    holds = {number: dict(list(side[1].items())[::step]) for number, side in numbered}
    recorded = {(UserId(number), slot): who for number, side in numbered for slot, who in side[2].items()}
    standing = {number: side[4] for number, side in numbered}
    files = declared(*learners, staff=STAFF[::step], settings=drifting(mode))
    return files, seen(holds, standing=standing), recorded


def ask(number: int, slots: Mapping[Slot, UserId | None], cohort: str) -> DeclaredLearner:
    """Each slot on a line of its own, wherever it stands in the mapping."""
    who = learner({}, number, cohort=cohort)
    lines = {slot: Source(who.source.file, 11 + SLOTS.index(slot)) for slot in slots}
    return replace(
        who, slots={slot: Wanted(one, HANDLES[one] if one else None, lines[slot]) for slot, one in slots.items()}
    )


@settings(max_examples=examples(40))
@given(SIDES, st.sampled_from(["correct", "report", "ignore"]))
def test_a_plan_does_not_depend_on_the_order_of_anything(sides: list[Side], mode: DriftMode) -> None:
    """Learners, slots, staff, readings and records may come in any order."""
    assert plan_of_sides(sides, mode=mode) == plan_of_sides(sides, turned=True, mode=mode)


@settings(max_examples=examples(40))
@given(SIDES)
def test_rows_are_sorted_by_cohort_learner_and_slot(sides: list[Side]) -> None:
    """So that two plans can be laid side by side."""
    rows = plan_of_sides(sides).changes
    assert list(rows) == sorted(rows, key=lambda row: (row.cohort, row.learner, row.slot.order()))


@settings(max_examples=examples(40))
@given(SIDES, st.sampled_from(["correct", "report", "ignore"]))
def test_operations_are_exactly_those_of_the_written_rows(sides: list[Side], mode: DriftMode) -> None:
    """Each created or updated slot is in one operation with its old and new holder; nothing else is in any."""
    plan = plan_of_sides(sides, mode=mode)
    written = [(one.learner, slot, move.before, move.after) for one in plan.operations for slot, move in moves(one)]
    asked = [
        (row.learner, row.slot, row.before, row.after) for row in plan.changes if row.action in ("create", "update")
    ]
    assert sorted(written, key=str) == sorted(asked, key=str)
    assert not [row for row in plan.changes if (row.blocked or row.held) and row.action != "no-op"]


@settings(max_examples=examples(40))
@given(SIDES)
def test_a_learner_gets_newcomers_first_and_both_defaults_in_one_call(sides: list[Side]) -> None:
    """Make before break, and no call more than needed."""
    plan = plan_of_sides(sides)
    for user in {one.learner for one in plan.operations}:
        kinds = [{slot.kind for slot, _ in moves(one)} for one in plan.operations if one.learner == user]
        added = [kind == {SlotKind.ADDITIONAL} for kind in kinds]
        assert added == sorted(added, reverse=True)
        defaults = [kind for kind in kinds if kind & {SlotKind.DEFAULT_ASSESSOR, SlotKind.DEFAULT_EMPLOYER}]
        assert len(defaults) <= 1


@settings(max_examples=examples(40))
@given(SIDES)
def test_every_row_is_counted_once(sides: list[Side]) -> None:
    """The summary's counts add up to the rows, so that nothing is quietly left out."""
    plan = plan_of_sides(sides, mode="report")
    count = plan.summary
    counted = count.create + count.update + count.no_op + count.unknown + count.manual + count.blocked + count.reported
    assert counted == len(plan.changes)
    assert (count.write_calls, count.manual) == (len(plan.operations), len(plan.manual))


@settings(max_examples=examples(40))
@given(SIDES)
def test_what_is_as_declared_plans_nothing(sides: list[Side]) -> None:
    """Declare exactly what is held: nothing is written, nobody has a step to do, whatever was recorded."""
    agreeing: list[Side] = [
        (
            {slot: who for slot, who in holds.items() if not isinstance(who, Unread)},
            {slot: who for slot, who in holds.items() if not isinstance(who, Unread)},
            {slot: who for slot, who in last.items() if slot.kind is not SlotKind.ADDITIONAL},
            cohort,
            "active",
        )
        for _, holds, last, cohort, _ in sides
    ]
    plan = plan_of_sides(agreeing)
    assert plan.in_sync
    assert {row.action for row in plan.changes} <= {"no-op"}


@settings(max_examples=examples(40))
@given(SIDES)
def test_only_declared_slots_and_our_own_additions_are_in_a_plan(sides: list[Side]) -> None:
    """What is not declared is not managed, except to take back whom we added."""
    for row in plan_of_sides(sides).changes:
        asks, _, last, _, _ = sides[row.learner - 200001]
        ours = row.slot.kind is SlotKind.ADDITIONAL and last.get(row.slot) is not None
        assert row.slot in asks or (ours and row.after is None)


# ------------------------------------------------------------------ what cannot be written


@pytest.mark.parametrize(
    ("standing", "says"), [("archived", "archived"), ("missing", "no user"), ("not listed", "not among the active")]
)
def test_nothing_is_written_for_a_learner_who_is_not_active(standing: AccountStatus, says: str) -> None:
    """Every row of the learner is blocked, and one problem, at the learner's line, says why."""
    who = learner({DEFAULT: JAMES, UNIT: NOOR})
    plan = planned(declared(who), seen({LEARNER: {}}, standing={LEARNER: standing}))
    assert [(row.action, bool(row.blocked)) for row in plan.changes] == [("no-op", True)] * 2
    assert plan.operations == ()
    assert [problem.source for problem in plan.problems] == [who.source]
    assert says in plan.problems[0].what
    assert plan.summary.blocked == 2
    assert not plan.in_sync


@pytest.mark.parametrize("standing", ["archived", "missing", "not listed"])
def test_nobody_is_assigned_whose_account_is_not_active(standing: AccountStatus) -> None:
    """Only the slots that would get that account are blocked; the rest of the learner proceeds."""
    plan = planned(
        declared(learner({DEFAULT: JAMES, UNIT: NOOR})),
        seen({LEARNER: {DEFAULT: KATE, UNIT: None}}, staff={JAMES: ObservedStaff(JAMES, standing)}),
    )
    assert [(row.slot, row.action) for row in plan.changes] == [(DEFAULT, "no-op"), (UNIT, "create")]
    assert "james-fayre" in plan.problems[0].what
    assert plan.problems[0].source == plan.changes[0].source


@pytest.mark.parametrize(
    ("slot", "staff", "says"),
    [
        (DEFAULT, JAMES, "james-fayre (OneFile user 122762) is not among the active assessors of organisation 5740"),
        (DEFAULT, TOM, "tom-reed (OneFile user 150001) is not among the active trainee assessors of organisation 5740"),
        (AIM_IQA, PRIYA, "priya-shah (OneFile user 140001) is not among the active IQAs of organisation 5740"),
    ],
)
def test_an_account_that_is_not_listed_is_looked_for_among_those_of_its_role(
    slot: Slot, staff: UserId, says: str
) -> None:
    """The role in staff.yaml may be what is wrong, so it is named."""
    who: dict[int, ObservedStaff] = {staff: ObservedStaff(staff, "not listed")}
    (problem,) = planned(declared(learner({slot: staff})), seen({LEARNER: {slot: None}}, staff=who)).problems
    assert problem.what == f"LRN-0042: {says}"
    assert problem.fix.startswith("Correct the id or the role at state/staff.yaml:4")


def test_an_account_that_already_holds_its_slot_is_left_there_whatever_became_of_it() -> None:
    """An archived assessor whom the files still name is no change, so nothing is blocked."""
    plan = planned(
        declared(learner({DEFAULT: JAMES})),
        seen({LEARNER: {DEFAULT: JAMES}}, staff={JAMES: ObservedStaff(JAMES, "archived")}),
    )
    assert [(row.action, row.blocked) for row in plan.changes] == [("no-op", "")]


@pytest.mark.parametrize(
    ("learners", "employers", "blocked"), [(8101, 8102, True), (8101, 8101, False), (None, 8102, False)]
)
def test_an_employer_of_another_placement_is_blocked_where_both_are_known(
    learners: int | None, employers: int, blocked: bool
) -> None:
    """OneFile offers only employers of the learner's placement."""
    found = seen({}, staff={ACME: ObservedStaff(ACME, placement=employers)})
    here = ObservedLearner(LEARNER, placement=learners, slots={EMPLOYER: None})
    plan = planned(declared(learner({EMPLOYER: ACME})), replace(found, learners={LEARNER: here}))
    assert [bool(row.blocked) for row in plan.changes] == [blocked]


def test_an_employer_of_another_placement_is_written_where_the_policy_is_off() -> None:
    """Whoever switches the policy off says that placements are no matter; OneFile has the last word."""
    found = seen({}, staff={ACME: ObservedStaff(ACME, placement=8102)})
    here = ObservedLearner(LEARNER, placement=8101, slots={EMPLOYER: None})
    settings = Settings(ORGANISATION, policies={"employer_placement": "off"})
    plan = planned(declared(learner({EMPLOYER: ACME}), settings=settings), replace(found, learners={LEARNER: here}))
    assert [(row.action, row.blocked) for row in plan.changes] == [("create", "")]


def test_staff_count_only_in_the_learners_own_organisation() -> None:
    """The same person in another organisation of the customer is another account there."""
    elsewhere = OrganisationId(5741)
    here = replace(learner({DEFAULT: JAMES}), organisation=elsewhere)
    assert [bool(row.blocked) for row in planned(declared(here), seen({LEARNER: {DEFAULT: KATE}})).changes] == [True]


# ------------------------------------------------------------------ the record


def test_additional_people_whom_we_added_become_a_manual_step_when_nobody_asks_for_them() -> None:
    """OneFile has no unassign, so the plan names the page; whom we never added is not ours to remove."""
    plan = planned(
        declared(learner({DEFAULT: JAMES})), seen({LEARNER: {DEFAULT: JAMES}}), {(LEARNER, additional(LEE)): LEE}
    )
    (step,) = plan.manual
    assert (step.slot, step.holder, step.page) == (additional(LEE), LEE, "the learner's Access Accounts tab")
    assert not plan.in_sync
    assert not plan.operations


def test_a_manual_step_keeps_its_id_from_plan_to_plan() -> None:
    """People quote it in `reconciler done`."""
    first, second = (
        planned(declared(learner({DEFAULT: None, AIM: aim})), seen({LEARNER: {DEFAULT: KATE, AIM: None}})).manual[0]
        for aim in (None, JAMES)
    )
    assert first.id == second.id
    assert first.page == "Allocations"


@pytest.mark.parametrize(
    ("holds", "last", "blocked"),
    [
        (Unread.UNREADABLE, {}, True),
        (Unread.UNREADABLE, {(LEARNER, DEFAULT): KATE}, True),
        (KATE, {}, False),
        (None, {(LEARNER, DEFAULT): KATE}, False),
    ],
)
def test_an_unsettled_write_blocks_only_what_onefile_does_not_show(
    holds: Holder, last: Mapping[Place, UserId], blocked: bool
) -> None:
    """A slot that can be read has settled itself: a run that was cut off is finished by the next one."""
    plan = make_plan(
        declared(learner({DEFAULT: JAMES})),
        seen({LEARNER: {DEFAULT: holds}}),
        last,
        {(LEARNER, DEFAULT)},
        target="sandbox",
        created_at=NOON,
    )
    assert [bool(row.blocked) for row in plan.changes] == [blocked]
    assert len(plan.operations) == (not blocked)
    assert [problem.fix.count("reconciler done") for problem in plan.problems] == [1] * blocked


# ------------------------------------------------------------------ who is who


def test_a_learner_declared_by_misid_is_planned_under_the_onefile_id() -> None:
    """The reading says who it is; one who was not found is counted as set aside."""
    found, lost = (
        learner({DEFAULT: JAMES}, None, misid="LRN00042"),
        learner({UNIT: NOOR}, None, misid="LRN00043"),
    )
    plan = planned(declared(found, lost), seen({LEARNER: {DEFAULT: KATE}}, misids={"LRN00042": LEARNER}))
    assert [(row.learner, row.action) for row in plan.changes] == [(LEARNER, "update")]
    assert plan.summary.blocked == 1


def test_two_declarations_of_one_learner_are_refused_at_the_second() -> None:
    """Neither of them can be right alone, so nothing is planned."""
    by_id, by_misid = learner({DEFAULT: JAMES}), learner({DEFAULT: KATE}, None, misid="LRN00042", cohort="care")
    for pair in ((by_id, by_misid), (by_misid, by_id)):
        with pytest.raises(Invalid) as refused:
            planned(declared(*pair), seen({LEARNER: {}}, misids={"LRN00042": LEARNER}))
        assert [problem.source for problem in refused.value.problems] == [by_misid.source]


def test_a_plan_has_whole_seconds() -> None:
    """What is saved and read back is the same plan."""
    late = NOON + timedelta(microseconds=999_999)
    plan = make_plan(declared(), seen({}), {}, target="sandbox", created_at=late)
    assert plan.created_at == NOON


# ------------------------------------------------------------------ learners of whom nothing differs


@st.composite
def _near(draw: st.DrawFn) -> Side:
    """A learner of whom OneFile and the record have, but for a slot or two, what is declared."""
    asked = draw(_holders(SOME_SLOTS))
    some = st.lists(st.sampled_from(SLOTS), max_size=1)
    held = {**asked, **draw(_holders(some, None, *Unread))}
    recorded = {**asked, **draw(_holders(some, None))}
    standing = draw(st.sampled_from(["active"] * 9 + ["archived"]))
    return asked, held, recorded, draw(st.sampled_from(["early-years", "care"])), standing


SEEN = st.dictionaries(
    st.tuples(st.sampled_from([200001, 200002]), st.sampled_from(SLOTS)),
    st.lists(st.builds(Sighting, st.sampled_from([KATE, PRIYA, None]), st.just(NOON)), min_size=1, max_size=2).map(
        tuple
    ),
)


@given(st.lists(_near(), min_size=1, max_size=4), SEEN, st.sampled_from(["correct", "report", "ignore"]))
def test_what_is_compared_in_bulk_is_as_slot_by_slot(
    sides: list[Side], seen_before: dict[Place, tuple[Sighting, ...]], mode: DriftMode
) -> None:
    """Whatever is made of the plan: its rows, counts, limits, holders, and documents are those of every single slot."""
    files, reading, recorded = sides_of(sides, mode=mode)
    plan = make_plan(files, reading, recorded, target="sandbox", created_at=NOON, seen=seen_before)
    single = Comparison(files, reading, recorded, frozenset(), seen_before)
    in_order = sorted(files.learners, key=lambda who: (who.cohort, who.id or 0))
    rows = tuple(row for who in in_order if who.id for row in single.slot_by_slot(who, reading.learners[who.id]))
    assert plan.changes == rows
    assert [row.source for row in plan.changes] == [row.source for row in rows]
    each = replace(plan, changes=rows)
    assert plan.summary == summarise(rows, 0, len(plan.operations), reading.calls, files.settings.calls_per_minute)
    assert (plan.learners, plan.by_site()) == (each.learners, each.by_site())
    assert {site: rows for site, rows in plan.as_declared().items() if rows} == each.as_declared()
    assert watch_of(plan, files, recorded, seen_before) == watch_of(each, files, recorded, seen_before)
    for full in (True, False):
        assert to_document(plan, full=full) == to_document(each, full=full)
        assert "".join(document_texts(plan, full=full)) == dumps(to_document(each, full=full))
    issues = [OpenIssue(1, "drift", user, slot, KATE, PRIYA, NOON, NOON) for user in plan.learners for slot in SLOTS]
    ending, single_ending = (endings(whole, lambda _, row: repr(row)) for whole in (plan, each))
    assert list(map(ending, issues)) == list(map(single_ending, issues))
    for after in (True, False):
        assert holders(reading, plan.changes, after=after) == holders(reading, rows, after=after)
    strict = Limits(*[Allowance(0, 0.0)] * 6)
    assert check_limits(strict, plan.changes) == check_limits(strict, rows)
    assert attributed(plan, plan, "abc") == attributed(each, each, "abc")
