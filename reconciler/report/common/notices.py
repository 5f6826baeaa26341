"""Notices: things to know, each with what to do about it, made from problems and findings."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model.structs import Struct
from reconciler.problems import Problem, Source

SAME_FIX = 3
"""Number of notices with the same fix from which the fix is printed once for all of them."""


class Notice(Struct, frozen=True):
    """One thing to know and what to do about it.

    `mark` names the policy, or says that the finding was there before. `count` is more than one for a summary of
    several findings.
    """

    what: str
    fix: str
    place: str = ""
    source: Source | None = None
    mark: str = ""
    waived: str = ""
    count: int = 1


class Notices(Struct, frozen=True):
    """Notices of one sort, and the noun that they are counted as.

    `stops`: nothing is applied while there is one. `risky`: a slot does not get what the files ask for.
    """

    title: str
    counted: str
    items: tuple[Notice, ...]
    stops: bool = False
    risky: bool = False

    @property
    def count(self) -> int:
        """The number of findings or problems in all notices."""
        return sum(item.count for item in self.items)

    def grouped(self) -> tuple[tuple[Notice, ...], ...]:
        """Return the items, many of one policy with the same fix as one group."""
        groups: dict[object, list[Notice]] = {}
        for item in self.items:
            alone = item.waived or item.count > 1
            groups.setdefault(id(item) if alone else (item.mark, item.fix), []).append(item)
        return tuple(
            part
            for group in map(tuple, groups.values())
            for part in ([group] if len(group) >= SAME_FIX else [(item,) for item in group])
        )


def same_fix(group: Sequence[Notice]) -> str:
    """Return the heading of several notices that have the same fix."""
    return f"{len(group)} findings, same fix"


def problem_notice(problem: Problem) -> Notice:
    """Return the notice of a problem."""
    return Notice(problem.what, problem.fix, problem.place(), problem.source)
