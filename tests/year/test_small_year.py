"""A small year, of the kind that benchmarks/year.py lives through in full."""

from __future__ import annotations

from tests.e2e.user import new_folder
from tests.year.simulation import live


def test_a_small_year_loses_nothing() -> None:
    """After each of thirty eventful days, all is as the book says, or the daily job's report says why not."""
    with new_folder() as folder:
        counts = live(folder, learners=40, days=30, seed=11, busy=2.0)
    assert counts["slots written"] > 20
    assert counts["runs killed at a write"] > 0
    assert counts["slots put back by drift --correct"] > 0
    assert counts["runs of what was due"] > 0
    assert counts["daily jobs skipped"] > 0 and counts["daily jobs run twice"] > 0
    assert counts["plans applied later than saved"] > 0
    assert counts["faults armed"] > 10
