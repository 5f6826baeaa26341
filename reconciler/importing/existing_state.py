"""Reads a state folder that may still be incomplete, for commands that add to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from reconciler.declared.folder import list_state_folder
from reconciler.declared.load import read_declared
from reconciler.declared.rules import check_staff
from reconciler.declared.schema import checked
from reconciler.declared.settings_and_staff import Directory, read_settings, read_staff
from reconciler.model.declared import DeclaredLearner, Settings, Staff
from reconciler.model.slots import Handle
from reconciler.model.structs import Struct, field
from reconciler.problems import Invalid


class Existing(Struct, frozen=True):
    """Content of a state folder; `settings` and `staff` are None without such a file."""

    settings: Settings | None = None
    staff: Mapping[Handle, Staff] | None = None
    learners: tuple[DeclaredLearner, ...] = ()
    cohorts: frozenset[str] = field(default_factory=frozenset)


def read_existing(state: Path, day: date) -> Existing:
    """Read and validate the existing files.

    Raises Invalid with every problem, also for cohort files without the other files.
    """
    cohorts = frozenset(path.stem for path in list_state_folder(state).cohorts)
    if cohorts:
        declared = read_declared(state, day)
        return Existing(declared.settings, declared.staff, declared.learners, cohorts)
    problems = []
    settings, directory = None, None
    if (path := state / "settings.yaml").exists():
        document = checked(path, "settings")
        settings = read_settings(document)
        problems += document.problems
    if (path := state / "staff.yaml").exists():
        document = checked(path, "staff")
        directory = read_staff(document)
        problems += [*document.problems, *check_staff(directory)]
    if any(problem.severity == "error" for problem in problems):
        raise Invalid(problems)
    return Existing(settings, directory.staff if isinstance(directory, Directory) else None)
