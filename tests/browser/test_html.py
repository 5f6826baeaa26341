"""The HTML report in Chromium: nothing runs, nothing leaves, and everybody can read it, on paper too."""

from __future__ import annotations

from typing import Literal

import pytest

from reconciler.model.audit import Audit, AuditFinding
from reconciler.model.operations import Outcome, State
from reconciler.model.plan import CaseloadRow, Holding, ManualRemoval
from reconciler.model.slots import Role
from reconciler.model.structs import replace
from reconciler.problems import Source
from reconciler.report.audit.html import render_html as render_audit
from reconciler.report.audit.view import HEADINGS
from reconciler.report.outcome.html import render_html as render_outcomes
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan.html import render_html as render_plan
from tests.browser.axe import serious
from tests.browser.conftest import Show
from tests.factories import (
    AIM_IQA,
    COHORT,
    DEFAULT,
    HANDLES,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    NOON,
    ORGANISATION,
    OSCAR,
    PRIYA,
    UNIT,
    additional,
    change,
    plan_of,
)
from tests.report.html.test_html import HOSTILE, page_of, plan_with

CHANGES = [
    change(DEFAULT, KATE, JAMES),
    change(AIM_IQA, PRIYA, OSCAR),
    change(UNIT, None, KATE),
    change(additional(LEE), LEE, None, recorded=True),
]


def a_page() -> str:
    """Everything that a report can have: moves, fills, a manual step, caseloads, what blocks and what warns."""
    step = ManualRemoval(
        "0a1b2c3d", LEARNER, additional(LEE), LEE, "LRN-0042", COHORT, "Allocations", Source("a.yaml", 3), unseen=True
    )
    plan = plan_of(CHANGES, manual=(step,))
    rows = tuple(
        CaseloadRow(HANDLES[who], who, Holding(learners=before), Holding(learners=after), 3, 4)
        for who, before, after in ((KATE, 5, 1), (JAMES, 1, 5), (PRIYA, 2, 2))
    )
    warned = plan_with("an ordinary reason")
    plan = replace(plan, caseload=rows, findings=warned.findings, refusals=warned.refusals, problems=warned.problems)
    return render_plan(plan, fingerprint="sha256:0123")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_from_reading_it(show: Show, scheme: Literal["light", "dark"]) -> None:
    """axe-core finds nothing that is serious, by day and by night. It is let past the page's policy to look."""
    page, _ = show(a_page(), color_scheme=scheme, bypass_csp=True)
    assert serious(page) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_runs_or_fetches_anything(show: Show, text: str) -> None:
    """Markup in a label or a reason has no effect, and nothing even has to be refused."""
    _, heard = show(page_of(plan_with(text)))
    assert heard == []


def test_a_script_that_got_in_would_not_run(show: Show) -> None:
    """The policy backs up the escaping: a script put into the page by force does nothing but be refused."""
    forced = a_page().replace("</main>", "<script>alert(1)</script><img src='http://127.0.0.1:9/x'></main>")
    _, heard = show(forced)
    assert "stopped http://127.0.0.1:9/x by csp" in heard
    assert not [one for one in heard if one.startswith("dialog")]
    assert [one for one in heard if "script" in one and "Content Security Policy" in one]


def test_a_phone_shows_it_without_scrolling_sideways(show: Show) -> None:
    """Wide tables scroll inside themselves."""
    page, _ = show(a_page(), viewport={"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_paper_shows_what_is_folded(show: Show) -> None:
    """Paper cannot be unfolded."""
    page, _ = show(a_page())
    folded = page.locator("details .table").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()


def test_paper_cuts_no_column(show: Show) -> None:
    """A4 between its margins is about 690 pixels wide; a row of many learners is wrapped, also where it was folded."""
    many = [change(DEFAULT, None, KATE, learner=number, label=f"LRN-{number}") for number in range(300_000, 300_060)]
    page, _ = show(render_plan(plan_of([*CHANGES, *many]), fingerprint="sha256:0123"))
    page.set_viewport_size({"width": 690, "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 690


def test_the_chart_has_a_name_and_a_text(show: Show) -> None:
    """A screen reader says the numbers that the bars show."""
    page, _ = show(a_page())
    chart = page.get_by_role("img", name="Learners of each member of staff, before and after")
    assert "james-fayre from 1 to 5, above the maximum" in str(chart.locator("desc").text_content())


def test_outcomes_are_readable_too(show: Show) -> None:
    """The report of an apply is held to the same."""
    plan = plan_of(CHANGES)
    outcomes = [Outcome(operation, State.CONFLICT, "moved") for operation in plan.operations]
    text = render_outcomes(outcome_view(plan, outcomes, fingerprint="sha256:0123", run=3, spent_calls=9))
    page, heard = show(text, bypass_csp=True)
    assert heard == []
    assert serious(page) == []


def test_a_phone_cuts_no_column_and_the_chart_is_legible(show: Show) -> None:
    """Each cell is within the screen with its column's name, and the chart's text is at least 11 pixels high."""
    page, _ = show(a_page(), viewport={"width": 390, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    cells = page.locator("tbody td, tbody th").all()
    boxes = [box for cell in cells if (box := cell.bounding_box())]
    assert len(boxes) > 20
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    label = page.locator("td[data-label='Target']").first
    assert "Target" in label.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert page.locator(".chart .number").first.evaluate(
        "text => 13 * text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width"
    ) >= 11  # fmt: skip


def test_a_click_on_a_name_shows_that_persons_changes_only(show: Show) -> None:
    """Without a script, and everybody's come back; folded rows are shown too."""
    page, heard = show(a_page())
    every = page.locator(".changes tbody tr").count()
    page.get_by_label("Changes of one person").get_by_text("priya-shah").click()
    rows = page.locator(".changes tbody tr:visible")
    assert 0 < rows.count() < every
    assert all("priya-shah" in text for text in rows.all_inner_texts())
    page.get_by_text("everybody").click()
    assert not all("priya-shah" in text for text in rows.all_inner_texts())
    assert heard == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_an_audit_is_readable_too(show: Show, scheme: Literal["light", "dark"], width: int) -> None:
    """By day and by night, on a phone without scrolling sideways, with hostile words in it."""
    findings = tuple(
        AuditFinding(policy, "error", f"{HANDLES[KATE]} {text}", f"Correct it {text}.", (LEARNER,), (KATE,))
        for policy, text in zip(HEADINGS, HOSTILE, strict=False)
    )
    row = CaseloadRow(HANDLES[KATE], KATE, Holding(learners=5), Holding(learners=5), 3, 4)
    audit = Audit(
        "sandbox", ORGANISATION, NOON, 9, 40, {Role.IQA: 2}, tuple(HEADINGS), findings, (row,), dict(HANDLES), calls=3
    )
    page, _ = show(render_audit(audit), color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 844})
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
