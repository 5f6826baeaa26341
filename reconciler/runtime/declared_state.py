"""Reads the declared state for a command's scope and day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared
from reconciler.model.structs import replace
from reconciler.runtime.edit_journal import recover_edit
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options


def read_state(options: Options, environment: Environment) -> Declared:
    """Read, check and resolve the files in scope for the day. Raises Invalid with every problem at once."""
    if (note := recover_edit(options.state)) and environment.note:
        environment.note(note)
    today = environment.today()
    declared = read_declared(
        options.state,
        options.day(today),
        cohorts=options.cohorts,
        learners=options.learners,
        ahead_days=options.ahead_days,
    )
    declared = _without_ended_waivers(declared, today)
    if options.since is None:
        return declared
    from reconciler.runtime.changed_since import since  # starts git, which only this option needs

    return since(declared, options.state, options.since)


def read_ahead(options: Options, environment: Environment) -> Declared:
    """Read the files as `read_state` does, with all that they declare for later days. Raises Invalid."""
    return read_state(replace(options, ahead_days=_all_days(options.day(environment.today()))), environment)


def read_folder(state: Path, options: Options, environment: Environment) -> Declared:
    """Read all that another folder declares for the same day and for later days."""
    today = environment.today()
    day = options.day(today)
    return _without_ended_waivers(read_declared(state, day, ahead_days=_all_days(day)), today)


def _all_days(day: date) -> int:
    return (date.max - day).days


def _without_ended_waivers(declared: Declared, today: date) -> Declared:
    """Drop waivers that have ended: a plan for a day in the past must not bring them back."""
    if declared.day >= today:
        return declared
    kept = tuple(waiver for waiver in declared.settings.waivers if waiver.until >= today)
    return replace(declared, settings=replace(declared.settings, waivers=kept))
