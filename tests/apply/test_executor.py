"""Applying a plan against the sandbox: what was planned stands, nothing else moved, and the outcomes say so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from onefile_sandbox.faults import Fault
from reconciler.apply.attempt import READINGS
from reconciler.model.operations import AssignUnit, State, moves, step_id
from reconciler.model.slots import Site, Slot, SlotKind, UserId
from reconciler.plan.document import dumps, from_document, to_document
from reconciler.problems import BadAnswer
from tests.apply.parts import ADDED, AIMS, DEFAULT, DEFAULTS, EMPLOYER, FIRST, moved, stands, states
from tests.worlds import JAMES, KATE, LEARNER, LEE, MORGAN, ORGANISATION, PRIYA, ROBIN, TARGET, Wants, trial

AIM = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41242)


@pytest.mark.parametrize(
    "switches",
    [
        (),
        ("iqa_key=IQAID",),
        ("iqa_key=IVUserID",),
        ("iqa_key=InternalVerifierID",),
        ("iqa_key=omit",),
        ("aim_staff_keys=omit",),
        ("defaults_on_get=absent",),
        ("defaults_on_get=absent", "paged_user_fields=same"),
        ("empty_value=omit",),
        ("empty_value=zero",),
        ("write_answer=200_text",),
        ("repeat_assign=refused",),
        ("repeat_assign=duplicate",),
        ("past_last_page=last_again",),
        ("past_last_page=empty",),
        ("paged_user_fields=same",),
        ("token_body=quoted",),
        ("last_modified=bumped",),
        ("aim_search_without_user=refused",),
    ],
    ids=lambda switches: " ".join(switches) or "usual",
)
def test_apply_then_plan_is_empty(tmp_path: Path, switches: tuple[str, ...]) -> None:
    """Whatever OneFile turns out to be like: all is done, all of it is really there, and nothing is left to plan."""
    with trial(tmp_path, *switches) as here:
        wants = moved(here, 4)
        wanted = here.declared(wants)
        plan = here.plan(wanted)
        assert len(plan.operations) > 20
        applied = here.apply(plan)
        assert applied.error is None
        assert states(applied) == {State.DONE: len(plan.operations)}, [one.detail for one in applied.outcomes]
        assert stands(here, wants)
        assert len(here.effects()) == len(plan.operations)
        again = here.plan(wanted)
        assert again.in_sync
        assert not again.problems


@pytest.mark.parametrize("switch", ["repeat_assign=no_op", "defaults_on_get=absent", "aim_staff_keys=omit"])
def test_the_same_saved_plan_applied_twice_writes_nothing_the_second_time(tmp_path: Path, switch: str) -> None:
    """Also where OneFile does not show what was written: then the record knows."""
    with trial(tmp_path, switch) as here:
        plan = here.plan(here.declared(moved(here, 3)))
        here.apply(plan)
        written = len(here.writes())
        second = here.apply(plan)
        assert states(second) == {State.ALREADY_DONE: len(plan.operations)}
        assert len(here.writes()) == written


def test_both_defaults_of_a_learner_are_one_call(tmp_path: Path) -> None:
    """And the body of the call names both."""
    with trial(tmp_path) as here:
        here.edit({"user": LEARNER, "set": {"DefaultEmployerID": None}})
        here.apply(here.plan(here.declared({LEARNER: {DEFAULT: JAMES, EMPLOYER: MORGAN}})))
        assert here.writes() == [f"/User/{LEARNER}"]
        assert (here.held()[DEFAULT], here.held()[EMPLOYER]) == (JAMES, MORGAN)


def test_each_learner_gets_additional_people_first(tmp_path: Path) -> None:
    """Make before break, on every learner, however many are written at once."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 6)))
        here.apply(plan)
        bodies = {row.operation.id: row for row in here.journal()}
        sent = sorted((row.events[1].at, row.sequence, row) for row in bodies.values())
        for user in range(FIRST, FIRST + 6):
            mine = [row for _, _, row in sent if row.operation.learner == user]
            assert mine[0].operation.moves[0][0] == ADDED


