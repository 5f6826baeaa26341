"""A few hostile inputs for every target, and each that once broke a law: `python -m tests.fuzz` tries many more."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import CASES
from tests.fuzz.slips import slipped
from tests.fuzz.targets import TARGETS
from tests.marks import examples

KEPT = sorted(file for file in CASES.glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_and_a_few_slips_break_no_law(name: str, tmp_path: Path) -> None:
    """Words, a place and a fix for what is wrong, in every form of report; never anything else."""
    target = TARGETS[name]
    for seed in target.seeds():
        target.law(seed, tmp_path)

    @settings(max_examples=examples(10), suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def trial(chance: Random) -> None:
        target.law(target.slipped(b"", chance), tmp_path)

    trial()


@pytest.mark.parametrize("case", KEPT, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_what_once_broke_a_law_breaks_it_no_more(case: Path, tmp_path: Path) -> None:
    """Cases kept by longer runs."""
    TARGETS[case.parent.name].law(case.read_bytes(), tmp_path)


def test_the_same_chance_makes_the_same_slips() -> None:
    """So that a run can be made again; and slips do change what they are given."""
    for seed in (target.seeds()[0] for target in TARGETS.values()):
        made = [[slipped(seed, [seed], Random(number)) for number in range(20)] for _ in range(2)]  # noqa: S311
        assert made[0] == made[1]
        assert sum(one != seed for one in made[0]) > 10
