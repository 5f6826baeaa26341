"""Reasons of a sharing: why each learner goes to their heir."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from reconciler.model.slots import Handle
from reconciler.model.structs import Struct
from reconciler.sharing.problem import ShareProblem

Why = Literal["known", "only", "group", "room", "nobody"]


class Reason(Struct, frozen=True):
    """One reason for an heir.

    `known`: they hold another slot of the learner. `only`: the rules allow nobody else. `group`: they take `count` of
    the `total` learners of `group`. `room`: they have the most room, with `count` learners after it of `total` planned.
    `nobody`: the rules allow no one, or no one has room; `rules` has how many each rule keeps away.
    """

    why: Why
    count: int = 0
    total: int | None = None
    group: str = ""
    rules: tuple[tuple[str, int], ...] = ()


def reasons_of(problem: ShareProblem, heirs: Sequence[Handle | None]) -> list[tuple[Reason, ...]]:
    """Return the reasons of each task, the strongest first."""
    groups = Counter(task.group for task in problem.tasks)
    together = Counter((task.group, heir) for task, heir in zip(problem.tasks, heirs, strict=True))
    loads = Counter({person.handle: person.load for person in problem.people})
    loads.update(heir for task, heir in zip(problem.tasks, heirs, strict=True) if heir and heir not in task.known)
    people = {person.handle: person for person in problem.people}
    result: list[tuple[Reason, ...]] = []
    for task, heir in zip(problem.tasks, heirs, strict=True):
        side = {handle for handle in people if task.barred.get(handle) != "role"}
        allowed = [handle for handle in side if handle not in task.barred]
        if heir is None:
            rules = Counter(task.barred[handle] for handle in side if handle in task.barred)
            if allowed:
                rules["max"] = len(allowed)
            result.append((Reason("nobody", rules=tuple(sorted(rules.items()))),))
            continue
        reasons = [Reason("known")] if heir in task.known else []
        reasons += [Reason("only")] if len(allowed) == 1 else []
        if (count := together[task.group, heir]) > 1:
            reasons.append(Reason("group", count, groups[task.group], task.group.partition(" of ")[2]))
        result.append(tuple(reasons) or (Reason("room", loads[heir], people[heir].target),))
    return result
