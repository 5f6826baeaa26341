"""All files of a state folder, one after the other, to learners and problems.

A cohort file's values are dropped when it is done: the learners of a large centre fit in memory, their YAML does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from reconciler.declared.apart import CohortFile, files_read
from reconciler.declared.build import build_cohort
from reconciler.declared.centre import Directory, read_settings, read_staff
from reconciler.declared.folder import Folder
from reconciler.declared.roster import Roster
from reconciler.declared.rules import Register, check_cohort, check_staff, check_waivers
from reconciler.declared.schema import checked
from reconciler.model import DeclaredLearner, Handle, Settings, Staff
from reconciler.problems import Problem
from reconciler.values import Struct, field


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
    reading, register = Reading(settings, directory.staff, problems=problems), Register(directory)
    roster, sound = Roster(directory.staff, day, last), not reading.errors
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


def _wrong(file: CohortFile, directory: Directory, register: Register) -> list[Problem]:
    """All that is wrong with one cohort file."""
    rules = [*check_cohort(file.entry, directory), *register.add(file.entry, readable=file.is_readable)]
    return [*file.problems, *rules]
