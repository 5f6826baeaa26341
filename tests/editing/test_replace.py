"""Replacing somebody moves what they hold and nothing of anybody else's, or is refused."""

from __future__ import annotations

from datetime import date
from typing import cast

import pytest

from reconciler.editing.assignments import Fields
from reconciler.editing.replace import Replace
from reconciler.editing.yaml_tree import Data
from reconciler.model.slots import SlotKind

TODAY, LATER = date(2026, 11, 23), date(2026, 12, 1)
ENDED: Data = {"staff": "lee", "until": "2026-10-31"}
ENDS: Data = {"staff": "lee", "until": "2026-12-31"}


def cohort(shared: list[Data], own: list[Data] | None = None) -> Fields:
    """Two learners; the first with entries of its own beside what both have from the defaults."""
    first: Fields = {"id": 1} if own is None else {"id": 1, "additional": cast(Data, own)}
    return {"defaults": {"additional": cast(Data, shared)}, "learners": [first, {"id": 2}]}


@pytest.mark.parametrize(
    ("fields", "start", "only"),
    [
        (cohort(["lee"], [ENDED]), None, None),  # their own entry ended, so they have nobody to be replaced
        (cohort(["lee"], [ENDED]), LATER, None),
        (cohort(["kate", ENDS]), LATER, {1}),  # an entry for kate from that day on would hide the one she has
    ],
)
def test_an_entry_that_hides_a_default_is_not_brushed_aside(
    fields: Fields, start: date | None, only: set[int] | None
) -> None:
    """Nobody would be added, or taken off, beside the replacement: OneFile's API cannot take it back."""
    (stuck,) = Replace("lee", "kate", start, TODAY).in_cohort("c1", fields, only).stuck
    assert (stuck[0].learner, stuck[0].slot) == (1, SlotKind.ADDITIONAL)
    assert "on different days" in stuck[1]


@pytest.mark.parametrize("start", [None, TODAY, LATER])
@pytest.mark.parametrize("only", [None, {1}])
def test_what_the_defaults_and_a_learner_say_of_others_is_in_nobodys_way(
    start: date | None, only: set[int] | None
) -> None:
    """The guard refuses what goes wrong, and no more."""
    done = Replace("lee", "kate", start, TODAY).in_cohort("c1", cohort(["lee", "noor"], ["james"]), only)
    assert done.taken
    assert not done.stuck
