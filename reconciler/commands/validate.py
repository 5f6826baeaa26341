"""validate: what the declared state amounts to, once it is found to be sound."""

from __future__ import annotations

from datetime import UTC, datetime, time

from reconciler.model.declared import Declared
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.plan import CaseloadRow
from reconciler.model.slots import UserId
from reconciler.model.structs import replace
from reconciler.plan.caseload import caseload
from reconciler.plan.lookahead import foresee
from reconciler.problems import in_order
from reconciler.report.validate import Declaration
from reconciler.runtime.context import Context


def checked(context: Context) -> Declared:
    """The declaration, with a warning too for what the coming days break by the files alone."""
    declared = context.declared()
    return replace(declared, warnings=in_order([*declared.warnings, *foresee(declared)]))


def declaration(declared: Declared, *, with_caseload: bool = False) -> Declaration:
    """Counts of what is declared for the day; with the caseload of everybody, from the files alone."""
    counts = {
        "cohorts": len({learner.cohort for learner in declared.learners}),
        "learners": len(declared.learners),
        "slots": sum(len(learner.slots) for learner in declared.learners),
        "staff": len(declared.staff),
    }
    return Declaration(declared.day, counts, declared.warnings, _caseload(declared) if with_caseload else None)


def _caseload(declared: Declared) -> tuple[CaseloadRow, ...]:
    """As if OneFile held just what the files declare. A learner known by MISID has no id yet: any that is free does."""
    learners = {
        user: ObservedLearner(user, slots={slot: wanted.staff for slot, wanted in learner.slots.items()})
        for number, learner in enumerate(declared.learners)
        for user in [learner.id if learner.id is not None else UserId(-1 - number)]
    }
    as_if = Observed(datetime.combine(declared.day, time(), UTC), learners)
    return caseload(declared, as_if, (), everyone=True)
