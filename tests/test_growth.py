"""The work of a plan grows as the centre does, and no faster: counted, never timed."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest

from benchmarks.folders import MOVED, Centre
from reconciler.commands import plan as planning
from reconciler.report.plan.text import render_text
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

SIZES = (600, 900, 1200)  # more than a few, whose record is read another way
SLOTS = 7  # of each learner


@dataclass(frozen=True)
class Work:
    """What a plan of a kept reading took: calls of our own functions, and bytes at the most."""

    calls: Mapping[str, int]
    peak_bytes: int

    @property
    def all_calls(self) -> int:
        return sum(self.calls.values())


def counted(work: Callable[[], Any]) -> tuple[Counter[str], Any]:
    """How often each function of ours is called, by module and name."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("reconciler."):
            calls[f"{module}.{frame.f_code.co_qualname}"] += 1

    sys.setprofile(note)
    try:
        result = work()
    finally:
        sys.setprofile(None)
    return calls, result


@cache
def work_of(learners: int) -> Work:
    with TemporaryDirectory() as folder, chdir(folder):
        Centre(learners).write(Path(folder))
        options = Options(state=Path("state"), at=date(2026, 11, 24))

        def plan() -> planning.Planned:
            planned = planning.plan(options, Environment({}), observed=Path("reading.json"))
            render_text(planned.plan, fingerprint=planned.fingerprint)
            return planned

        plan()  # what is imported and cached once is not the plan's
        calls, planned = counted(plan)
        assert len(planned.plan.changes) == SLOTS * learners
        tracemalloc.start()
        try:
            plan()
            return Work(calls, tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("learners", SIZES)
def test_each_learner_is_compared_once_and_what_files_have_in_common_is_checked_once(learners: int) -> None:
    """Whatever else reads them again, the comparison and the schema do not; slots are compared only if one differs."""
    calls = work_of(learners).calls
    assert calls["reconciler.plan.compare.Comparison.learner"] == learners
    assert calls["reconciler.plan.compare.Comparison._slot"] == SLOTS * learners // MOVED
    # settings, staff, and all that the cohort files have in common
    assert calls["reconciler.declared.schema.check"] == 3


def test_more_learners_take_as_many_more_calls() -> None:
    """No function of ours looks at every learner for each learner."""
    small, middle, large = (work_of(size).all_calls for size in SIZES)
    assert large - middle == pytest.approx(middle - small, rel=0.03)


def test_no_function_is_called_faster_than_learners_come() -> None:
    """The sum could hide one: each that is called often is held to it by itself."""
    small, middle, large = (work_of(size).calls for size in SIZES)
    often = {name for name, count in large.items() if count > SIZES[0] // 2}
    assert {name for name in often if large[name] - middle[name] > 1.1 * (middle[name] - small[name])} == set()


def test_a_learner_takes_no_more_memory_among_more_learners() -> None:
    """At its peak a plan has one file's values and everybody's slots. With few learners the one file weighs more."""
    small, middle, large = (work_of(size).peak_bytes / size for size in SIZES)
    assert large <= 1.02 * middle <= 1.02**2 * small
