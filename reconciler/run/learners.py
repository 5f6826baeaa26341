"""Which OneFile ids learners have that a command names by id, label or MISID, as far as that is told without a call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.declared.scope import choose
from reconciler.model import DeclaredLearner, UserId
from reconciler.problems import Invalid, Problem

_WHERE = "--learner"


def ids_of(learners: Sequence[DeclaredLearner], names: Collection[str]) -> list[UserId]:
    """Labels go by the learners whom valid files declare; an id is taken as it is, for the learner may stand in no
    file any more. Raises Invalid for every name that leads to no id: OneFile is not asked."""
    ids, problems = [], []
    for name in dict.fromkeys(names):
        found = _id_of(name, learners)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            ids.append(found)
    if problems:
        raise Invalid(problems)
    return ids


def labels_of(learners: Sequence[DeclaredLearner]) -> Mapping[UserId, str]:
    return {learner.id: learner.label for learner in learners if learner.id is not None and learner.label}


def _id_of(name: str, learners: Sequence[DeclaredLearner]) -> UserId | Problem:
    found, problems = choose(learners, (), [name])
    if len(found) == 1:
        return found[0].id if found[0].id is not None else _only_misid(name, found[0])
    if not found and name.isascii() and name.isdecimal() and not name.startswith("0"):
        return UserId(int(name))
    if learners:
        return problems[0]
    what = f"no valid cohort file says who {name!r} is"
    return Problem(what, "Give the learner's OneFile id, or name the folder of their files with --state.", where=_WHERE)


def _only_misid(name: str, learner: DeclaredLearner) -> Problem:
    what = f"the files know {name!r} by MISID {learner.misid} only, and what was written is kept by OneFile id"
    fix = f"Find the id with: reconciler plan --learner {learner.misid} --format json (learner_id), and give that."
    return Problem(what, fix, learner.source, where=_WHERE)
