"""A small year, of the kind that benchmarks/year.py lives through in full."""

from __future__ import annotations

from tests.e2e.user import new_folder
from tests.year.simulation import live


def test_a_small_year_loses_nothing() -> None:
    """Forty learners, thirty eventful days: after each, all is as the book says, or told."""
    with new_folder() as folder:
        counts = live(folder, learners=40, days=30, seed=11, busy=2.0)
    assert counts["slots written"] > 20
    assert counts["runs killed at a write"] > 0
    assert counts["slots put back by drift --correct"] > 0
    assert counts["faults armed"] > 10
