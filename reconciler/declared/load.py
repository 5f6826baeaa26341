"""All files of a state folder, one after the other, to learners and problems.

A cohort file's values are dropped when it is done: the learners of a large centre fit in memory, their YAML does not.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from reconciler.declared.cover import CoverTimeline
from reconciler.declared.folder import Folder, list_state_folder
from reconciler.declared.parallel import CohortFile, files_read
from reconciler.declared.resolve import build_cohort
from reconciler.declared.rules import LearnerIndex, check_cohort, check_staff, check_waivers
from reconciler.declared.schema import checked
from reconciler.declared.selection import choose, unknown_cohorts
from reconciler.declared.settings_and_staff import Directory, read_settings, read_staff
from reconciler.model.declared import Declared, DeclaredLearner, Settings, Staff
from reconciler.model.slots import Handle
from reconciler.model.structs import Struct, field
from reconciler.problems import Invalid, Problem, in_order


class Reading(Struct):
    """What the files say. `settings` is None, and `learners` are not all there, only if there is an error."""

    settings: Settings | None = None
    staff: dict[Handle, Staff] = field(default_factory=dict)
    learners: list[DeclaredLearner] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)  # warnings too

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]


def read_all(folder: Folder, day: date, last: date | None = None) -> Reading:
    """What the files say on *day*, and what changes until *last*."""
    if not folder.exists:
        return Reading(problems=folder.problems)
    with files_read(folder.cohorts) as files:
        return _reading(folder, files, day, last or day)


def _reading(folder: Folder, files: Iterator[CohortFile], day: date, last: date) -> Reading:
    settings_file, staff_file = checked(folder.settings, "settings"), checked(folder.staff, "staff")
    settings, directory = read_settings(settings_file), read_staff(staff_file)
    problems = [*folder.problems, *settings_file.problems, *staff_file.problems, *check_staff(directory)]
    reading, register = Reading(settings, directory.staff, problems=problems), LearnerIndex(directory)
    roster, sound = CoverTimeline(directory.staff, day, last), not reading.errors
    for file in files:
        wrong = _wrong(file, directory, register)
        reading.problems += wrong
        sound = sound and not wrong
        if sound and settings is not None:
            learners, warnings = build_cohort(file.entry, settings.organisation, roster)
            reading.learners += learners
            reading.problems += warnings
    if settings is not None:
        reading.problems += check_waivers(settings, register, day)
    return reading


def _wrong(file: CohortFile, directory: Directory, register: LearnerIndex) -> list[Problem]:
    """All that is wrong with one cohort file."""
    rules = [*check_cohort(file.entry, directory), *register.add(file.entry, readable=file.is_readable)]
    return [*file.problems, *rules]


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
        folder = list_state_folder(state)
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
