"""Waiting for the end of a window in which nothing is written, and the check of a run that reaches one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from reconciler.model.declared import Settings
from reconciler.plan.windows import LONDON, window_at, window_words, writable_from
from reconciler.problems import Blocked, Problem, ReconcilerError, WindowReached
from reconciler.runtime.environment import Environment


async def wait_until_open(environment: Environment, settings: Settings, minutes: int = 0) -> None:
    """Wait for the end of a window for at most so many minutes. Raises Blocked if it lasts longer."""
    now = environment.clock.now()
    window = window_at(settings.windows, now)
    if window is None:
        return
    end = writable_from(settings.windows, now)
    if end - now > timedelta(minutes=minutes):
        fix = f"Run this again after {_moment(end)}, or wait for it with --wait MINUTES. Nothing was written."
        raise Blocked(Problem(f"nothing is written in the window {window_words(window)}", fix, window.source))
    if environment.note:
        environment.note(f"Waiting until {_moment(end)} for the end of the window {window_words(window)}.")
    await environment.clock.sleep((end - now).total_seconds())


def window_guard(environment: Environment, settings: Settings) -> Callable[[], ReconcilerError | None]:
    """Return a check for the start of each learner: an error once a window has begun."""

    def check() -> ReconcilerError | None:
        window = window_at(settings.windows, environment.clock.now())
        if window is None:
            return None
        until = _moment(writable_from(settings.windows, environment.clock.now()))
        what = f"the window {window_words(window)} has begun, so the run has stopped after the current learner"
        return WindowReached(Problem(what, f"Run this again after {until}: it does the rest.", window.source))

    return check


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(LONDON):%Y-%m-%d %H:%M} UK time"
