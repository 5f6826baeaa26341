"""What an apply says that it will call is what it calls, however OneFile turns out to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.apply.executor import apply_plan
from reconciler.apply.forecast import calls_to_apply
from reconciler.model.declared import Declared
from reconciler.model.operations import State
from reconciler.model.slots import SlotKind
from reconciler.observed.observe import observe
from reconciler.onefile.reader import Reader
from reconciler.plan.compare import make_plan
from tests.apply.parts import DEFAULTS, EVERYTHING, UNITS, moved, states
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
        told, before = calls_to_apply(plan, reader), len(here.service.calls)
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
