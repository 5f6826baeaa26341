"""The Markdown report: summary first, whatever it is made of stays text, and it always fits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.operations import Outcome, State
from reconciler.model.plan import CaseloadRow, Finding, Holding, ManualRemoval, Plan
from reconciler.model.slots import Handle, Unread, UserId
from reconciler.model.structs import replace
from reconciler.problems import Problem
from reconciler.report.common.escape import visible
from reconciler.report.common.truncate import COMMENT_LIMIT, SMALLEST_LIMIT, SUMMARY_LIMIT
from reconciler.report.outcome.markdown import render_markdown as render_outcomes
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan.markdown import render_markdown as render_plan
from reconciler.report.plan.risk import Risk
from reconciler.report.problems.markdown import render_markdown as render_problems
from tests.factories import AIM, AIM_IQA, DEFAULT, HANDLES, JAMES, KATE, LEE, UNIT, additional, change, plan_of
from tests.marks import examples
from tests.report.plans import REMOVAL, everything, hostile_plan
from tests.report.reading import markup, tables

OURS = re.compile(
    r"<!-- onefile-reconciler (plan|apply) target=[\w%:/.-]* organisation=\d+ fingerprint=[\w%:/.-]* -->"
    r"|<details><summary>[\w ,]+</summary>|</details>|<br>"
)
NASTY = st.text(st.sampled_from("ab1|`\\*_[]()<>!@#&;:/.~-+=\"'$\n\u202e\x1b東 "), min_size=1, max_size=30)
TEXTS = st.one_of(NASTY, st.text(min_size=1), st.text(st.characters(), min_size=700, max_size=800))


def markdown(plan: Plan, limit: int = COMMENT_LIMIT, *, verbose: bool = False) -> str:
    return render_plan(plan, fingerprint="sha256:0123", limit=limit, verbose=verbose)


def size(text: str) -> int:
    return len(text.encode())


# ------------------------------------------------------------------ hostile text


@settings(max_examples=examples(30))
@given(TEXTS)
def test_no_text_becomes_markup(words: str) -> None:
    """No link, image, HTML or heading comes of a label, a handle, a reason or an answer, in any report."""
    plan, outcomes = hostile_plan(words)
    for report in (
        render_plan(plan, fingerprint=words, limit=SUMMARY_LIMIT),
        render_outcomes(outcome_view(plan, outcomes, fingerprint=words, run=1, spent_calls=1, problems=plan.problems)),
        render_problems(plan.problems),
    ):
        assert [one for one in markup(report) if not OURS.fullmatch(one)] == []
        assert all(line.isprintable() for line in report.split("\n"))


@settings(max_examples=examples(30))
@given(NASTY)
def test_every_cell_says_what_the_plan_says(words: str) -> None:
    """Read back by a parser, the label is the label and the unit is the unit, and no row has a cell more."""
    plan = plan_of([replace(change(UNIT, KATE, JAMES, label=words), slot=UNIT._replace(key=words))])
    head, (sign, who, what, why, where) = tables(markdown(plan))[-1]
    shown = re.sub(" +", " ", visible(words)).strip()
    assert head == ["", "learner", "change", "why", "where"]
    assert (sign, why, where) == ("~", "declared", "state/cohorts/business-admin-l3-2026.yaml:12")
    assert who == (shown or "")
    expected = re.sub("(?<= )->(?= )", "→", f"assessor of unit {visible(words)}: kate-anderson -> james-fayre")
    assert what == re.sub(" +", " ", expected)


@settings(max_examples=examples(40))
@given(TEXTS)
def test_the_smallest_limit_is_enough_for_any_headline(words: str) -> None:
    """However long or strange the target and the fingerprint are."""
    plan, outcomes = hostile_plan(words)
    assert size(render_plan(plan, fingerprint=words, limit=SMALLEST_LIMIT)) <= SMALLEST_LIMIT
    report = render_outcomes(
        outcome_view(plan, outcomes, fingerprint=words, run=1, spent_calls=1), limit=SMALLEST_LIMIT
    )
    assert size(report) <= SMALLEST_LIMIT


def test_the_first_line_names_the_plan_for_tools() -> None:
    """Hidden from readers, and with nothing in it that could end it."""
    plan = replace(plan_of([]), target="https://example.org/api--> <b>")
    first = render_plan(plan, fingerprint="sha256:0123").splitlines()[0]
    assert first == (
        "<!-- onefile-reconciler plan target=https://example.org/api-%2D%3E%20%3Cb%3E organisation=5740 "
        "fingerprint=sha256:0123 -->"
    )


# ------------------------------------------------------------------ it always fits


def huge(learners: int, *, aside: int = 3, steps: int = 3, findings: int = 3) -> Plan:
    """Return a plan with so many learners' fills and reassignments, and some rows that must never be cut."""
    changes = [
        made
        for number in range(learners)
        for made in (
            change(DEFAULT, None, JAMES, learner=number + 1, label=f"東京 {number}", cohort=f"cohort-{number % 40}"),
            change(AIM_IQA, KATE, JAMES, learner=number + 1, label=f"東京 {number}", cohort=f"cohort-{number % 40}"),
            change(additional(LEE), Unread.UNREADABLE, LEE, learner=number + 1, cohort=f"cohort-{number % 40}"),
        )
    ]
    changes += [
        change(AIM, KATE, JAMES, learner=10_000_000 + one, label=f"ASIDE-{one}", action="no-op", blocked="archived")
        for one in range(aside)
    ]
    return replace(
        plan_of(changes, manual=tuple(_step(one) for one in range(steps))),
        findings=tuple(Finding("coverage", "error", f"FINDING-{one}", f"Fix {one}.") for one in range(findings)),
        refusals=(Problem("REFUSED", "Raise it.", where="limits.reassign"),),
        caseload=tuple(
            CaseloadRow(Handle(f"STAFF-{one}"), UserId(one), Holding(), Holding(learners=one)) for one in range(30)
        ),
    )


