"""Reads a whole state folder, file by file, into learners and problems.

The values of a cohort file are dropped once it is resolved: the learners of a large centre fit in memory, their YAML
does not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path

from reconciler.declared.cohort_file import CohortFile, read_file
from reconciler.declared.cover import CoverTimeline
from reconciler.declared.folder import Folder, list_state_folder
from reconciler.declared.resolve import build_cohort
from reconciler.declared.rules import LearnerIndex, check_cohort, check_staff, check_waivers, check_windows
from reconciler.declared.schema import checked
from reconciler.declared.selection import choose, unknown_cohorts
from reconciler.declared.settings_and_staff import Directory, read_settings, read_staff
from reconciler.declared.shapes import Shapes
from reconciler.memory import no_garbage_collection
from reconciler.model.declared import Declared, DeclaredLearner, Settings, Staff
from reconciler.model.slots import Handle
from reconciler.model.structs import Struct, field, replace
from reconciler.problems import Invalid, Problem, bounded


class Reading(Struct):
    """Result of reading the files. Only with an error is `settings` None, or a learner missing."""

    settings: Settings | None = None
    staff: dict[Handle, Staff] = field(default_factory=dict)
    learners: list[DeclaredLearner] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)  # warnings too

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]


def read_all(folder: Folder, day: date, last: date | None = None, *, cover: bool = True) -> Reading:
    """Read the state for *day*, with the changes until *last*."""
    if not folder.exists:
        return Reading(problems=folder.problems)
    settings_file, staff_file = checked(folder.settings, "settings"), checked(folder.staff, "staff")
    settings, directory = read_settings(settings_file), read_staff(staff_file)
    problems = [*folder.problems, *settings_file.problems, *staff_file.problems, *check_staff(directory)]
    reading, index = Reading(settings, directory.staff, problems=problems), LearnerIndex(directory)
    staff = directory.staff if cover else {name: replace(one, cover=()) for name, one in directory.staff.items()}
    timeline, sound, shapes = CoverTimeline(staff, day, last or day), not reading.errors, Shapes()
    for path in folder.cohorts:
        file = read_file(path, shapes)
        faults = _faults(file, directory, index)
        reading.problems += faults
        sound = sound and not faults
        if sound and settings is not None:
            learners, warnings = build_cohort(file.entry, settings.organisation, timeline)
            reading.learners += learners
            reading.problems += warnings
    if settings is not None:
        reading.problems += check_waivers(settings, index, day)
        reading.problems += check_windows(settings)
    return reading


def _faults(file: CohortFile, directory: Directory, index: LearnerIndex) -> list[Problem]:
    """Return all problems of one cohort file."""
    rules = [*check_cohort(file.entry, directory), *index.add(file.entry, readable=file.is_readable)]
    return [*file.problems, *rules]


def read_declared(
    state: Path,
    day: date,
    *,
    cohorts: Collection[str] = (),
    learners: Collection[str] = (),
    ahead_days: int = 0,
    cover: bool = True,
) -> Declared:
    """Read and validate the whole state folder, and resolve it for *day* and the *ahead_days* after it.

    Without *cover*, slots are of the people whom the entries name, not of those who stand in for them.
    *cohorts* (names) and *learners* (ids, misids or labels) narrow the result, never the validation. Learners are
    sorted by cohort, id and misid. Paths in sources are as given: `state/cohorts/x.yaml`.
    Raises Invalid with every problem of every file at once; names of learners are looked up in valid files only.
    """
    horizon = min(date.max - day, timedelta(days=ahead_days)) + day
    with no_garbage_collection():
        folder = list_state_folder(state)
        reading = read_all(folder, day, horizon, cover=cover)
    reading.problems += unknown_cohorts(cohorts, [path.stem for path in folder.cohorts])
    if reading.settings is None or reading.errors:
        raise Invalid(reading.errors)
    chosen, unknown = choose(reading.learners, cohorts, learners)
    if unknown:
        raise Invalid(unknown)
    chosen.sort(key=lambda learner: (learner.cohort, learner.id or 0, learner.misid or ""))
    left_out = len(reading.learners) - len(chosen)
    cohorts = frozenset(learner.cohort for learner in reading.learners)
    warnings = bounded(reading.problems)
    everyone = tuple(reading.learners)
    return Declared(day, reading.settings, reading.staff, tuple(chosen), warnings, left_out, cohorts, horizon, everyone)
