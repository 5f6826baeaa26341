"""Solves a sharing problem as an integer program with HiGHS; the only module that knows the solver."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.slots import Handle
from reconciler.problems import Problem, ReconcilerError
from reconciler.sharing.problem import UNPLACED, Costs, Person, Shared, ShareProblem, Task, cost_of
from reconciler.sharing.search import improve

SMALL = 600
"""Pairs of task and person up to which the whole question is given to the solver, for a proven optimum."""
_NODES = 100
_GAP = 5e-5
_STEP = 30
"""Loads are counted one by one up to this many more than the present one; beyond, in steps of ten."""


def solve(problem: ShareProblem) -> Shared:
    """Return the cheapest sharing that is found, always the same one for the same problem.

    First HiGHS shares out without regard to groups: exact for rules and loads, and a bound on the cost. Then a local
    search brings groups together. A small problem is then solved as a whole. One thread, a fixed seed and a bound on
    nodes, not on time, make it repeatable. Raises ReconcilerError if the extra `share` is not installed.
    """
    if not problem.tasks:
        cost = cost_of(problem, ())
        return Shared((), cost, cost)
    first = _Model(problem, grouped=False).solve()
    heirs = improve(problem, first.heirs)
    answer = Shared(heirs, cost_of(problem, heirs), first.bound)
    if answer.is_proven or sum(len(problem.people) - len(task.barred) for task in problem.tasks) > SMALL:
        return answer
    second = _Model(problem, grouped=True).solve()
    heirs = min(improve(problem, second.heirs), heirs, key=lambda heirs: cost_of(problem, heirs))
    return Shared(heirs, cost_of(problem, heirs), max(first.bound, second.bound))


def place(problem: ShareProblem) -> tuple[Handle | None, ...]:
    """Return heirs for as many tasks as the rules allow, breaking as few given-up rules as possible."""
    return _Model(problem, grouped=False).solve().heirs if problem.tasks else ()


def _highs() -> Any:
    try:
        import highspy
    except ImportError:
        what = "sharing out needs the solver HiGHS, which is not installed"
        fix = "Run: pip install 'onefile-reconciler[share]'."
        raise ReconcilerError(Problem(what, fix)) from None
    return highspy


def _quiet_solver(highspy: Any) -> Any:
    """Return a solver that prints nothing: its constructor prints a banner unless output is off before callbacks."""

    class Quiet(highspy.Highs):  # type: ignore[misc]  # it has no types
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)
            super().enableCallbacks()

    return Quiet()


@dataclass
class _Program:
    """A linear program: columns with cost and upper bound, sparse rows with bounds."""

    cost: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    indices: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def column(self, cost: float, most: float, *, whole: bool) -> int:
        self.cost.append(cost)
        self.most.append(most)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, lower: float, upper: float, entries: Iterable[tuple[int, float]]) -> None:
        for column, value in entries:
            self.indices.append(column)
            self.values.append(value)
        self.lower.append(lower)
        self.upper.append(upper)
        self.starts.append(len(self.indices))

    def solve(self, gap: float) -> tuple[list[float], float]:
        """Return the values of the columns, at most this share above the least cost, and a bound on the cost."""
        highspy = _highs()
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(self.cost), len(self.lower)
        program.col_cost_, program.col_lower_, program.col_upper_ = self.cost, [0.0] * len(self.cost), self.most
        program.row_lower_, program.row_upper_ = self.lower, self.upper
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_, program.a_matrix_.index_ = self.starts, self.indices
        program.a_matrix_.value_ = self.values
        kinds = highspy.HighsVarType
        program.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self.whole]
        solver = _quiet_solver(highspy)
        options = {"threads": 1, "random_seed": 0, "mip_rel_gap": gap, "mip_max_nodes": _NODES}
        for name, value in options.items():
            solver.setOptionValue(name, value)
        solver.passModel(program)
        solver.run()
        info = solver.getInfo()
        if info.primal_solution_status != 2:  # a feasible point; there always is one, with nobody placed
            raise ReconcilerError(Problem("the solver found no answer", "Report this, with the version."))
        return list(solver.getSolution().col_value), info.mip_dual_bound


class _Model:
    """A sharing problem as an integer program.

    Learners who are alike are one class with a count. Without groups there are few classes, and the program is almost
    a transport problem, which is solved at once.
    """

    def __init__(self, problem: ShareProblem, *, grouped: bool) -> None:
        self._problem, self._grouped, self._costs = problem, grouped, Costs(problem)
        self._people = sorted(problem.people, key=lambda person: person.handle)
        self._human = {person.handle: person.human for person in self._people}
        self._program = _Program()
        self._classes = self._alike()
        self._takes: list[list[dict[Handle, int]]] = []  # per class and part of it, the column of each person
        self._adding: dict[Handle, list[int]] = defaultdict(list)  # columns that add a learner to a caseload
        self._by_group: dict[tuple[str, Handle], list[int]] = defaultdict(list)
        for members in self._classes:
            self._add_class(members)
        self._fixed = sum(self._add_load(person) for person in self._people)
        if grouped:
            self._add_groups()

    def _alike(self) -> list[list[tuple[int, ...]]]:
        """Group learners who are alike, each with the places of its tasks in the order of the problem."""
        by_learner: dict[object, list[int]] = defaultdict(list)
        for place, task in enumerate(self._problem.tasks):
            by_learner[task.learner].append(place)
        partners = {place for pair in self._problem.apart for place in pair}
        classes: dict[object, list[tuple[int, ...]]] = defaultdict(list)
        for places in by_learner.values():
            key = tuple((self._signature(self._problem.tasks[place]), place in partners) for place in places)
            classes[key].append(tuple(places))
        return list(classes.values())

    def _signature(self, task: Task) -> object:
        group = task.group if self._grouped else ""
        return (task.side, group, frozenset(task.barred), task.known, task.keeper)

    # -------------------------------------------------------------- the program

    def _add_class(self, members: Sequence[tuple[int, ...]]) -> None:
        takes = []
        for place in members[0]:
            task = self._problem.tasks[place]
            take = {
                person.handle: self._taking(task, person.handle, len(members))
                for person in self._people
                if self._problem.may(task, person.handle)
            }
            left = self._program.column(UNPLACED, len(members), whole=True)
            self._program.row(len(members), len(members), [*((column, 1.0) for column in take.values()), (left, 1.0)])
            takes.append(take)
        self._keep_apart(members, takes)
        self._takes.append(takes)

    def _taking(self, task: Task, heir: Handle, count: int) -> int:
        column = self._program.column(self._costs.of_heir(task, heir), count, whole=True)
        if heir not in task.known:
            self._adding[heir].append(column)
        self._by_group[task.group, heir].append(column)
        return column

    def _keep_apart(self, members: Sequence[tuple[int, ...]], takes: Sequence[dict[Handle, int]]) -> None:
        """Bound what one human being takes of two parts: no more than there are learners can be arranged."""
        for first, second in self._pairs(members[0]):
            humans: dict[str, list[tuple[int, float]]] = defaultdict(list)
            for person in self._people:
                columns = (takes[part].get(person.handle) for part in (first, second))
                humans[person.human] += [(column, 1.0) for column in columns if column is not None]
            for entries in humans.values():
                if len(entries) > 1:
                    self._program.row(0, len(members), entries)

    def _pairs(self, places: tuple[int, ...]) -> list[tuple[int, int]]:
        index = {place: part for part, place in enumerate(places)}
        return [(index[first], index[second]) for first, second in self._problem.apart if first in index]

    def _add_load(self, person: Person) -> float:
        """Add the convex cost of a caseload, step by step; return the cost of the present one."""
        columns = self._adding[person.handle]
        most = int(sum(self._program.most[column] for column in columns))
        room = self._problem.room(person)
        end = person.load + (most if room is None else min(most, room))
        entries, load = [(column, 1.0) for column in columns], person.load
        while load < end:
            size = min(1 if load - person.load < _STEP else 10, end - load)
            rise = self._costs.of_load(person, load + size) - self._costs.of_load(person, load)
            entries.append((self._program.column(rise / size, size, whole=False), -1.0))
            load += size
        if columns:
            self._program.row(0, 0, entries)
        return self._costs.of_load(person, person.load)

    def _add_groups(self) -> None:
        for (_, _), columns in sorted(self._by_group.items()):
            used = self._program.column(self._problem.weights.together, 1, whole=True)
            for column in columns:
                self._program.row(-float("inf"), 0, [(column, 1.0), (used, -self._program.most[column])])

    # -------------------------------------------------------------- the answer

    def solve(self) -> Shared:
        """Return the answer of the program; its bound is of the whole problem."""
        values, bound = self._program.solve(gap=_GAP if self._grouped else 1e-9)
        heirs: list[Handle | None] = [None] * len(self._problem.tasks)
        for members, takes in zip(self._classes, self._takes, strict=True):
            ordered = sorted(members, key=lambda places: [self._problem.tasks[place].group for place in places])
            parts = [_spread(take, values, len(members)) for take in takes]
            for first, second in self._pairs(members[0]):
                parts[second] = self._arranged(parts[first], parts[second])
            for number, places in enumerate(ordered):
                for part, place in enumerate(places):
                    heirs[place] = parts[part][number]
        bound += self._fixed
        if not self._grouped and None not in heirs:  # then the best answer places all too, and each group costs once
            bound += self._problem.weights.together * len({task.group for task in self._problem.tasks})
        return Shared(tuple(heirs), cost_of(self._problem, heirs), bound)

    def _arranged(self, fixed: Sequence[Handle | None], loose: Sequence[Handle | None]) -> list[Handle | None]:
        """Order *loose* so that no place has one human being in both; the tightest person goes first."""
        humans = [self._human.get(heir) if heir else None for heir in fixed]
        left, ahead, order = Counter(loose), Counter(humans), list[Handle | None]()
        for own in humans:
            fitting = [heir for heir in left if left[heir] and (heir is None or self._human[heir] != own)]
            choice = max(
                fitting,
                key=lambda heir: (left[heir] + (ahead[self._human[heir]] if heir else 0), str(heir)),
                default=None,
            )
            left[choice] -= 1
            ahead[own] -= 1
            order.append(choice)
        return order


def _spread(take: dict[Handle, int], values: Sequence[float], count: int) -> list[Handle | None]:
    """Return the heirs of a class's learners in order: blocks by person, those without an heir last."""
    blocks: list[Handle | None] = [heir for heir in sorted(take) for _ in range(round(values[take[heir]]))]
    return [*blocks, *[None] * (count - len(blocks))][:count]