def _step(number: int) -> ManualRemoval:
    return replace(REMOVAL, id=f"step-{number}", label=f"STEP-{number}", page=f"page {number}")


@pytest.mark.parametrize("limit", [COMMENT_LIMIT, 20_000, SUMMARY_LIMIT])
def test_a_report_too_long_keeps_everything_that_needs_an_eye(limit: int) -> None:
    """Counts, caseloads, what blocks, is set aside or needs a hand are all there; the least risky rows are not."""
    plan = huge(3000)
    report = markdown(plan, limit, verbose=True)
    assert limit * 0.8 < size(report) <= limit
    kept = [*(f"{sort}-{one}`" for sort in ("ASIDE", "STEP") for one in range(3)), "REFUSED"]
    kept += [f"STAFF-{one}`" for one in range(30)] + [f"FINDING-{one}" for one in range(3)]
    assert [one for one in kept if one.rstrip("`") not in report] == []
    notice = next(line for line in report.splitlines() if line.startswith("> Shortened to fit: "))
    assert "rows are left out, the least risky: " in notice
    assert "`reconciler show PLAN`" in notice


@pytest.mark.parametrize("learners", [100, 400, 2000])
def test_what_is_shown_and_what_is_left_out_are_all_there_is(learners: int) -> None:
    """Rows in tables and rows counted as left out add up, kind by kind."""
    plan = huge(learners)
    report = markdown(plan, verbose=True)
    shown = [row[0] for table in tables(report) if table[0][:2] == ["", "learner"] for row in table[1:]]
    notice = "".join(line for line in report.splitlines() if line.startswith("> Shortened"))
    left = {
        kind: int(count.replace(",", ""))
        for count, kind in re.findall(r"(?:: |, )([\d,]+) ([a-z][a-z ]+)(?=[,.])", notice)
    }
    for risk, signs in ((Risk.REASSIGN, "~"), (Risk.ASIDE, "!")):
        total = {Risk.REASSIGN: learners, Risk.ASIDE: 3}[risk]
        assert shown.count(signs) + left.get(risk.words, 0) == total
    assert shown.count("+") + left.get(Risk.FILL.words, 0) + left.get(Risk.ADD.words, 0) == 2 * learners


def test_the_least_risky_rows_give_way_first() -> None:
    """A fill is shown only where every reassignment is, and somebody who joins only where every fill is."""
    for learners in (100, 150, 200, 250, 400):
        report = markdown(huge(learners), verbose=True)
        reassigned, filled, joined = (
            report.count(words)
            for words in ("kate-anderson → james-fayre |", "nobody → james-fayre |", "additional people: add")
        )
        assert joined < learners or learners == 100
        assert joined == 0 or filled == learners
        assert filled == 0 or reassigned == learners


def test_a_report_that_cannot_show_all_risks_says_so_loudly() -> None:
    """With counts of each kind, and a warning not to approve on it."""
    report = markdown(huge(10, findings=4000, steps=1500, aside=700), verbose=True)
    assert size(report) <= COMMENT_LIMIT
    loud = next(line for line in report.splitlines() if "too long to show everything that needs a person's eye" in line)
    assert "Do not approve on it alone." in loud
    for words in (r"[\d,]+ findings that block", "1,500 manual steps", "700 set aside", "30 caseloads"):
        assert re.search(words, loud), words
    assert "### Refused by policies (4000)" in report
    assert "### Manual removals needed: the API cannot remove people (1500)" in report


def test_a_report_that_fits_leaves_nothing_out_and_does_not_say_otherwise() -> None:
    """The notice comes with a cut only."""
    report = markdown(everything())
    assert "left out" not in report
    assert markdown(everything(), size(report) if size(report) > SMALLEST_LIMIT else SMALLEST_LIMIT) == report


def test_a_limit_too_small_for_a_headline_is_refused() -> None:
    """Better no report than half a headline."""
    with pytest.raises(ValueError, match="too few"):
        markdown(everything(), SMALLEST_LIMIT - 1)


def test_outcomes_keep_what_did_not_succeed() -> None:
    """Thousands of writes that are done give way to the few that conflict or failed."""
    plan = plan_of([change(DEFAULT, KATE, JAMES, learner=one + 1, label=f"L-{one}") for one in range(3000)])
    ends = {7: State.CONFLICT, 2999: State.FAILED, 1500: State.UNKNOWN, 1501: State.NOT_TRIED}
    outcomes = [
        Outcome(operation, ends.get(one, State.DONE), "why", "read_back")
        for one, operation in enumerate(plan.operations)
    ]
    view = outcome_view(plan, outcomes, fingerprint="sha256:0123", run=12, spent_calls=9, verbose=True)
    report = render_outcomes(view)
    assert size(report) <= COMMENT_LIMIT
    assert [one for one in ends if f"`L-{one}`" not in report] == []
    assert "### Done (2996)" in report
    assert "`reconciler history 12`" in report


@settings(max_examples=examples(40))
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.sampled_from([SMALLEST_LIMIT, 12_000]))
def test_no_mixture_is_too_long(learners: int, steps: int, findings: int, limit: int) -> None:
    """Whatever there is much of."""
    assert size(markdown(huge(learners, steps=steps, findings=findings), limit)) <= limit


def test_names_of_staff_stand_for_their_accounts() -> None:
    """In the words of staff, as in every other report."""
    assert HANDLES[KATE] in markdown(plan_of([change(DEFAULT, KATE, JAMES)]))
