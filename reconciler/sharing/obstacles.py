"""Obstacles of a sharing: the smallest sets of rules that keep learners from having an heir."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from reconciler.model.slots import Handle
from reconciler.model.structs import Struct, replace
from reconciler.sharing.problem import RELAXABLE, Rule, Shared, ShareProblem, broken_rules
from reconciler.sharing.solver import place


class Breach(Struct, frozen=True):
    """One learner's heir who would break a rule, if it were given up; `task` is the place in the problem."""

    task: int
    heir: Handle
    rule: Rule


class Obstacle(Struct, frozen=True):
    """Rules that would have to be given up, all of them, to place this many more learners; with every breach."""

    rules: tuple[Rule, ...]
    placed: int
    missing: int
    breaches: tuple[Breach, ...]


def obstacles_of(problem: ShareProblem, shared: Shared) -> tuple[Obstacle, ...]:
    """Return what giving up each rule would do, and the smallest sets that place everybody; nothing without need.

    Sets of more rules are tried only if no smaller one places everybody.
    """
    unplaced = shared.heirs.count(None)
    if not unplaced:
        return ()
    found: list[Obstacle] = []
    for size in range(1, len(RELAXABLE) + 1):
        found += _of_size(problem, size, unplaced, found)
        if any(obstacle.missing == 0 for obstacle in found):
            break
    return tuple(found)


def _of_size(problem: ShareProblem, size: int, unplaced: int, smaller: list[Obstacle]) -> Iterator[Obstacle]:
    best = max((obstacle.placed for obstacle in smaller), default=0)
    for rules in combinations(_in_use(problem), size):
        heirs = place(replace(problem, given_up=frozenset(rules)))
        missing = heirs.count(None)
        breaches = [Breach(task, heir, rule) for task, rule in broken_rules(problem, heirs) if (heir := heirs[task])]
        if unplaced - missing > best:
            yield Obstacle(rules, unplaced - missing, missing, tuple(breaches))


def _in_use(problem: ShareProblem) -> list[Rule]:
    barring = {rule for task in problem.tasks for rule in task.barred.values()}
    if any(person.maximum is not None for person in problem.people):
        barring.add("max")
    return [rule for rule in RELAXABLE if rule in barring]
