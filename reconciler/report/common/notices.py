"""Notices: things to know, each with what to do about it, made from problems and findings."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Iterator

from reconciler.model.plan import Finding, Plan
from reconciler.model.structs import Struct
from reconciler.problems import Problem, Source
from reconciler.report.common.grouping import SHOWN_ALIKE, group_by, learners_words, more_words
from reconciler.text import number_of


class Notice(Struct, frozen=True):
    """One thing to know and what to do about it.

    `mark` names the policy, or says that the finding was there before. `count` is more than one for a summary of
    several findings. `what` is `who: subject` for a finding about one learner.
    """

    what: str
    fix: str
    place: str = ""
    source: Source | None = None
    mark: str = ""
    waived: str = ""
    count: int = 1
    who: str = ""
    subject: str = ""

    def cause(self) -> Hashable:
        """Return what notices of one cause have in common."""
        return self.mark, self.fix


class Notices(Struct, frozen=True):
    """Notices of one sort, and the noun that they are counted as.

    `stops`: nothing is applied while there is one, or the rules themselves change; reported first. `risky`: a slot does
    not get what the files ask for. `verbose`: nothing is grouped.
    """

    title: str
    counted: str
    items: tuple[Notice, ...]
    stops: bool = False
    risky: bool = False
    verbose: bool = False

    @property
    def count(self) -> int:
        """The number of findings or problems in all notices."""
        return sum(item.count for item in self.items)

    def causes(self) -> tuple[Cause, ...]:
        """Return the items by cause; waivers and summaries, and with `verbose` all, are each a cause of their own."""
        alone = [self.verbose or bool(item.waived) or item.count > 1 for item in self.items]
        keys = {id(item): id(item) if single else item.cause() for item, single in zip(self.items, alone, strict=True)}
        return tuple(Cause(tuple(some)) for some in group_by(self.items, lambda item: keys[id(item)]))


class Cause(Struct, frozen=True):
    """Notices with the same policy and fix, which is printed once if there are several."""

    items: tuple[Notice, ...]

    @property
    def first(self) -> Notice:
        """The first notice."""
        return self.items[0]

    @property
    def title(self) -> str:
        """The heading of several notices."""
        return f"{len(self.items)} findings, same fix"

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield place and finding of each line; findings that differ only in the learner are one line.

        Beyond SHOWN_ALIKE lines, the rest are counted.
        """
        rows = group_by(self.items, lambda item: (item.cause(), item.subject or item.what))
        for some in rows[:SHOWN_ALIKE]:
            first = some[0]
            if len(some) == 1:
                yield first.place, first.what
            else:
                more = f" and {number_of(len({item.place for item in some}) - 1, 'more line')}"
                place = first.place if len({item.place for item in some}) == 1 else f"{first.place}{more}"
                who = learners_words(item.who for item in some)
                yield place, f"{who}: {first.subject}" if first.subject else first.what
        if len(rows) > SHOWN_ALIKE:
            yield "", more_words(sum(len(some) for some in rows[SHOWN_ALIKE:]))


def problem_notice(problem: Problem, labels: Collection[str] = ()) -> Notice:
    """Return the notice of a problem.

    *labels* are those of the learners whom it may be about, because plans of older versions do not say which it is.
    """
    who, subject = subject_of(problem.what, problem.who or _label_of(problem.what, labels))
    return Notice(problem.what, problem.fix, problem.place(), problem.source, who=who, subject=subject)


def finding_notice(finding: Finding, before: str = "") -> Notice:
    """Return the notice of a policy finding; `before` is added to the policy's name."""
    place = str(finding.source) if finding.source else ""
    who, subject = subject_of(finding.what, finding.label)
    mark = f"{finding.policy}{before}"
    return Notice(finding.what, finding.fix, place, finding.source, mark, finding.waived, who=who, subject=subject)


def plan_notices(plan: Plan, problems: Iterable[Problem]) -> tuple[Notice, ...]:
    """Return the notices of these problems of a plan."""
    problems = tuple(problems)
    labels = {change.label for change in plan.of_each_learner} if problems else ()
    return tuple(problem_notice(problem, labels) for problem in problems)


def _label_of(what: str, labels: Collection[str]) -> str:
    """Return the one of these labels that comes before a colon; empty if there is none."""
    before = (_USER.sub("", what[: colon.start()]) for colon in re.finditer(": ", what))
    return next((who for who in before if who in labels), "")


_USER = re.compile(r" \(OneFile user \d+\)$")
_ADDRESS = re.compile(r"learner\[(\d+)\]\.")
_AFTER_LABEL = re.compile(r"(?: \(OneFile user \d+\))?: ")
_LEARNER = re.compile(r"(learner \S+|misid \S+)(?: \(OneFile user \d+\))?: ")


def subject_of(what: str, label: str = "") -> tuple[str, str]:
    """Split `LRN-0042: no IQA` into the learner and what is said of them; two empty texts if it names no learner."""
    after = _AFTER_LABEL.match(what, len(label)) if label and what.startswith(label) else None
    if after:
        return label, what[after.end() :]
    if match := _LEARNER.match(what):
        return match[1], what[match.end() :]
    match = _ADDRESS.match(what)
    return (f"learner {match[1]}", what[match.end() :]) if match else ("", "")
