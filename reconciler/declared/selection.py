"""Narrows the declared learners to the cohorts and learners that a command names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from reconciler.model.declared import DeclaredLearner
from reconciler.problems import Problem
from reconciler.text import did_you_mean, listed, quoted


def unknown_cohorts(requested: Collection[str], known: Collection[str]) -> Iterator[Problem]:
    for cohort in dict.fromkeys(requested):
        if cohort not in known:
            fix = did_you_mean(cohort, known, "Name a cohort file, without .yaml.")
            yield Problem(f"there is no cohort {quoted(cohort)}", fix, where="--cohort")


def choose(
    learners: Sequence[DeclaredLearner], cohorts: Collection[str], names: Collection[str]
) -> tuple[list[DeclaredLearner], list[Problem]]:
    """Return the learners in one of *cohorts* and among *names* (ids, misids or labels); empty means all.

    A name that matches nobody, matches two, or matches somebody outside *cohorts* is a problem.
    """
    in_cohorts = [learner for learner in learners if not cohorts or learner.cohort in cohorts]
    if not names:
        return in_cohorts, []
    by_name = _by_name(learners)
    matches = {name: by_name.get(name, []) for name in dict.fromkeys(names)}
    problems = [_wrong_name(name, named, by_name, cohorts) for name, named in matches.items()]
    chosen = {id(learner) for named in matches.values() for learner in named}
    return [learner for learner in in_cohorts if id(learner) in chosen], [problem for problem in problems if problem]


def _by_name(learners: Iterable[DeclaredLearner]) -> dict[str, list[DeclaredLearner]]:
    index: dict[str, list[DeclaredLearner]] = {}
    for learner in learners:
        for name in {str(learner.id) if learner.id is not None else "", learner.misid or "", learner.label} - {""}:
            index.setdefault(name, []).append(learner)
    return index


_AS_DECLARED = (
    "Name a learner by id, misid or label, as the cohort files do. If the file has the misid only, use that: rows of "
    "`reconciler plan --format json` have both the id (learner_id) and the line of the file."
)


def _with_same_digits(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names with the same digits: another number is another person, however similar."""
    digits = _digits(name)
    return [known_name for known_name in known if _digits(known_name) == digits]


def _digits(name: str) -> str:
    return "".join(char for char in name if char.isdecimal())


def _wrong_name(
    name: str, matches: Sequence[DeclaredLearner], known: Iterable[str], cohorts: Collection[str]
) -> Problem | None:
    if not matches:
        fix = did_you_mean(name, _with_same_digits(name, known), _AS_DECLARED)
        return Problem(f"no cohort file declares a learner {quoted(name)}", fix, where="--learner")
    if len(matches) > 1:
        places = listed((str(learner.source) for learner in matches), "and")
        what = f"{quoted(name)} names {len(matches)} learners: those at {places}"
        return Problem(what, "Name the learner by another of id, misid and label.", where="--learner")
    if cohorts and matches[0].cohort not in cohorts:
        what = f"learner {quoted(name)} is in cohort {matches[0].cohort}, which --cohort does not name"
        return Problem(what, "Leave out --cohort, or add this cohort.", where="--learner")
    return None
