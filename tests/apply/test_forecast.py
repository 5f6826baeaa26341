"""What an apply says that it will call is what it calls, however OneFile turns out to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.apply.executor import apply_plan
from reconciler.apply.forecast import calls_to_apply, shown_in
from reconciler.model.declared import Declared
from reconciler.model.operations import State
from reconciler.model.slots import SlotKind
from reconciler.observed.observe import observe
from reconciler.onefile.reader import Reader
from reconciler.plan.compare import make_plan
from tests.apply.parts import AIMS, DEFAULTS, EVERYTHING, UNITS, moved, states
from tests.worlds import TARGET, Trial, trial

KINDS = [
    EVERYTHING,
    DEFAULTS,
    UNITS,
    frozenset({SlotKind.ADDITIONAL, SlotKind.LEARNING_AIM_IQA}),
    frozenset({SlotKind.DEFAULT_ASSESSOR, SlotKind.UNIT_IQA}),
]
SWITCHES = ["iqa_key=IVID", "defaults_on_get=absent", "aim_staff_keys=omit"]


def told_and_made(here: Trial, wanted: Declared) -> tuple[int, int]:
    """The calls that a session foretells once it has planned, and those that it then makes to apply."""

    async def work(reader: Reader) -> tuple[int, int]:
        seen = await observe(wanted, reader)
        plan = make_plan(wanted, seen, {}, target=TARGET, created_at=here.clock.now())
        told, before = calls_to_apply(plan, reader.shows, just_read=True), len(here.service.calls)
        run, ours = here.begin_run(), lambda: None
        applied = await apply_plan(plan, reader, here.store, run, unsettled=(), still_ours=ours)
        assert set(states(applied)) == {State.DONE}
        return told, len(here.service.calls) - before

    return here.read(work)


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(sorted(kinds)))
def test_a_session_that_planned_calls_as_often_as_it_says(
    tmp_path: Path, kinds: frozenset[SlotKind], switch: str
) -> None:
    """Its own reading counts; canaries and proofs come on top of the writes."""
    with trial(tmp_path, switch) as here:
        told, made = told_and_made(here, here.declared(moved(here, 3, kinds)))
        assert told == made


@pytest.mark.parametrize("switch", ["iqa_key=IVID", "aim_staff_keys=omit"])
@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(sorted(kinds)))
def test_a_saved_plan_calls_as_often_as_it_says(tmp_path: Path, kinds: frozenset[SlotKind], switch: str) -> None:
    """Everybody is read before the first write, and the session itself is one call."""
    with trial(tmp_path, switch) as here:
        plan = here.plan(here.declared(moved(here, 3, kinds)))
        before = len(here.service.calls)
        assert set(states(here.apply(plan))) == {State.DONE}
        made = len(here.service.calls) - before
        assert calls_to_apply(plan, shown_in(plan), just_read=False) == made - 1


@pytest.mark.parametrize("switch", ["iqa_key=IVID", "aim_staff_keys=omit"])
@pytest.mark.parametrize("kinds", [UNITS, AIMS, DEFAULTS], ids=lambda kinds: "+".join(sorted(kinds)))
def test_a_saved_plan_counts_what_must_be_read_anew_of_a_learner_who_has_more(
    tmp_path: Path, kinds: frozenset[SlotKind], switch: str
) -> None:
    """The check before reads only what will be written; around the first write all that is declared is compared."""
    with trial(tmp_path, switch) as here:
        wants = {user: {**here.held(user), **slots} for user, slots in moved(here, 3, kinds).items()}
        plan = here.plan(here.declared(wants))
        assert {slot.kind for change in plan.changes for slot in [change.slot]} > kinds
        before = len(here.service.calls)
        assert set(states(here.apply(plan))) == {State.DONE}
        made = len(here.service.calls) - before
        assert calls_to_apply(plan, shown_in(plan), just_read=False) == made - 1
