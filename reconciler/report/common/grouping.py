"""Grouping of rows, one rule for every report: rows that differ only in the learner are one row.

If many rows are left, those with the same people are one row across slots and cohorts. Nothing is dropped: a group
shows how many slots and learners it has, the first and last learner, and one line of the files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from reconciler.model.slots import SlotKind
from reconciler.model.structs import Struct
from reconciler.problems import Source
from reconciler.report.common.words import kinds_words

MANY_ROWS = 10
"""Number of rows above which rows with the same people are one row."""
SHOWN_ALIKE = 20
"""Number of equal problems that are listed; the others are counted."""

T = TypeVar("T")


class Entry(Struct, frozen=True):
    """One slot of one learner in words, before grouping.

    `order` is what rows are sorted by, such as the risk; `people` says who comes and goes; `why` is the reason, or how
    it ended; `mark` qualifies the row. Entries are only grouped if all of these are equal.
    """

    order: int
    who: str
    cohort: str
    slot: SlotKind
    place: str
    people: str
    why: str = ""
    mark: str = ""
    source: Source | None = None

    def alike(self) -> Hashable:
        """Return what entries that differ only in the learner have in common."""
        return self.order, self.why, self.mark, self.people, self.place, self.cohort

    def same_people(self) -> Hashable:
        """Return what entries with the same people have in common."""
        return self.order, self.why, self.mark, self.people


class Group(Struct, frozen=True):
    """Entries that are one row. `spelled_out`: they are about one slot of each learner, which the row names."""

    entries: tuple[Entry, ...]
    spelled_out: bool = True

    @property
    def first(self) -> Entry:
        """The first entry."""
        return self.entries[0]

    @property
    def slots(self) -> int:
        """The number of slots."""
        return len(self.entries)

    @property
    def who(self) -> str:
        """The learner; or how many there are, in how many cohorts, the first and the last."""
        return learners_words([entry.who for entry in self.entries], cohorts=len(self.cohorts))

    @property
    def names(self) -> tuple[str, ...]:
        """The learners, each once, in order; empty for one learner."""
        distinct = sorted({entry.who for entry in self.entries}, key=natural)
        return tuple(distinct) if len(distinct) > 1 else ()

    @property
    def what(self) -> str:
        """The slot and the people; or the people and how many slots of each kind."""
        if self.spelled_out:
            words = f"{self.first.place}: {self.first.people}"
            details = self.first.mark
        else:
            words = self.first.people
            kinds = kinds_words(Counter(entry.slot for entry in self.entries))
            details = f"{kinds}, {self.first.mark}" if self.first.mark else kinds
        return f"{words} ({details})" if details else words

    @property
    def cohorts(self) -> tuple[str, ...]:
        """The cohorts, in the order of the entries."""
        return tuple(dict.fromkeys(entry.cohort for entry in self.entries))

    @property
    def source(self) -> Source | None:
        """The first line of the files that asks for it."""
        return next((entry.source for entry in self.entries if entry.source), None)

    @property
    def more_sources(self) -> int:
        """The number of further lines."""
        return max(0, len({entry.source for entry in self.entries if entry.source}) - 1)

    @property
    def where(self) -> str:
        """One line of the files, and how many more there are."""
        more = f", {self.more_sources} more" if self.more_sources else ""
        return f"{self.source}{more}" if self.source else ""


def group_by(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Return the items in groups of equal keys, in the order of first appearance."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def grouped(entries: Sequence[Entry], *, verbose: bool = False) -> tuple[Group, ...]:
    """Group the entries by the rule of this module; *verbose* keeps each in a row of its own."""
    if verbose:
        return tuple(Group((entry,)) for entry in entries)
    groups = tuple(Group(tuple(group)) for group in group_by(entries, Entry.alike))
    return groups if len(groups) <= MANY_ROWS else _by_people(groups)


def _by_people(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Merge the groups with the same people; one that is alone keeps its slot."""
    merged = group_by(groups, lambda group: group.first.same_people())
    return tuple(
        some[0]
        if len(some) == 1
        else Group(tuple(entry for group in some for entry in group.entries), spelled_out=False)
        for some in merged
    )


def learners_words(names: Iterable[str], *, cohorts: int = 1) -> str:
    """Return `LRN-0042`, `LRN-0042 and LRN-0043` or `25 learners in 2 cohorts, LRN-0101 to LRN-0127`."""
    distinct = sorted(set(names), key=natural)
    if len(distinct) <= 2:
        return " and ".join(distinct)
    scope = f" in {cohorts} cohorts" if cohorts > 1 else ""
    return f"{len(distinct):,} learners{scope}, {distinct[0]} to {distinct[-1]}"


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key by which `learner 9` comes before `learner 10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def more_words(left: int) -> str:
    """Return `and 2,980 more like this`."""
    return f"and {left:,} more like this"
