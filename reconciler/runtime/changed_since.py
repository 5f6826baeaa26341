"""`--changed-since`: the learners whose declaration changed since a commit, so that only they are read."""

from __future__ import annotations

from pathlib import Path

from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.slots import LearnerKey
from reconciler.model.structs import replace
from reconciler.problems import Invalid
from reconciler.runtime.commit_files import as_of, changed_since


def since(declared: Declared, state: Path, ref: str) -> Declared:
    """Keep the learners of cohort files that changed since `ref`, and those whose slots changed with staff.yaml.

    All are kept if settings.yaml changed, or if the state at `ref` is not valid. Raises Invalid if git does not know
    `ref`.
    """
    changed = changed_since(state, ref)
    if "settings.yaml" in changed:
        return declared
    # the other cohorts' files are the same at both commits: only staff.yaml can change what they ask for
    then = _slots_at(declared, state, ref) if "staff.yaml" in changed else {}
    if then is None:
        return declared

    def moved(learner: DeclaredLearner) -> bool:
        if f"cohorts/{learner.cohort}.yaml" in changed:
            return True
        return "staff.yaml" in changed and then.get(learner.key) != learner.slots

    kept = tuple(learner for learner in declared.learners if moved(learner))
    return replace(declared, learners=kept, left_out=declared.left_out + len(declared.learners) - len(kept))


def _slots_at(declared: Declared, state: Path, ref: str) -> dict[LearnerKey, object] | None:
    try:
        with as_of(state, ref) as base:
            return {learner.key: learner.slots for learner in read_declared(base, declared.day).learners}
    except Invalid:
        return None
