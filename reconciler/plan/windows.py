"""Windows in which nothing is written: which one holds at a moment, until when, and what the settings say of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reconciler.model.declared import WEEKDAYS, Window

LONDON = ZoneInfo("Europe/London")
_DAY = timedelta(days=1)


def window_at(windows: Iterable[Window], moment: datetime) -> Window | None:
    """Return the window that holds at this moment, the one that ends last if there are several."""
    holding = [window for window in windows if window_ends(window, moment) is not None]
    return max(holding, key=lambda window: window_ends(window, moment) or moment, default=None)


def window_ends(window: Window, moment: datetime) -> datetime | None:
    """Return when a window that holds at this moment ends; None if it does not hold."""
    local = moment.astimezone(LONDON)
    if window.first is not None and window.last is not None:
        if not window.first <= local.date() <= window.last:
            return None
        return (
            datetime.combine(window.last + _DAY, time(), LONDON)
            if window.last < date.max
            else datetime.max.replace(tzinfo=LONDON)
        )
    if window.start is None or window.end is None:
        return None
    for begun in (local.date(), local.date() - _DAY):  # one that began yesterday may reach past midnight
        if WEEKDAYS[begun.weekday()] not in window.days:
            continue
        start = datetime.combine(begun, window.start, LONDON)
        end = datetime.combine(begun + (_DAY if window.end <= window.start else timedelta()), window.end, LONDON)
        if start <= local < end:
            return end
    return None


def writable_from(windows: Iterable[Window], moment: datetime) -> datetime:
    """Return the first moment from this one on in which no window holds; windows may follow one another."""
    listed = list(windows)
    for _ in range(len(listed) * 8 + 1):
        window = window_at(listed, moment)
        end = window_ends(window, moment) if window else None
        if end is None:
            break
        moment = end
    return moment


def window_words(window: Window) -> str:
    """Return the window as the settings have it, with its reason."""
    if window.first is not None:
        when = f"{window.first}..{window.last}"
    else:
        when = f"{window.start:%H:%M}-{window.end:%H:%M}"
        if len(window.days) < len(WEEKDAYS):
            when += f" on {', '.join(window.days)}"
    return f"{when} ({window.reason})" if window.reason else when
