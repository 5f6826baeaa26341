"""`validate`: checks the declared files, and counts what they declare."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from reconciler.model.declared import Declared
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.plan import CaseloadRow
from reconciler.model.slots import UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.caseload import caseload
from reconciler.plan.lookahead import foresee
from reconciler.problems import Problem, in_order
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options


class Declaration(Struct, frozen=True):
    """Counts by what is counted. `caseload` is None unless it was asked for; in it, before equals after."""

    day: date
    counts: Mapping[str, int]
    warnings: tuple[Problem, ...]
    caseload: tuple[CaseloadRow, ...] | None = None


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
        user: ObservedLearner(user, slots={slot: wanted.staff for slot, wanted in learner.slots.items()})
        for number, learner in enumerate(declared.learners)
        for user in [learner.id if learner.id is not None else UserId(-1 - number)]
    }
    as_if = Observed(datetime.combine(declared.day, time(), UTC), learners)
    return caseload(declared, as_if, (), everyone=True)
