"""Narrows the declared learners to the cohorts and learners that a command names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from reconciler.model.declared import DeclaredLearner
from reconciler.problems import Problem
from reconciler.text import did_you_mean, listed, quoted


def unknown_cohorts(asked: Collection[str], known: Collection[str]) -> Iterator[Problem]:
    for cohort in dict.fromkeys(asked):
        if cohort not in known:
            fix = did_you_mean(cohort, known, "name a cohort file, without .yaml.")
            yield Problem(f"there is no cohort {quoted(cohort)}", fix, where="--cohort")


def choose(
    learners: Sequence[DeclaredLearner], cohorts: Collection[str], names: Collection[str]
) -> tuple[list[DeclaredLearner], list[Problem]]:
    """The learners who stand in one of *cohorts* and are one of *names* (ids, misids or labels); empty means all.

    A name that fits nobody, fits two, or fits somebody outside *cohorts* is a problem.
    """
    within = [learner for learner in learners if not cohorts or learner.cohort in cohorts]
    if not names:
        return within, []
    by_name = _by_name(learners)
    found = {name: by_name.get(name, []) for name in dict.fromkeys(names)}
    problems = [_wrong_name(name, them, by_name, cohorts) for name, them in found.items()]
    wanted = {id(learner) for them in found.values() for learner in them}
    return [learner for learner in within if id(learner) in wanted], [problem for problem in problems if problem]


def _by_name(learners: Iterable[DeclaredLearner]) -> dict[str, list[DeclaredLearner]]:
    found: dict[str, list[DeclaredLearner]] = {}
    for learner in learners:
        for name in {str(learner.id) if learner.id is not None else "", learner.misid or "", learner.label} - {""}:
            found.setdefault(name, []).append(learner)
    return found


_AS_DECLARED = (
    "name a learner by id, misid or label, as the cohort files do. Whoever stands there with a misid is not found by "
    "id: rows of reconciler plan --format json have both the id (learner_id) and the line of the file."
)


def _of_the_same_digits(name: str, known: Iterable[str]) -> list[str]:
    """Another number is another person, however near: only what differs beside the digits may be a slip."""
    digits = _digits(name)
    return [one for one in known if _digits(one) == digits]


def _digits(name: str) -> str:
    return "".join(char for char in name if char.isdecimal())


def _wrong_name(
    name: str, found: Sequence[DeclaredLearner], known: Iterable[str], cohorts: Collection[str]
) -> Problem | None:
    if not found:
        fix = did_you_mean(name, _of_the_same_digits(name, known), _AS_DECLARED)
        return Problem(f"no cohort file declares a learner {quoted(name)}", fix, where="--learner")
    if len(found) > 1:
        places = listed((str(learner.source) for learner in found), "and")
        what = f"{quoted(name)} names {len(found)} learners: those at {places}"
        return Problem(what, "name the learner by another of id, misid and label.", where="--learner")
    if cohorts and found[0].cohort not in cohorts:
        what = f"learner {quoted(name)} stands in cohort {found[0].cohort}, which is not among the cohorts asked for"
        return Problem(what, "leave out --cohort, or add this cohort.", where="--learner")
    return None