def test_outcomes_come_in_plan_order_each_with_its_proof(tmp_path: Path) -> None:
    """What OneFile shows was read back; additional people it cannot show, and the outcome says that."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 3)))
        applied = here.apply(plan)
        assert [outcome.operation for outcome in applied.outcomes] == list(plan.operations)
        proofs = Counter(outcome.proof for outcome in applied.outcomes)
        assert proofs == {"unreadable": 3, "read_back": len(plan.operations) - 3}


def test_the_journal_has_one_sent_for_each_write_that_onefile_saw(tmp_path: Path) -> None:
    """Intent first, then sent, then the outcome: what is in the journal is what happened."""
    with trial(tmp_path) as here:
        here.apply(here.plan(here.declared(moved(here, 5))))
        rows = here.journal()
        sent = [row.operation.path for row in rows for event in row.events if event.state is State.SENT]
        assert sorted(sent) == sorted(here.writes())
        for row in rows:
            assert [event.state for event in row.events[:2]] == [State.INTENT, State.SENT]
            assert row.state is State.DONE


def test_what_was_written_and_what_was_seen_to_agree_is_recorded(tmp_path: Path) -> None:
    """A later change in OneFile is then known for drift."""
    with trial(tmp_path) as here:
        wanted = here.declared({LEARNER: {DEFAULT: KATE, AIM: JAMES, ADDED: LEE}})
        here.apply(here.plan(wanted))
        assert here.store.recorded(Site(TARGET, ORGANISATION)) == {
            (LEARNER, DEFAULT): KATE,
            (LEARNER, AIM): JAMES,
            (LEARNER, ADDED): LEE,
        }
        here.edit({"user": LEARNER, "set": {"DefaultAssessorID": JAMES}})
        (change,) = [row for row in here.plan(wanted).changes if row.slot == DEFAULT]
        assert (change.reason, change.action) == ("drift", "update")


def test_an_empty_plan_writes_nothing_and_still_records_agreement(tmp_path: Path) -> None:
    """Nothing to do is a good run."""
    with trial(tmp_path) as here:
        applied = here.apply(here.plan(here.declared({LEARNER: {DEFAULT: KATE}})))
        assert (applied.outcomes, applied.error) == ((), None)
        assert here.store.recorded(Site(TARGET, ORGANISATION)) == {(LEARNER, DEFAULT): KATE}
        assert not here.writes()


def test_a_large_apply_keeps_within_the_call_limit(tmp_path: Path) -> None:
    """More calls than a minute allows, and the sandbox never had to answer 429."""
    with trial(tmp_path) as here:
        for _ in range(2):  # there and back again
            here.apply(here.plan(here.declared(moved(here, 8))))
        assert len(here.service.calls) > 300
        assert 429 not in {call["status"] for call in here.service.calls}


# ------------------------------------------------------------------ the world moved since the plan


@pytest.mark.parametrize("now", [None, ROBIN])
def test_a_slot_that_moved_since_the_plan_is_left_alone(tmp_path: Path, now: int | None) -> None:
    """Somebody decided otherwise in OneFile; the rest of the plan proceeds, and the outcome says who stands there."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared({LEARNER: {DEFAULT: JAMES, AIM: KATE}}))
        here.edit({"user": LEARNER, "set": {"DefaultAssessorID": now}})
        applied = here.apply(plan)
        assert [outcome.state for outcome in applied.outcomes] == [State.CONFLICT, State.DONE]
        assert (here.held()[DEFAULT], here.held()[AIM]) == (now, KATE)
        assert ("nobody" if now is None else f"robin-tregarth-{ROBIN}") in applied.outcomes[0].detail


