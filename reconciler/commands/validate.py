"""`validate`: checks the declared files, and counts what they declare."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path

from reconciler.model.declared import Declared
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.plan import CaseloadRow
from reconciler.model.slots import UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.caseload import caseload
from reconciler.plan.lookahead import foresee
from reconciler.problems import Invalid, Problem, in_order
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options


class Declaration(Struct, frozen=True):
    """Counts by what is counted. `caseload` is None unless it was asked for; in it, before equals after."""

    day: date
    counts: Mapping[str, int]
    warnings: tuple[Problem, ...]
    caseload: tuple[CaseloadRow, ...] | None = None


class FileCheck(Struct, frozen=True):
    """Files without a problem; `elsewhere` counts the problems of the other files in their state folder."""

    files: tuple[Path, ...]
    warnings: tuple[Problem, ...]
    elsewhere: int = 0


def check_files(options: Options, environment: Environment, files: tuple[Path, ...]) -> FileCheck:
    """Check these files with the state folder that they are in. Raises Invalid with the problems of these files."""
    state = _folder_of(files)
    try:
        warnings = checked(replace(options, state=state), environment).warnings
    except Invalid as error:
        own = [problem for problem in error.problems if _is_in(problem, files)]
        if own:
            raise Invalid(own) from error
        return FileCheck(files, (), len(error.problems))
    return FileCheck(files, tuple(problem for problem in warnings if _is_in(problem, files)))


def _folder_of(files: tuple[Path, ...]) -> Path:
    """Return the state folder of the files, relative to the working folder. Raises Invalid if there is not one."""
    folders = [file.absolute().parent for file in files]
    states = {folder.parent if folder.name == "cohorts" else folder for folder in folders}
    state, *others = states
    if others or not (state / "settings.yaml").is_file():
        fix = "Use files of one state folder: settings.yaml, staff.yaml and cohorts/NAME.yaml."
        raise Invalid(Problem("not files of one state folder", fix, where=", ".join(map(str, files))))
    return Path(os.path.relpath(state.parent)) / state.name


def _is_in(problem: Problem, files: tuple[Path, ...]) -> bool:
    return problem.source is not None and Path(problem.source.file).absolute() in {file.absolute() for file in files}


def checked(options: Options, environment: Environment) -> Declared:
    """Read the declared state, with warnings for policies that the coming days break."""
    declared = read_state(options, environment)
    return replace(declared, warnings=in_order([*declared.warnings, *foresee(declared)]))


def declaration(declared: Declared, *, with_caseload: bool = False) -> Declaration:
    """Return the counts of the day; with the caseload of everybody, from the files alone."""
    counts = {
        "cohorts": len({learner.cohort for learner in declared.learners}),
        "learners": len(declared.learners),
        "slots": sum(len(learner.slots) for learner in declared.learners),
        "staff": len(declared.staff),
    }
    return Declaration(declared.day, counts, declared.warnings, _caseload(declared) if with_caseload else None)


def _caseload(declared: Declared) -> tuple[CaseloadRow, ...]:
    """Return the caseload as if OneFile had what the files declare. A learner without an id gets a negative one."""
    learners = {
        user: ObservedLearner(user, slots=learner.holders)
        for number, learner in enumerate(declared.learners)
        for user in [learner.id if learner.id is not None else UserId(-1 - number)]
    }
    as_if = Observed(datetime.combine(declared.day, time(), UTC), learners)
    return caseload(declared, as_if, (), everyone=True)
