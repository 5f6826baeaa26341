"""One cause for many learners is one row and one notice, in the reports of plans, drift and runs, in every format."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.apply.differences import differences
from reconciler.commands.due import waiting_words
from reconciler.model.observed import AccountStatus
from reconciler.model.operations import Outcome, State
from reconciler.model.slots import UserId
from reconciler.plan.compare import make_plan
from reconciler.plan.drift import DriftReport
from reconciler.plan.due import Due, DueAction
from reconciler.problems import Problem
from reconciler.report.drift import html as drift_html
from reconciler.report.drift import markdown as drift_markdown
from reconciler.report.drift import text as drift_text
from reconciler.report.outcome import html as outcome_html
from reconciler.report.outcome import markdown as outcome_markdown
from reconciler.report.outcome import text as outcome_text
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan import html, markdown, text
from reconciler.report.problems import markdown as problems_markdown
from reconciler.report.problems import text as problems_text
from tests.factories import DEFAULT, HANDLES, JAMES, KATE, NOON, PRIYA, change, declared, learner, observed, plan_of

CAUSES = {
    "archived": "the learner is archived in OneFile",
    "missing": "OneFile has no user with this id",
    "not listed": "the learner is not among the active learners",
    "active": f"OneFile has no user {JAMES} for james-fayre",
}
"""Causes of a set-aside row, by how OneFile shows the learner; the new holder has no account."""
LEAST = 3
"""Learners from which a row counts them."""


def learners(number: int, labelled: bool) -> dict[int, str]:
    """Learners with their labels, some of which have a colon."""
    labels = [f"LRN-{index:04}{': of care' * (index % 2)}" if labelled else "" for index in range(number)]
    return dict(enumerate(labels, start=200001))


def words_of(report: str) -> str:
    """A report as read: without tags, marks and line ends."""
    return " ".join(re.sub(r"<[^>]*>|`|\\", " ", report).split())


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(CAUSES)), st.integers(LEAST, 30), st.booleans())
def test_learners_set_aside_for_one_cause_are_one_row_and_one_notice(
    standing: AccountStatus, number: int, labelled: bool
) -> None:
    """Whatever the learners are called."""
    users = learners(number, labelled)
    rows = [learner({DEFAULT: JAMES}, user, label=label) for user, label in users.items()]
    seen = observed({user: {DEFAULT: KATE} for user in users}, standing=dict.fromkeys(users, standing))
    plan = make_plan(declared(*rows), seen, {}, target="sandbox", created_at=NOON)
    assert len(plan.problems) == plan.summary.blocked == number
    for report in (
        text.render_text(plan, fingerprint=""),
        markdown.render_markdown(plan, fingerprint=""),
        html.render_html(plan, fingerprint=""),
    ):
        assert words_of(report).count(CAUSES[standing]) == 2, report
        assert words_of(report).count(f"{number} learners") >= 2
    drift = DriftReport(plan, NOON, NOON, (), spent_calls=1)
    for report in (
        drift_text.render_text(drift),
        drift_markdown.render_markdown(drift),
        drift_html.render_html(drift),
    ):
        assert words_of(report).count(CAUSES[standing]) == 1, report
    assert problems_text.render_text(plan.problems).count("Fix: ") == 1
    verbose = text.render_text(plan, fingerprint="", verbose=True)
    assert words_of(verbose).count(CAUSES[standing]) == 2 * number


@given(st.integers(LEAST, 30), st.booleans())
def test_conflicts_of_one_cause_are_one_row(number: int, labelled: bool) -> None:
    """Who holds the slots now is part of the cause; which learner it is, is not."""
    users = learners(number, labelled)
    changes = [change(DEFAULT, KATE, JAMES, learner=user, label=label) for user, label in users.items()]
    plan = plan_of(changes)
    outcomes = [
        Outcome(operation, State.CONFLICT, differences({DEFAULT: KATE}, {DEFAULT: PRIYA}, operation.learner, HANDLES))
        for operation in plan.operations
    ]
    view = outcome_view(plan, outcomes, fingerprint="", run=1, spent_calls=0)
    for report in (
        outcome_text.render_text(view),
        outcome_markdown.render_markdown(view),
        outcome_html.render_html(view),
    ):
        assert words_of(report).count("kate-anderson then, priya-shah now") == 1, report
        assert f"{number} learners" in words_of(report)


@given(st.integers(LEAST, 30), st.booleans())
def test_due_changes_that_end_or_wait_for_one_cause_are_one_row(number: int, labelled: bool) -> None:
    """In the report of a drift run."""
    users = learners(number, labelled)
    changes = [change(DEFAULT, KATE, JAMES, learner=user, label=label) for user, label in users.items()]
    plan = plan_of(changes)
    outcomes = tuple(
        Outcome(operation, State.CONFLICT, differences({DEFAULT: KATE}, {DEFAULT: PRIYA}, operation.learner, HANDLES))
        for operation in plan.operations
    )
    waiting = tuple(waiting_words(Due(row, DueAction.NOT_APPROVED)) for row in changes)
    drift = DriftReport(plan, NOON, NOON, (), spent_calls=1, due_run=2, due_outcomes=outcomes, due_waiting=waiting)
    for render in (drift_text.render_text, drift_markdown.render_markdown, drift_html.render_html):
        report = words_of(render(drift))
        assert report.count("kate-anderson then, priya-shah now") == 1, report
        assert report.count("the due change of default_assessor") == 1
        assert f"{number} learners" in report


@given(st.integers(LEAST, 30))
def test_problems_that_begin_with_the_address_of_a_slot_have_their_fix_once(number: int) -> None:
    """As adopt and a forged revert have them."""
    problems = [
        Problem(f"{DEFAULT.address(UserId(user))}: OneFile does not show who holds it", "Look it up.")
        for user in learners(number, labelled=False)
    ]
    assert problems_text.render_text(problems).count("Fix: ") == 1
    assert words_of(problems_markdown.render_markdown(problems)).count("does not show who holds it") == 1