def test_a_slot_that_moves_while_others_are_written_is_left_alone(tmp_path: Path) -> None:
    """Everybody was checked before the first write, which took more than a minute: so each is looked at again."""
    other = FIRST + 1
    slow = Fault("latency", "POST", f"/User/{FIRST}", seconds=61)
    with trial(tmp_path, faults=(slow,)) as here:
        plan = here.plan(here.declared(moved(here, 2, DEFAULTS)))

        def by_hand() -> None:
            here.edit({"user": other, "set": {"DefaultAssessorID": ROBIN}})

        applied = here.apply(plan, network=lambda inner: _Meanwhile(inner, f"/User/{FIRST}", by_hand))
        assert [one.state for one in applied.outcomes] == [State.DONE, State.CONFLICT]
        assert here.held(other)[DEFAULT] == ROBIN
        assert here.writes() == [f"/User/{FIRST}"]


class _Meanwhile(httpx.AsyncBaseTransport):
    """A network on which something happens while the write to one path is under way."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str, happens: Callable[[], None]) -> None:
        self._inner, self._path, self._happens = inner, path, happens

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith(self._path):
            self._happens()
        return await self._inner.handle_async_request(request)


def test_a_write_that_waits_longer_than_a_reading_counts_is_sent_after_the_third(tmp_path: Path) -> None:
    """One call a minute makes every reading too old by the time of the write; without an end it would never be sent."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared({LEARNER: {AIM: KATE}}))
        before = len(here.service.calls)
        assert states(here.apply(plan, calls_per_minute=1)) == {State.DONE: 1}
        paths = [str(call["path"]) for call in list(here.service.calls)[before:]]
        session, check = 1, 1
        assert paths.index(f"/User/{KATE}/Assign") == session + check + READINGS


def test_a_saved_plan_knows_everybody_of_the_directory(tmp_path: Path) -> None:
    """Whoever stands in the way is named by handle, also where the plan itself has no row about them."""

    with trial(tmp_path) as here:
        plan = here.plan(here.declared({LEARNER: {DEFAULT: JAMES}}))
        text = dumps(to_document(plan))
        here.edit({"user": LEARNER, "set": {"DefaultAssessorID": ROBIN}})
        applied = here.apply(from_document(json.loads(text)))
        assert f"robin-tregarth-{ROBIN}" in applied.outcomes[0].detail


def test_a_slot_that_already_holds_the_new_value_is_already_done(tmp_path: Path) -> None:
    """Somebody did it by hand: no call is spent, and it is recorded as ours."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared({LEARNER: {DEFAULT: JAMES}}))
        here.edit({"user": LEARNER, "set": {"DefaultAssessorID": JAMES}})
        applied = here.apply(plan)
        assert states(applied) == {State.ALREADY_DONE: 1}
        assert not here.writes()
        assert here.store.recorded(Site(TARGET, ORGANISATION)) == {(LEARNER, DEFAULT): JAMES}


# ------------------------------------------------------------------ what OneFile refuses


def test_a_learner_who_is_refused_is_set_aside_and_the_rest_proceeds(tmp_path: Path) -> None:
    """Archived since the plan was made: nobody else has to wait for that."""
    with trial(tmp_path) as here:
        wants = moved(here, 5)
        plan = here.plan(here.declared(wants))
        gone = FIRST + 2
        here.edit({"user": gone, "archived": True})
        applied = here.apply(plan)
        theirs = [outcome for outcome in applied.outcomes if outcome.operation.learner == gone]
        assert [outcome.state for outcome in theirs] == [State.FAILED] + [State.NOT_TRIED] * (len(theirs) - 1)
        assert "archived" in theirs[0].detail
        assert {one.state for one in applied.outcomes if one.operation.learner != gone} == {State.DONE}
        del wants[gone]
        assert stands(here, wants)


def test_where_the_centre_has_no_unit_level_one_refusal_is_enough(tmp_path: Path) -> None:
    """Nobody knocks at that door twice, for assessors or IQAs; everything else is done."""
    with trial(tmp_path, "unit_level=off_refused") as here:
        wants = moved(here, 5)
        applied = here.apply(here.plan(here.declared(wants)))
        units = [one for one in applied.outcomes if isinstance(one.operation, AssignUnit)]
        assert sorted(one.state for one in units) == [State.FAILED] + [State.NOT_TRIED] * (len(units) - 1)
        rest = [one for one in applied.outcomes if one not in units]
        learner = next(one.operation.learner for one in units if one.state is State.FAILED)
        assert {one.state for one in rest if one.operation.learner != learner} == {State.DONE}
        assert applied.error is None


def test_a_refusal_of_what_onefile_does_not_show_says_how_to_tell_that_it_is_there(tmp_path: Path) -> None:
    """OneFile may refuse to add whom it has already, and only a person can look; a slot that it shows needs nobody."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared({FIRST: {ADDED: LEE}, FIRST + 1: moved(here, 2, DEFAULTS)[FIRST + 1]}))
        for user in (FIRST, FIRST + 1):
            here.edit({"user": user, "archived": True})
        unseen, seen = here.apply(plan).outcomes
        assert unseen.state is seen.state is State.FAILED
        step = step_id(UserId(FIRST), ADDED)
        assert unseen.detail.endswith(f"run: reconciler done {step} --by NAME --outcome present")
        assert "reconciler done" not in seen.detail


