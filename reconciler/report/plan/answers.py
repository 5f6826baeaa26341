"""Answers to a reviewer's first questions: who changes, who is overloaded, what blocks, what to do, what is later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reconciler.model.plan import Plan
from reconciler.model.structs import Struct
from reconciler.report.caseload.view import CaseloadLine
from reconciler.report.common.manual_steps import ManualStep
from reconciler.report.common.notices import Notices
from reconciler.report.common.words import change_people, plan_names
from reconciler.report.plan.later import Later
from reconciler.report.plan.risk import Risk
from reconciler.report.plan.rows import Shown
from reconciler.text import number_of

FEW = 3
"""Number of names in one answer; more are counted."""


class Answer(Struct, frozen=True):
    """A question in brief, and its answer in one sentence."""

    question: str
    words: str


def answers(
    plan: Plan,
    changes: Shown,
    caseload: Sequence[CaseloadLine],
    notices: Sequence[Notices],
    manual: Sequence[ManualStep],
    later: Later,
) -> tuple[Answer, ...]:
    """Return the answers in the order of the questions."""
    return (
        Answer("Who changes", _who_changes(plan, changes)),
        Answer("Too many learners", _overloaded(caseload)),
        Answer("What blocks", _blocks(notices)),
        Answer("To do by hand", _to_do(notices, manual)),
        Answer("Later", _few([f"{line.day} {line.what}" for line in later.lines]) or "nothing"),
    )


def _who_changes(plan: Plan, changes: Shown) -> str:
    """Return the pairs of people with the most slots, those who displace somebody first."""
    names = plan_names(plan)
    pairs: Counter[tuple[bool, str]] = Counter()
    for risk, change in changes:
        if change.action in ("create", "update"):
            pairs[risk is not Risk.REASSIGN, change_people(change, names)] += 1
    ranked = sorted(pairs.items(), key=lambda pair: (pair[0][0], -pair[1], pair[0][1]))
    return _few([f"{people} ({number_of(slots, 'slot')})" for (_, people), slots in ranked]) or "nobody"


def _overloaded(caseload: Sequence[CaseloadLine]) -> str:
    """Return who passes a maximum, then who passes a target."""
    ranked = sorted((line for line in caseload if line.mark), key=lambda line: (not line.over, -line.gain, line.handle))
    return _few([_overload(line) for line in ranked]) or "nobody"


def _overload(line: CaseloadLine) -> str:
    before, after = line.before.learners, line.after.learners
    bound = f"maximum {line.maximum}" if line.over else f"target {line.target}"
    return f"{line.handle} {after if before == after else f'{before} -> {after}'} ({bound})"


def _blocks(notices: Sequence[Notices]) -> str:
    stops = [notice for group in notices if group.stops for notice in group.items]
    return _few([notice.what for notice in stops]) or "nothing"


def _to_do(notices: Sequence[Notices], manual: Sequence[ManualStep]) -> str:
    aside = sum(group.count for group in notices if group.risky and not group.stops)
    parts = [number_of(len(manual), "manual removal")] if manual else []
    parts += [f"{number_of(aside, 'problem')} set aside"] if aside else []
    return ", ".join(parts) or "nothing"


def _few(words: Sequence[str]) -> str:
    more = f", and {len(words) - FEW} more" if len(words) > FEW else ""
    return f"{', '.join(words[:FEW])}{more}"
