"""The declared side: YAML files, checked, to what they ask for on one day."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from reconciler.declared.folder import look
from reconciler.declared.reading import read_all
from reconciler.declared.scope import choose, unknown_cohorts
from reconciler.model import Declared
from reconciler.problems import Invalid, in_order

__all__ = ["read_declared"]


def read_declared(
    state: Path,
    day: date,
    *,
    cohorts: Collection[str] = (),
    learners: Collection[str] = (),
    ahead_days: int = 0,
) -> Declared:
    """Read and check the whole state folder, and say what it asks for on *day*, and what changes in the days after.

    *cohorts* (names) and *learners* (ids, misids or labels) narrow the result, never the checking. Learners come
    sorted by cohort, id and misid. Paths in sources are as given: `state/cohorts/x.yaml`.
    Raises Invalid with every problem of every file at once; names of learners are looked up in sound files only.
    """
    horizon = min(date.max - day, timedelta(days=ahead_days)) + day
    with _collector_off():
        folder = look(state)
        reading = read_all(folder, day, horizon)
    reading.problems += unknown_cohorts(cohorts, [path.stem for path in folder.cohorts])
    if reading.settings is None or reading.errors:
        raise Invalid(reading.errors)
    chosen, unknown = choose(reading.learners, cohorts, learners)
    if unknown:
        raise Invalid(unknown)
    chosen.sort(key=lambda learner: (learner.cohort, learner.id or 0, learner.misid or ""))
    left_out = len(reading.learners) - len(chosen)
    cohorts = frozenset(learner.cohort for learner in reading.learners)
    warnings = in_order(reading.problems)
    return Declared(day, reading.settings, reading.staff, tuple(chosen), warnings, left_out, cohorts, horizon)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Millions of values and hardly a cycle among them: collecting would take a fifth of the time and find nothing.

    What was read stays for the whole command, so that later collections need not look at it either.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