def test_refusals_of_a_kind_before_any_success_end_in_leaving_it_alone(tmp_path: Path) -> None:
    """Three different learners refused, none accepted: that kind of write does not work here."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 8, DEFAULTS)))
        for user in range(FIRST, FIRST + 8):
            here.edit({"user": user, "archived": True})
        applied = here.apply(plan)
        assert states(applied) == {State.FAILED: 3, State.NOT_TRIED: 5}
        assert len(here.writes()) == 3


# ------------------------------------------------------------------ canaries

SLOW = Fault("latency", "POST", "/User/2*", times=1000, seconds=5)
SLOW_ASSIGN = Fault("latency", "POST", "/User/*/Assign", times=1000, seconds=5)


def test_nothing_is_written_before_everybody_was_read(tmp_path: Path) -> None:
    """A OneFile that cannot be read to the end is not written to at the beginning."""
    with trial(tmp_path) as here:
        plan = here.plan(here.declared(moved(here, 6)))
        here.arm(Fault("html", "POST", "/UnitSummary/Search/*", nth=6, times=5))
        applied = here.apply(plan)
        assert isinstance(applied.error, BadAnswer)
        assert states(applied) == {State.NOT_TRIED: len(plan.operations)}
        assert not here.writes()


def test_once_a_kind_is_proven_several_learners_are_written_at_once(tmp_path: Path) -> None:
    """Also where one learner, last in the plan, has a kind of slot that nobody else has."""
    with trial(tmp_path, faults=(SLOW, SLOW_ASSIGN)) as here:
        wants = moved(here, 10, DEFAULTS)
        wants[FIRST + 9] = moved(here, 10, DEFAULTS | {SlotKind.UNIT_IQA})[FIRST + 9]
        plan = here.plan(here.declared(wants))
        start = here.clock.monotonic()
        assert set(states(here.apply(plan))) == {State.DONE}
        canaries = 1 + sum(operation.learner == FIRST + 9 for operation in plan.operations)
        assert here.clock.monotonic() - start == 5 * (canaries + 1)


@pytest.mark.parametrize(
    ("switch", "kind", "is_held"),
    [
        ("unit_level=off_silent", SlotKind.UNIT_ASSESSOR, False),
        ("assign_path=learner_silent", SlotKind.LEARNING_AIM_ASSESSOR, True),
    ],
)
def test_a_write_that_silently_does_nothing_stops_everything_else(
    tmp_path: Path, switch: str, kind: SlotKind, is_held: bool
) -> None:
    """The first of its kind is read back before the next learner is touched, however long each write takes."""
    with trial(tmp_path, switch, faults=(SLOW_ASSIGN,)) as here:
        wants = {
            user: {slot: who for slot, who in slots.items() if (here.held(user)[slot] is not None) == is_held}
            for user, slots in moved(here, 5, frozenset({kind})).items()
        }
        plan = here.plan(here.declared(wants))
        applied = here.apply(plan)
        assert states(applied) == {State.FAILED: 1, State.NOT_TRIED: len(plan.operations) - 1}
        assert len(plan.operations) > 1
        assert "acknowledged the write, but" in applied.outcomes[0].detail
        assert "nothing more was written" in applied.outcomes[-1].detail
        assert len(here.writes()) == 1
        ((slot, move),) = moves(applied.outcomes[0].operation)
        stands_there = here.store.recorded(Site(TARGET, ORGANISATION))[applied.outcomes[0].operation.learner, slot]
        assert (move.before is not None) == is_held
        assert stands_there == move.before  # not what was acknowledged: the next plan asks for it as it did this time
        again = {row.reason for row in here.plan(here.declared(wants)).changes}
        assert again == {"declared"}


@pytest.mark.parametrize(("reading", "at_most"), [("learner", 6), ("learner_silent", 1)])
def test_a_onefile_that_wants_the_learner_in_the_path_is_noticed_at_once(
    tmp_path: Path, reading: str, at_most: int
) -> None:
    """OneFile's text of 2026 says so. Refused or silently ignored, no slot of anybody moves by it."""
    with trial(tmp_path, f"assign_path={reading}", faults=(SLOW_ASSIGN,)) as here:
        before = {user: here.held(user) for user in range(FIRST, FIRST + 8)}
        applied = here.apply(here.plan(here.declared(moved(here, 8, AIMS))))
        assert State.DONE not in states(applied)
        assert {user: here.held(user) for user in before} == before
        assert len(here.writes()) <= at_most  # three refusals of each of the two kinds, or one canary


