"""`calendar`: the coming changes in the declared files, without a call."""

from __future__ import annotations

from datetime import date, timedelta

from reconciler.model.structs import replace
from reconciler.plan.calendar import Breach, ChangeCalendar, build_calendar
from reconciler.plan.lookahead import foresee_breaches
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

_DAY = timedelta(days=1)
FURTHEST_DAYS = 3660
"""The highest value of `--days`."""


def calendar(options: Options, environment: Environment) -> ChangeCalendar:
    """Return the changes in scope on the command's day and after it, for `ahead_days` days. Raises Invalid.

    It starts from the day before, so that the changes of the first day are included.
    """
    eve = max(options.day(environment.today()), date.min + _DAY) - _DAY
    declared = read_state(replace(options, at=eve), environment)
    changes = build_calendar(declared, (Breach(day, problem) for day, problem in foresee_breaches(declared)))
    changes = replace(changes, scope=(*sorted({*options.cohorts}), *sorted({*options.learners})))
    if changes.days():
        return changes
    further = replace(options, at=eve, ahead_days=FURTHEST_DAYS)
    later = build_calendar(read_state(further, environment), ()).days()
    return replace(changes, next=later[0] if later else None)
