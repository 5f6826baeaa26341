"""validate: what the declared state amounts to, once it is found to be sound."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from reconciler.model import Declared
from reconciler.plan.ahead import foresee
from reconciler.problems import in_order
from reconciler.report.jsonreport import problem_json
from reconciler.run.context import Context


def checked(context: Context) -> Declared:
    """The declaration, with a warning too for what the coming days break by the files alone."""
    declared = context.declared()
    return replace(declared, warnings=in_order([*declared.warnings, *foresee(declared)]))


def summary(declared: Declared, *, as_json: bool = False) -> str:
    """Counts of what is declared for the day, for people or as JSON."""
    cohorts = Counter(learner.cohort for learner in declared.learners)
    slots = sum(len(learner.slots) for learner in declared.learners)
    counts = {
        "cohorts": len(cohorts),
        "learners": len(declared.learners),
        "slots": slots,
        "staff": len(declared.staff),
        "warnings": len(declared.warnings),
    }
    if as_json:
        problems = [problem_json(problem) for problem in declared.warnings]
        return json.dumps({"day": declared.day.isoformat(), **counts, "problems": problems}) + "\n"
    return (
        f"Valid on {declared.day}: {counts['cohorts']} cohorts, {counts['learners']} learners, {slots} slots, "
        f"{counts['staff']} staff.\n"
    )
