"""Plans that every report is tried on: one with everything a plan can hold, and one made of hostile text."""

from __future__ import annotations

from reconciler.model.operations import Outcome, State
from reconciler.model.plan import CaseloadRow, Finding, Holding, ManualRemoval, Plan
from reconciler.model.slots import Handle, Unread, UserId
from reconciler.model.structs import replace
from reconciler.problems import Problem, Source
from tests.factories import (
    ACME,
    AIM,
    AIM_IQA,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    PRIYA,
    UNIT,
    additional,
    change,
    plan_of,
)

UNREADABLE = Unread.UNREADABLE
REMOVAL = ManualRemoval(
    "8416d012",
    LEARNER,
    additional(LEE),
    LEE,
    "LRN-0042",
    "care",
    "the learner's Access Accounts tab",
    Source("state/cohorts/care.yaml", 10),
    unseen=True,
)


def everything() -> Plan:
    """One of everything a plan can hold."""
    changes = [
        change(additional(LEE), LEE, None, cohort="care", line=10, recorded=True),
        change(DEFAULT, KATE, JAMES, cohort="care", line=11),
        change(EMPLOYER, UserId(9), ACME, cohort="care", line=12, action="no-op", reason="drift"),
        change(AIM, None, KATE, cohort="care", line=13, reason="cover"),
        change(AIM_IQA, PRIYA, PRIYA, cohort="care", line=14),
        change(UNIT, UNREADABLE, JAMES, learner=200005, label="", cohort="it"),
        change(DEFAULT, KATE, JAMES, learner=200006, label="", cohort="it", action="no-op", blocked="archived"),
        change(UNIT, KATE, JAMES, learner=200006, label="", cohort="it", action="no-op", blocked="archived"),
    ]
    changes[2] = replace(changes[2], held="report")
    line = Source("state/cohorts/care.yaml", 14)
    return replace(
        plan_of(changes, manual=(REMOVAL,), reads=181),
        problems=(
            Problem("learner 200006 is archived", "Remove the learner.", Source("state/cohorts/it.yaml", 4)),
            Problem("the last dated entry has passed", "Add one.", line, severity="warning"),
        ),
        refusals=(Problem("the plan reassigns 9 slots", "Raise it.", where="limits.reassign"),),
        findings=(
            Finding("iqa_independent", "error", "LRN-0042: one person", "Declare another.", LEARNER, source=line),
            Finding("coverage", "warn", "LRN-0042: no IQA", "Declare one.", LEARNER, source=line),
            Finding("trainee_assessor", "error", "LRN-0042: tom-reed", "Nobody.", LEARNER, waived="for a week (head)"),
        ),
        caseload=(
            CaseloadRow(Handle("james-fayre"), JAMES, Holding(9, 0, 0, 9), Holding(10, 0, 1, 11), 10, 12),
            CaseloadRow(Handle("kate-anderson"), KATE, Holding(41, 2, 0, 42), Holding(40, 3, 0, 41), 30, 40),
            CaseloadRow(Handle("priya-shah"), PRIYA, Holding(0, 5, 0, 5), Holding(0, 5, 0, 5), 5, 5),
        ),
    )


def hostile_plan(words: str) -> tuple[Plan, list[Outcome]]:
    """Return a plan and its outcomes, with the words wherever files or OneFile may have put them."""
    base = change(DEFAULT, KATE, JAMES, label=words, cohort=words)
    blocked = change(UNIT, KATE, JAMES, label=words, cohort=words, action="no-op", blocked=words)
    problem = Problem(words, words, Source(words, 3))
    whole = replace(
        plan_of((base, blocked), manual=(replace(REMOVAL, label=words, page=words, id=words),)),
        target=words,
        problems=(problem, problem._replace(severity="warning")),
        refusals=(Problem(words, words, where=words),),
        findings=(
            Finding("coverage", "error", words, words, source=Source(words)),
            Finding("coverage", "warn", words, words, waived=words),
        ),
        caseload=(CaseloadRow(Handle(words), KATE, Holding(), Holding()),),
        handles={KATE: Handle(words), JAMES: Handle(words)},
    )
    outcomes = [Outcome(operation, State.FAILED, words) for operation in whole.operations]
    return whole, outcomes
