"""Local search: improves an answer by moving learners, groups of learners and pairs, until nothing helps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from reconciler.model.slots import Handle
from reconciler.sharing.problem import Costs, Person, ShareProblem

_SWEEPS = 30
_EPSILON = 1e-9


def improve(problem: ShareProblem, heirs: Sequence[Handle | None]) -> tuple[Handle | None, ...]:
    """Return an answer that costs no more and leaves nobody unplaced who was placed."""
    search = _Search(problem, heirs)
    for _ in range(_SWEEPS):
        if not (search.move_each() | search.move_groups() | search.swap()):
            break
    return tuple(search.heirs)


class _Search:
    def __init__(self, problem: ShareProblem, heirs: Sequence[Handle | None]) -> None:
        self._problem, self._tasks, self._costs = problem, problem.tasks, Costs(problem)
        self._people = {person.handle: person for person in sorted(problem.people, key=lambda person: person.handle)}
        self._together = problem.weights.together
        self._partners: dict[int, list[int]] = defaultdict(list)
        for first, second in problem.apart:
            self._partners[first].append(second)
            self._partners[second].append(first)
        self._may = [[handle for handle in self._people if problem.may(task, handle)] for task in self._tasks]
        self._loads = Counter({handle: person.load for handle, person in self._people.items()})
        self._steps = {handle: self._load_change(handle, 1) for handle in self._people}
        self._members: dict[tuple[str, Handle], set[int]] = defaultdict(set)
        self._held: dict[Handle, set[int]] = defaultdict(set)
        self._holders: dict[str, set[Handle]] = defaultdict(set)
        self.heirs: list[Handle | None] = [None] * len(self._tasks)
        for place, heir in enumerate(heirs):
            if heir is not None:
                self._put(place, heir)

    # -------------------------------------------------------------- the state

    def _put(self, place: int, heir: Handle | None) -> None:
        task, old = self._tasks[place], self.heirs[place]
        if old is not None:
            self._count(old, -(old not in task.known))
            self._held[old].discard(place)
            self._members[task.group, old].discard(place)
            if not self._members[task.group, old]:
                self._holders[task.group].discard(old)
        if heir is not None:
            self._count(heir, heir not in task.known)
            self._held[heir].add(place)
            self._members[task.group, heir].add(place)
            self._holders[task.group].add(heir)
        self.heirs[place] = heir

    def _count(self, handle: Handle, more: int) -> None:
        if more:
            self._loads[handle] += more
            self._steps[handle] = self._load_change(handle, 1)

    def _fits(self, person: Person, more: int) -> bool:
        room = self._problem.room(person)
        return more <= 0 or room is None or self._loads[person.handle] + more <= person.load + room

    def _is_apart(self, place: int, heir: Handle) -> bool:
        human = self._people[heir].human
        heirs = (self.heirs[partner] for partner in self._partners.get(place, ()))
        return all(other is None or self._people[other].human != human for other in heirs)

    def _load_change(self, handle: Handle, more: int) -> float:
        person, load = self._people[handle], self._loads[handle]
        return self._costs.of_load(person, load + more) - self._costs.of_load(person, load) if more else 0.0

    # -------------------------------------------------------------- the moves

    def move_each(self) -> bool:
        """Move each task to its cheapest heir."""
        moved = False
        for place in range(len(self._tasks)):
            moved |= self._moved([place], self._may[place])
        return moved

    def move_groups(self) -> bool:
        """Move all tasks that one heir has of a group to another, or half of them."""
        moved = False
        for key in sorted(self._members):
            places = sorted(self._members[key])
            if len(places) > 1:
                allowed = set(self._may[places[0]]).intersection(*(self._may[place] for place in places[1:]))
                moved |= self._moved(places, sorted(allowed))
        return moved

    def _moved(self, places: Sequence[int], choice: Sequence[Handle]) -> bool:
        """Move tasks of one group and heir to the cheapest heir, if any costs less."""
        old = self.heirs[places[0]]
        leaving = self._leaving(places, old)
        best, found = -_EPSILON, None
        strangers = sum(not self._tasks[place].known for place in places)
        for heir in choice:
            if leaving + strangers * self._steps[heir] >= best:  # each learner more costs at least as much as the first
                continue
            if heir != old and (change := self._joining(places, heir, best - leaving)) is not None:
                best, found = leaving + change, heir
        if found is not None:
            for place in places:
                self._put(place, found)
        return found is not None

    def _leaving(self, places: Sequence[int], old: Handle | None) -> float:
        if old is None:
            return -float("inf")
        tasks = [self._tasks[place] for place in places]
        change = self._load_change(old, -sum(old not in task.known for task in tasks))
        change -= sum(self._costs.of_heir(task, old) for task in tasks)
        return change - self._together * (len(self._members[tasks[0].group, old]) == len(places))

    def _joining(self, places: Sequence[int], heir: Handle, below: float) -> float | None:
        """Return the change of cost by the tasks' new heir; None if it is not below this, or not allowed."""
        tasks = [self._tasks[place] for place in places]
        more = sum(heir not in task.known for task in tasks)
        if not self._fits(self._people[heir], more):
            return None
        change = self._load_change(heir, more) + sum(self._costs.of_heir(task, heir) for task in tasks)
        change += self._together * (not self._members.get((tasks[0].group, heir)))
        if change >= below or not all(self._is_apart(place, heir) for place in places):
            return None
        return change

    def swap(self) -> bool:
        """Exchange tasks with people who have others of the same group."""
        moved = False
        for place, task in enumerate(self._tasks):
            for other in sorted(self._holders[task.group]):
                if self.heirs[place] != other and self._problem.may(task, other):
                    moved |= any(self._swapped(place, second) for second in sorted(self._held[other]))
        return moved

    def _swapped(self, first: int, second: int) -> bool:
        one, other = self.heirs[first], self.heirs[second]
        give, take = self._tasks[first], self._tasks[second]
        if one is None or other is None or give.group == take.group or not self._problem.may(take, one):
            return False
        total = self._leaving([first], one)
        self._put(first, None)
        total += self._leaving([second], other)
        self._put(second, None)
        joined = self._joining([first], other, float("inf"))
        if joined is not None:
            self._put(first, other)
            back = self._joining([second], one, -_EPSILON - total - joined)
            if back is not None:
                self._put(second, one)
                return True
        self._put(first, one)
        self._put(second, other)
        return False