def test_a_default_that_takes_other_slots_with_it_stops_the_run_with_the_evidence(tmp_path: Path) -> None:
    """The write did what it should and more: a person must see that before another learner is written."""
    with trial(tmp_path, "default_cascade=cascades") as here:
        theirs = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240)
        other = 200005
        wants: Wants = {LEARNER: {DEFAULT: JAMES, theirs: KATE}, other: moved(here, 5, DEFAULTS)[other]}
        applied = here.apply(here.plan(here.declared(wants)))
        assert [one.state for one in applied.outcomes] == [State.FAILED, State.NOT_TRIED]
        assert applied.outcomes[0].proof == "read_back"
        for words in ("something else moved with it", "learner[200004].learning_aim[41240].assessor", "kate-anderson"):
            assert words in applied.outcomes[0].detail
        assert len(here.writes()) == 1


def test_a_default_that_takes_slots_with_it_that_nobody_declared_is_noticed_too(tmp_path: Path) -> None:
    """What is not managed must not be moved by us either."""
    with trial(tmp_path, "default_cascade=cascades") as here:
        wants: Wants = {LEARNER: {DEFAULT: JAMES}, 200005: moved(here, 5, DEFAULTS)[200005]}
        assert here.held()[Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240)] == KATE
        applied = here.apply(here.plan(here.declared(wants)))
        assert [one.state for one in applied.outcomes] == [State.FAILED, State.NOT_TRIED]


def test_an_empty_field_that_appears_with_the_first_write_is_no_side_effect(tmp_path: Path) -> None:
    """Where OneFile leaves out what is empty, the first value of a kind shows that the others are nobody."""
    iqas = [Slot(SlotKind.LEARNING_AIM_IQA, 41240), Slot(SlotKind.LEARNING_AIM_IQA, 41242)]
    with trial(tmp_path, "empty_value=omit", learners=4) as here:
        here.edit({"user": LEARNER, "standard": 41240, "set": {"IVID": None}})
        wanted = here.declared({LEARNER: {iqas[0]: PRIYA, iqas[1]: None}})
        applied = here.apply(here.plan(wanted))
        assert states(applied) == {State.DONE: 1}, applied.outcomes
