"""calendar: what the files bring in the days to come, without a call to OneFile."""

from __future__ import annotations

from datetime import date, timedelta

from reconciler.model.structs import replace
from reconciler.plan.calendar import Breach, ChangeCalendar, build_calendar
from reconciler.plan.lookahead import foresee_breaches
from reconciler.runtime.context import Context

_DAY = timedelta(days=1)
FURTHEST_DAYS = 3660  # as far as --days goes


def foretell(context: Context) -> ChangeCalendar:
    """The changes of the scope on the context's day and after it, `ahead_days` in all. Raises Invalid.

    What changes on that very day is told too: seen from the day before, it is still to come.
    """
    eve = max(context.day(), date.min + _DAY) - _DAY
    declared = replace(context, at=eve).declared()
    found = build_calendar(declared, (Breach(day, problem) for day, problem in foresee_breaches(declared)))
    if found.days():
        return found
    later = build_calendar(replace(context, at=eve, ahead_days=FURTHEST_DAYS).declared(), ()).days()
    return replace(found, next=later[0] if later else None)
