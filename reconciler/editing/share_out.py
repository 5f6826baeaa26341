"""Gives a leaver's slots in the values of a cohort file to several heirs, learner by learner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from datetime import date

from reconciler.editing.assignments import Fields, defaults_of, learners_of
from reconciler.editing.replace import Replace, Replacement, Taken, learner_key
from reconciler.model.slots import LearnerKey

NOBODY_YET = "-"
"""Stands for an heir who is not chosen yet; no handle."""


def slots_of(leaver: str, name: str, cohort: Fields, start: date | None, today: date) -> list[Taken]:
    """Return the slots that a leaver would give away: those that a replacement changes, inherited ones by learner."""
    values = deepcopy(cohort)
    every = {learner_key(learner) for learner in learners_of(values)}
    return Replace(leaver, NOBODY_YET, start, today).in_cohort(name, values, every).taken


def give(
    leaver: str,
    name: str,
    cohort: Fields,
    heirs: Mapping[LearnerKey, str],
    start: date | None,
    today: date,
    *,
    whole: bool,
    otherwise: str | None = None,
) -> Replacement:
    """Change the values of one cohort. With *whole*, the defaults go to the heir of most learners.

    Defaults without any heir go to *otherwise*. If the defaults cannot change without a change for somebody else, each
    learner gets entries of their own.
    """
    counts = Counter(heirs.values())
    main = min(counts, key=lambda heir: (-counts[heir], heir)) if counts else otherwise
    if whole and main is not None:
        values = deepcopy(cohort)
        done = _give_each(
            leaver, name, values, {key: heir for key, heir in heirs.items() if heir != main}, start, today
        )
        rest = Replace(leaver, main, start, today).in_cohort(name, values, None)
        if not rest.stuck and not done.stuck:
            cohort.clear()
            cohort.update(values)
            return Replacement(done.taken + rest.taken)
    return _give_each(leaver, name, cohort, heirs, start, today)


def _give_each(
    leaver: str, name: str, cohort: Fields, heirs: Mapping[LearnerKey, str], start: date | None, today: date
) -> Replacement:
    done = Replacement()
    for heir in sorted(set(heirs.values())):
        only = {key for key in heirs if heirs[key] == heir}
        part = Replace(leaver, heir, start, today).in_cohort(name, cohort, only)
        done.taken += part.taken
        done.stuck += part.stuck
    return done


def defaults_name(leaver: str, name: str, cohort: Fields, start: date | None, today: date) -> bool:
    """Return True if the cohort's defaults give a slot to the leaver."""
    values: Fields = {"defaults": deepcopy(defaults_of(cohort))}
    return bool(Replace(leaver, NOBODY_YET, start, today).in_cohort(name, values, None).taken)
