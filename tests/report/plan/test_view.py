"""The view of a plan that every format renders: order by risk, and this change apart from what was there."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.plan import CaseloadRow, Change, Finding, Holding, Plan
from reconciler.model.slots import Handle, Holder, OrganisationId, Slot, Unread, UserId
from reconciler.model.structs import replace
from reconciler.problems import Problem
from reconciler.report.caseload.view import caseload_line
from reconciler.report.common.manual_steps import manual_steps, ways_to_close
from reconciler.report.plan import html, markdown, text
from reconciler.report.plan.risk import Risk, risk_of
from reconciler.report.plan.rows import CohortRows
from reconciler.report.plan.view import PlanView, plan_view
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
    OSCAR,
    PRIYA,
    UNIT,
    UNIT_IQA,
    additional,
    change,
    plan_of,
)
from tests.report.plans import REMOVAL

UNREADABLE = Unread.UNREADABLE
SLOTS = (DEFAULT, EMPLOYER, AIM, AIM_IQA, UNIT, UNIT_IQA, additional(JAMES))


def view_of(plan: Plan, *, verbose: bool = False) -> PlanView:
    return plan_view(plan, "sha256:0123", verbose=verbose)


def rows(cohorts: tuple[CohortRows, ...]) -> list[tuple[str, str]]:
    return [(row.sign, row.what) for cohort in cohorts for row in cohort.rows]


def test_a_cohorts_changes_are_told_by_risk() -> None:
    """Set aside, by hand, who is displaced (IQAs first), what is unseen or empty, who joins, what is left."""
    held = replace(change(EMPLOYER, ACME, LEE, action="no-op", reason="drift"), held="report")
    changes = [
        change(additional(JAMES), UNREADABLE, JAMES),
        held,
        change(UNIT, None, KATE),
        change(AIM, UNREADABLE, JAMES),
        change(AIM, KATE, JAMES, learner=200005),
        change(DEFAULT, KATE, JAMES),
        change(AIM_IQA, PRIYA, OSCAR),
        change(additional(LEE), LEE, None, recorded=True),
        change(UNIT_IQA, PRIYA, OSCAR, action="no-op", blocked="archived"),
        change(DEFAULT, KATE, KATE, learner=200007),
    ]
    assert [words for _, words in rows(view_of(plan_of(changes)).cohorts)] == [
        "1 slot set aside: archived",
        "additional people: remove observer-lee, by hand (from our record, not verified)",
        "IQA of learning aim 41242: priya-shah -> oscar-lind",
        "default assessor: kate-anderson -> james-fayre",
        "assessor of learning aim 41242: kate-anderson -> james-fayre",
        "assessor of learning aim 41242: not shown -> james-fayre (cannot be verified)",
        "assessor of unit KS_COMM1: nobody -> kate-anderson",
        "additional people: add james-fayre (cannot be verified)",
        "default employer: OneFile holds acme-mentor, the files say observer-lee",
    ]


_HOLDERS = st.sampled_from([None, UNREADABLE, KATE, PRIYA])


@st.composite
def changes(draw: st.DrawFn) -> Change:
    slot: Slot = draw(st.sampled_from(SLOTS))
    before: Holder = draw(_HOLDERS)
    made = change(
        slot,
        before,
        draw(st.sampled_from([JAMES, KATE, None])) if isinstance(before, int) else JAMES,
        learner=draw(st.integers(1, 4)),
        cohort=draw(st.sampled_from(["care", "it"])),
    )
    if draw(st.booleans()) and draw(st.booleans()):
        made = replace(made, action="no-op", blocked=draw(st.sampled_from(["archived", "twice"])))
    return replace(made, pending=draw(st.booleans()))


def test_every_risk_has_a_sign_and_words() -> None:
    """No kind of row goes without either."""
    assert all(risk.sign and risk.words for risk in Risk)


@given(st.lists(changes(), max_size=30), st.booleans(), st.booleans())
def test_no_change_is_lost_and_none_told_twice(made: list[Change], verbose: bool, based: bool) -> None:
    """Every slot that changes, or would, is in exactly one row, and rows never go from less risk to more."""
    seen = view_of(replace(plan_of(made), base="a1b2" if based else ""), verbose=verbose)
    shown = [one for one in made if risk_of(one) is not None]
    caused = [one for one in shown if not (based and one.pending)]
    assert sum(cohort.slots for cohort in seen.cohorts) == len(caused)
    assert sum(cohort.slots for cohort in seen.already) == len(shown) - len(caused)
    for cohort in (*seen.cohorts, *seen.already):
        assert sum(cohort.counts().values()) == cohort.slots > 0
        assert all(one.risk <= other.risk for one, other in pairwise(cohort.rows))


def test_what_was_pending_stands_apart_only_where_a_base_was_compared() -> None:
    """With a base, the two are counted and listed apart; without one, nobody can say what was pending."""
    plan = plan_of([change(DEFAULT, KATE, JAMES), replace(change(AIM, KATE, JAMES), pending=True)])
    based = view_of(replace(plan, base="a1b2c3d4e5f6a7b8"))
    assert len(rows(based.cohorts)) == len(rows(based.already)) == 1
    assert based.notes[0] == (
        "Compared with the files of commit a1b2c3d4e5f6: 1 slot by this change of the files; "
        "1 slot was pending or drifting already."
    )
    assert len(rows(view_of(plan).cohorts)) == 2
    assert not view_of(plan).already


def test_a_finding_that_was_there_before_says_so_and_comes_last() -> None:
    """A reviewer judges first what this change brings."""
    findings = tuple(
        Finding("coverage", "warn", what, "Declare one.", LEARNER, pending=pending)
        for what, pending in (("old", True), ("new", False))
    )
    plan = replace(plan_of([]), findings=findings, base="a1b2")
    (group,) = view_of(plan).notices
    assert [(notice.what, notice.mark) for notice in group.items] == [
        ("new", "coverage"),
        ("old", "coverage, from before this change"),
    ]
    (group,) = view_of(replace(plan, base="")).notices
    assert [notice.mark for notice in group.items] == ["coverage", "coverage"]


@pytest.mark.parametrize(
    ("learners", "mark", "over"),
    [
        (10, "", False),
        (11, "above the target", False),
        (12, "above the target", False),
        (13, "above the maximum", True),
    ],
)
def test_a_caseload_is_marked_above_its_numbers_not_at_them(learners: int, mark: str, over: bool) -> None:
    """A target of ten is kept with ten."""
    line = caseload_line(
        CaseloadRow(Handle("kate"), UserId(1), Holding(learners=9), Holding(learners=learners), 10, 12)
    )
    assert (line.mark, line.over, line.gain) == (mark, over, learners - 9)


def test_a_learners_name_stands_where_the_plan_may_show_it() -> None:
    """Names come with the plan or not at all."""
    plan = plan_of([change(DEFAULT, KATE, JAMES)])
    assert view_of(plan).cohorts[0].rows[0].who == "LRN-0042"
    named = replace(plan, names={LEARNER: "Alex Example"})
    assert view_of(named).cohorts[0].rows[0].who == "LRN-0042 (Alex Example)"


# ------------------------------------------------------------------ what would bury a small plan


def finding(policy: str, what: str, *, waived: str = "", pending: bool = False) -> Finding:
    return Finding(policy, "warn", what, "Declare one.", LEARNER, waived=waived, pending=pending)


def test_what_one_waiver_lets_pass_is_told_once_with_a_count() -> None:
    """Each waiver shows, and how much it lets pass; all of it where the whole is asked for."""
    waived = [finding("coverage", f"LRN-{number}: no IQA", waived="new (head)") for number in range(7)]
    made = replace(plan_of([]), findings=(*waived, finding("caseload", "kate: 41", waived="a week (head)")))
    (group,) = view_of(made).notices
    assert (group.count, [(one.count, one.waived) for one in group.items]) == (
        8,
        [(7, "new (head)"), (1, "a week (head)")],
    )
    assert group.items[0].what == "7 findings, the first: LRN-0: no IQA"
    assert len(plan_view(made, "", verbose=True).notices[0].items) == 8
    for rendered in (
        text.render_text(made, fingerprint=""), markdown.render_markdown(made, fingerprint=""),
        html.render_html(made, fingerprint=""),
    ):  # fmt: skip
        assert "Waived (8)" in rendered
        assert rendered.count("LRN-") == 1
    assert text.render_text(made, fingerprint="", verbose=True).count("LRN-") == 7


def test_old_warnings_do_not_bury_what_a_change_brings() -> None:
    """With --base, those that were there before are one line that says of which policies, and how to see them."""
    old = [finding("coverage", f"LRN-{number}: no IQA", pending=True) for number in range(5)]
    made = replace(plan_of([]), base="0123abc", findings=(*old, finding("caseload", "kate: 41")))
    (group,) = view_of(made).notices
    assert [one.what for one in group.items] == [
        "kate: 41", "5 warnings from before this change of the files: coverage 5",
    ]  # fmt: skip
    assert (group.count, group.items[-1].fix) == (6, "See reconciler plan --verbose for each of them.")
    assert len(plan_view(made, "", verbose=True).notices[0].items) == 6


def test_only_steps_that_a_person_can_close_ask_for_a_word() -> None:
    """A reading closes a step whose slot OneFile shows, and `done` would be refused."""
    shown = replace(REMOVAL, id="0123abcd", slot=DEFAULT, unseen=False)
    closing = {
        (REMOVAL,): ["reconciler done STEP --by NAME"],
        (shown,): ["the next apply or drift closes this step, as soon as it reads the slot empty"],
        (REMOVAL, shown): [
            "reconciler done STEP --by NAME, for what OneFile does not show",
            "the next apply or drift closes the others, as soon as it reads the slot empty",
        ],
    }
    for steps, said in closing.items():
        made = plan_of([], manual=steps)
        assert [f"{command}{words}" for command, words in ways_to_close(manual_steps(made))] == said
        for rendered in (text.render_text(made, fingerprint=""), markdown.render_markdown(made, fingerprint=""),
                         html.render_html(made, fingerprint="")):  # fmt: skip
            assert rendered.count("Afterwards: ") == len(said)
            assert ("reconciler done" in rendered) == (REMOVAL in steps)


# ------------------------------------------------------------------ one fix for many


def breaches(*whose: str, fix: str = "Declare another IQA.", policy: str = "iqa_independent") -> tuple[Finding, ...]:
    return tuple(Finding(policy, "error", f"{who}: priya does both", fix) for who in whose)


def test_a_fix_of_many_findings_is_told_once_and_every_learner_below_it() -> None:
    """In text, Markdown and HTML; those of another policy have their own."""
    many, few = (
        breaches("LRN-1", "LRN-2", "LRN-3"),
        breaches("LRN-8", "LRN-9", fix="Declare nobody.", policy="coverage"),
    )
    plan = replace(plan_of([change(DEFAULT, KATE, JAMES)]), findings=(*many[:1], *few, *many[1:]))
    for render in (text.render_text, markdown.render_markdown, html.render_html):
        shown = render(plan, fingerprint="sha256:0123").replace("`", "")
        assert [shown.count(words) for words in ("Declare another IQA.", "Declare nobody.")] == [1, 1]
        assert shown.rindex("LRN-1") < shown.rindex("LRN-3") < shown.rindex("LRN-8")
        assert all(shown.count(f"LRN-{number}: priya does both") >= 1 for number in (1, 2, 3, 8, 9))


def test_what_blocks_stands_before_everything_but_the_headline_and_is_counted_there() -> None:
    """In every format that people read."""
    holding = Holding(1, 1, 0, 0)
    plan = replace(
        plan_of([change(DEFAULT, KATE, JAMES)]),
        findings=breaches("LRN-1", "LRN-2"),
        refusals=(Problem("the plan reassigns 9 slots", "Raise it.", where="limits.reassign"),),
        caseload=(CaseloadRow(Handle("james"), JAMES, holding, holding, None, None),),
    )
    for render in (text.render_text, markdown.render_markdown, html.render_html):
        shown = render(plan, fingerprint="sha256:0123")
        places = [shown.index(words) for words in ("Blocked: 1 limit, 2 policy findings.", "Refused by limits",
                  "Refused by policies", "Who gains and who loses")]  # fmt: skip
        assert places == sorted(places)


def test_a_plan_names_the_organisations_of_its_learners_where_they_are_others() -> None:
    """A cohort may be of another than the settings: both are in the headline."""
    ours, theirs = change(DEFAULT, KATE, JAMES), replace(change(AIM, KATE, JAMES), organisation=OrganisationId(5741))
    assert "organisation 5740, as declared" in view_of(plan_of([ours])).title
    assert "organisation 5740; learners in 5741, as declared" in view_of(plan_of([theirs])).title
    assert "organisation 5740; learners in 5740, 5741, as declared" in view_of(plan_of([ours, theirs])).title
