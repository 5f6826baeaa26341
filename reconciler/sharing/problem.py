"""The question of a sharing: learners to give away, people who may take them, rules and wishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from reconciler.model.declared import FULL_TIME_HOURS, ShareWeights
from reconciler.model.slots import Handle, LearnerKey
from reconciler.model.structs import Struct, field

Rule = Literal["role", "max", "competence", "trainee", "independence", "placement", "coverage", "apart"]
"""Reasons why somebody may not take a learner. All but `max` and `apart` are known for each learner and person."""
RELAXABLE: tuple[Rule, ...] = ("max", "competence", "trainee", "independence", "placement")
"""Rules that a centre could give up, the least serious first. OneFile itself refuses a wrong role."""
UNPLACED = 1e6
GIVE_UP = 1e4
"""Costs of a learner without an heir, and of a broken rule that is given up: more than all wishes together."""


class Person(Struct, frozen=True):
    """Candidate for learners.

    `now` is their caseload on the day, `load` the same without any of the tasks; `human` joins the accounts of one
    person.
    """

    handle: Handle
    human: str
    load: int
    target: int | None = None
    maximum: int | None = None
    hours: float = FULL_TIME_HOURS
    now: int = 0


class Task(Struct, frozen=True):
    """The slots of one learner that go to one heir: those that the leavers of one side hold.

    `side` is assessor, IQA, employer or observer. `group` is the employer or cohort whose learners are kept together.
    `barred` has the rule that keeps each person from taking it. `known` are people with whom the learner counts
    already, so that the task adds nobody to their caseload. `keeper` is the present holder, if they may keep it.
    """

    learner: LearnerKey
    side: str
    group: str
    barred: Mapping[Handle, Rule] = field(default_factory=dict)
    known: frozenset[Handle] = frozenset()
    keeper: Handle | None = None


class Apart(NamedTuple):
    """Two tasks of one learner, by their places, that must not go to one human being."""

    first: int
    second: int


class ShareProblem(Struct, frozen=True):
    """Tasks, people, and the weights of the wishes. Rules that are given up may be broken, at a high cost.

    `leavers` take nothing; their loads are what they keep outside the scope.
    """

    people: Sequence[Person]
    tasks: Sequence[Task]
    apart: Sequence[Apart] = ()
    weights: ShareWeights = ShareWeights()
    given_up: frozenset[Rule] = frozenset()
    leavers: Sequence[Person] = ()

    def may(self, task: Task, heir: Handle) -> bool:
        """Return True if the rules about each learner and person allow this heir."""
        rule = task.barred.get(heir)
        return rule is None or rule in self.given_up

    def room(self, person: Person) -> int | None:
        """Return the number of learners that somebody may still take; None is no limit."""
        if person.maximum is None or "max" in self.given_up:
            return None
        return max(0, person.maximum - person.load)


class Shared(Struct, frozen=True):
    """An answer: the heir of each task, None if nobody may take it.

    No answer costs less than `bound`; it is proven to be the best if `cost` is no more.
    """

    heirs: tuple[Handle | None, ...]
    cost: float
    bound: float

    @property
    def is_proven(self) -> bool:
        """True if no better answer exists."""
        return self.cost <= self.bound + 1e-4 * max(1.0, abs(self.bound))


class Costs:
    """Costs of the wishes of one problem."""

    def __init__(self, problem: ShareProblem) -> None:
        self.weights, self._given_up = problem.weights, problem.given_up
        full_time = sum(person.hours for person in problem.people) / FULL_TIME_HOURS
        total = sum(person.load for person in problem.people) + len(problem.tasks)
        self._mean = max(1.0, total / max(full_time, 1.0))

    def of_load(self, person: Person, load: int) -> float:
        """Return the cost of a caseload: the square by working hours, and each learner above the target.

        A caseload that is above the target already costs only what is added.
        """
        even = self.weights.even * load * load / (self._mean * person.hours / FULL_TIME_HOURS)
        over = 0 if person.target is None else max(0, load - max(person.target, person.load))
        if "max" in self._given_up and person.maximum is not None:
            even += GIVE_UP * max(0, load - max(person.maximum, person.load))
        return even + self.weights.target * over

    def of_heir(self, task: Task, heir: Handle) -> float:
        """Return the cost of a heir: new to the learner, or a move that need not be."""
        if heir == task.keeper:
            return 0.0
        move: float = self.weights.move if task.keeper is not None else 0
        move += GIVE_UP if heir in task.barred else 0
        return move + (0 if heir in task.known else self.weights.known)


def cost_of(problem: ShareProblem, heirs: Sequence[Handle | None]) -> float:
    """Return the cost of an answer."""
    costs = Costs(problem)
    loads = Counter({person.handle: person.load for person in problem.people})
    together: set[tuple[str, Handle]] = set()
    total = 0.0
    for task, heir in zip(problem.tasks, heirs, strict=True):
        if heir is None:
            total += UNPLACED
            continue
        total += costs.of_heir(task, heir)
        together.add((task.group, heir))
        loads[heir] += heir not in task.known
    total += problem.weights.together * len(together)
    return total + sum(costs.of_load(person, loads[person.handle]) for person in problem.people)


def broken_rules(problem: ShareProblem, heirs: Sequence[Handle | None]) -> list[tuple[int, Rule]]:
    """Return every task whose heir breaks a rule, with the rule; nothing for a valid answer."""
    people, broken = {person.handle: person for person in problem.people}, []
    taken: Counter[Handle] = Counter()
    for place, (task, heir) in enumerate(zip(problem.tasks, heirs, strict=True)):
        if heir is None:
            continue
        if rule := task.barred.get(heir):
            broken.append((place, rule))
        taken[heir] += heir not in task.known
        person = people[heir]
        room = None if person.maximum is None else max(0, person.maximum - person.load)
        if heir not in task.known and room is not None and taken[heir] > room:
            broken.append((place, "max"))
    for first, second in problem.apart:
        one, other = heirs[first], heirs[second]
        if one is not None and other is not None and people[one].human == people[other].human:
            broken.append((second, "apart"))
    return broken
