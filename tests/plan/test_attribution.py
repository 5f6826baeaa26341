"""What a change of the files causes: told apart from what was pending, and never by changing what is written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.plan import Change, Finding, Plan
from reconciler.model.slots import UserId
from reconciler.model.structs import replace
from reconciler.plan.attribution import attributed
from reconciler.problems import Problem
from tests.factories import (
    AIM,
    AIM_IQA,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    NOOR,
    UNIT,
    additional,
    change,
    plan_of,
)
from tests.marks import examples

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SLOTS = (additional(JAMES), DEFAULT, EMPLOYER, AIM, AIM_IQA, UNIT)
BREACH = Finding("coverage", "warn", "LRN-0042: nobody assesses learning aim 41242", "Declare somebody.")

holder = st.sampled_from([None, KATE, JAMES, NOOR])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any mixture of changes, slots as they are, slots set aside and drift left alone."""
    changes = []
    for learner in draw(st.sets(st.integers(1, 4), max_size=3)):
        for slot in draw(st.sets(st.sampled_from(SLOTS), max_size=4)):
            one = change(slot, KATE, draw(holder), learner=learner)
            blocked, held = draw(
                st.sampled_from([("", ""), ("", ""), ("archived", ""), ("", "report"), ("", "ignore")])
            )
            if one.action != "no-op" and (blocked or held):
                one = replace(one, action="no-op", blocked=blocked, held=held)
            changes.append(one)
    return replace(plan_of(changes), findings=tuple(draw(st.lists(st.just(BREACH), max_size=1))))


def shown(plan: Plan) -> list[Change]:
    return [one for one in plan.changes if one.action != "no-op" or one.blocked or one.held]


@settings(max_examples=examples(50))
@given(plans(), plans())
def test_attribution_only_marks(plan: Plan, base: Plan) -> None:
    """Operations, rows and counts stay as they were, whatever was pending."""
    told = attributed(plan, base, COMMIT)
    bare = replace(
        told,
        base="",
        changes=tuple(replace(one, pending=False) for one in told.changes),
        findings=tuple(replace(one, pending=False) for one in told.findings),
        summary=replace(told.summary, unneeded=None),
    )
    assert bare == plan


@settings(max_examples=examples(40))
@given(plans())
def test_a_change_of_nothing_causes_nothing(plan: Plan) -> None:
    """Base and head alike: every row that a report shows was pending, and nothing became unneeded."""
    told = attributed(plan, plan, COMMIT)
    assert [one for one in told.changes if one.pending] == shown(told)
    assert all(finding.pending for finding in told.findings)
    assert (told.base, told.summary.unneeded) == (COMMIT, 0)


@settings(max_examples=examples(40))
@given(plans())
def test_where_nothing_was_pending_the_change_causes_everything(plan: Plan) -> None:
    """A base that has nothing to ask for marks nothing."""
    told = attributed(plan, plan_of([]), COMMIT)
    assert not any(one.pending for one in (*told.changes, *told.findings))
    assert told.summary.unneeded == 0


@settings(max_examples=examples(40))
@given(plans())
def test_a_base_that_is_not_valid_says_that_it_could_not_tell(plan: Plan) -> None:
    """Everything counts as caused by the change, and a warning says why."""
    told = attributed(plan, None, COMMIT)
    assert not any(one.pending for one in (*told.changes, *told.findings))
    what = "the files at 0123456789ab are not valid, so everything counts as caused by this change"
    fix = "Compare with a commit whose files are valid."
    assert told == replace(
        plan,
        base=COMMIT,
        summary=replace(plan.summary, unneeded=0),
        problems=(Problem(what, fix, where="--base", severity="warning"),),
    )


def test_a_row_is_pending_only_where_the_same_is_asked_for() -> None:
    """Another holder, another learner or another fate of the same slot is this change's doing."""
    mine = change(DEFAULT, KATE, JAMES)
    for theirs, pending in (
        (mine, True),
        (replace(mine, label="renamed", cohort="moved", reason="cover"), True),
        (change(DEFAULT, KATE, NOOR), False),
        (replace(mine, learner=UserId(9)), False),
        (replace(mine, action="no-op", blocked="archived"), False),
        (replace(mine, action="no-op", held="report"), False),
    ):
        (row,) = attributed(plan_of([mine]), plan_of([theirs]), COMMIT).changes
        assert row.pending is pending, theirs


def test_what_the_base_would_have_changed_and_this_leaves_alone_is_counted() -> None:
    """Not what this changes otherwise, or sets aside: that shows as a row of its own."""
    base = [change(DEFAULT, KATE, JAMES), change(AIM, KATE, JAMES), change(UNIT, KATE, JAMES), change(EMPLOYER, 1, 1)]
    mine = [change(AIM, KATE, NOOR), replace(change(UNIT, KATE, JAMES), action="no-op", blocked="archived")]
    assert attributed(plan_of(mine), plan_of(base), COMMIT).summary.unneeded == 1


def test_a_breach_that_blocks_only_now_is_this_changes_doing() -> None:
    """A policy made stricter, or a waiver taken away, turns an old breach into a new block."""
    head = replace(plan_of([]), findings=(replace(BREACH, level="error"),))
    (finding,) = attributed(head, replace(plan_of([]), findings=(BREACH,)), COMMIT).findings
    assert not finding.pending
    waived = replace(BREACH, level="error", waived="until January")
    (finding,) = attributed(replace(head, findings=(waived,)), replace(head, findings=(BREACH,)), COMMIT).findings
    assert finding.pending
