"""The solver finds the best sharing, breaks no rule, and says which rules stand in the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.declared import ShareWeights
from reconciler.model.slots import Handle
from reconciler.model.structs import replace
from reconciler.problems import ReconcilerError
from reconciler.sharing.obstacles import obstacles_of
from reconciler.sharing.problem import (
    RELAXABLE,
    Apart,
    Person,
    Rule,
    ShareProblem,
    Task,
    broken_rules,
    cost_of,
)
from reconciler.sharing.search import improve
from reconciler.sharing.solver import place, solve
from tests.marks import examples

Heirs = tuple[Handle | None, ...]
PEOPLE = [Handle(name) for name in ("ann", "bea", "cat")]


def people(draw: st.DrawFn) -> list[Person]:
    return [
        Person(
            handle,
            draw(st.sampled_from(["one", f"account:{handle}"])),
            load := draw(st.integers(0, 3)),
            draw(st.none() | st.integers(0, 4)),
            draw(st.none() | st.integers(load, load + 2)),
            draw(st.sampled_from([37.0, 18.5])),
        )
        for handle in PEOPLE
    ]


@st.composite
def problems(draw: st.DrawFn) -> ShareProblem:
    """Up to four tasks for three people: few enough to try every answer."""
    rules: st.SearchStrategy[Rule] = st.sampled_from(["role", "competence", "trainee", "independence"])
    tasks = []
    for number in range(draw(st.integers(1, 4))):
        barred = draw(st.dictionaries(st.sampled_from(PEOPLE), rules, max_size=2))
        known = frozenset(draw(st.sets(st.sampled_from(PEOPLE), max_size=1)))
        keeper = draw(st.none() | st.sampled_from(PEOPLE))
        keeper = None if keeper in barred or keeper in known else keeper
        tasks.append(Task(number // 2, f"side {number % 2}", draw(st.sampled_from("xy")), barred, known, keeper))
    apart = [Apart(first, first + 1) for first in range(0, len(tasks) - 1, 2)]
    weights = draw(st.sampled_from([ShareWeights(), ShareWeights(0, 1, 30, 0, 0)]))
    return ShareProblem(people(draw), tasks, apart, weights)


def every_answer(problem: ShareProblem) -> Iterator[Heirs]:
    """Every answer that breaks no rule which is not given up."""
    for heirs in product([None, *PEOPLE], repeat=len(problem.tasks)):
        if problem.given_up.issuperset(rule for _, rule in broken_rules(problem, heirs)):
            yield heirs


@settings(max_examples=examples(60), deadline=None)
@given(problems())
def test_no_answer_costs_less_and_none_breaks_a_rule(problem: ShareProblem) -> None:
    """A small question is proven: as cheap as the cheapest of all answers."""
    answer = solve(problem)
    assert broken_rules(problem, answer.heirs) == []
    best = min(cost_of(problem, heirs) for heirs in every_answer(problem))
    assert answer.cost == pytest.approx(best, rel=1e-4)
    assert answer.cost == cost_of(problem, answer.heirs)
    assert answer.bound <= best + 1e-3


@settings(max_examples=examples(20), deadline=None)
@given(problems())
def test_the_same_question_has_the_same_answer(problem: ShareProblem) -> None:
    """No clock and no chance decides, and the order of people does not either."""
    turned = replace(problem, people=list(reversed(problem.people)))
    assert solve(problem).heirs == solve(problem).heirs == solve(turned).heirs


@settings(max_examples=examples(30), deadline=None)
@given(problems())
def test_the_search_only_makes_an_answer_better(problem: ShareProblem) -> None:
    """It starts from any valid answer, also from none, and keeps every rule."""
    first = place(problem)
    for start in (first, (None,) * len(problem.tasks)):
        found = improve(problem, start)
        assert broken_rules(problem, found) == []
        assert cost_of(problem, found) <= cost_of(problem, start) + 1e-6


@settings(max_examples=examples(40), deadline=None)
@given(problems())
def test_as_many_learners_are_placed_as_the_rules_allow(problem: ShareProblem) -> None:
    """Nobody is left over for the sake of a wish."""
    least = min(heirs.count(None) for heirs in every_answer(problem))
    assert place(problem).count(None) == solve(problem).heirs.count(None) == least


@settings(max_examples=examples(40), deadline=None)
@given(problems())
def test_obstacles_are_the_smallest_sets_of_rules(problem: ShareProblem) -> None:
    """Each set places as many as it says, and no smaller set places everybody."""
    obstacles = obstacles_of(problem, answer := solve(problem))
    unplaced = answer.heirs.count(None)
    assert bool(obstacles) <= bool(unplaced)
    for obstacle in obstacles:
        relaxed = replace(problem, given_up=frozenset(obstacle.rules))
        assert unplaced - obstacle.placed == obstacle.missing == min(h.count(None) for h in every_answer(relaxed))
        assert {breach.rule for breach in obstacle.breaches} <= set(obstacle.rules)
        assert obstacle.breaches
    complete = [len(obstacle.rules) for obstacle in obstacles if not obstacle.missing]
    for rule in RELAXABLE:
        if complete and min(complete) > 1:
            relaxed = replace(problem, given_up=frozenset([rule]))
            assert min(heirs.count(None) for heirs in every_answer(relaxed)) > 0


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback: the package, and the command that installs it."""
    monkeypatch.setitem(sys.modules, "highspy", None)
    problem = ShareProblem([Person(PEOPLE[0], "one", 0)], [Task(1, "assessor", "x")])
    with pytest.raises(ReconcilerError, match=r"HiGHS, which is not installed") as stop:
        solve(problem)
    assert "pip install 'onefile-reconciler[share]'" in stop.value.problems[0].fix


def test_the_solver_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Its banner would spoil JSON on standard output."""
    solve(ShareProblem([Person(PEOPLE[0], "one", 0)], [Task(1, "assessor", "x")]))
    assert capfd.readouterr() == ("", "")
