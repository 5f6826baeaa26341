"""The HTML report shows what the plan says and nothing that the plan's texts would like to do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.operations import Outcome, State
from reconciler.model.plan import CaseloadRow, Finding, Holding, Plan
from reconciler.model.slots import Handle
from reconciler.model.structs import replace
from reconciler.problems import Problem, Source
from reconciler.report.caseload.view import caseload_line, caseload_lines
from reconciler.report.common.escape import visible
from reconciler.report.html.chart import ROWS, caseload_chart
from reconciler.report.outcome.html import render_html as render_outcomes
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan.html import render_html as render_plan
from reconciler.report.problems.html import render_html as render_problems
from tests.factories import AIM_IQA, DEFAULT, JAMES, KATE, OSCAR, PRIYA, change, plan_of

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>*{display:none}",
    "javascript:alert(1)",
    "{{ 7 * 7 }} {% include 'x' %}",
    "&lt;b&gt; &amp;",
    "\u202egnirts\u200b\x00\x1b[31m",
    "a\nb\tc",
    "\ud83d",
]


_OURS = re.compile(r"#(?:changes|(?:only|staff|learner)-\d+)")


class _Page(HTMLParser):
    """The page as a browser reads it: its tags, their attributes and texts, but for the chart's, which are cut."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._tag = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._tag = tag

    def own_tags(self) -> list[str]:
        """Return the tags without links within the page, which only a name without markup has."""
        return [tag for tag in self.tags if tag not in ("a", "span")]

    def handle_data(self, data: str) -> None:
        if self._tag != "text":
            self.texts.append(data)


def page_of(plan: Plan) -> str:
    return render_plan(plan, fingerprint="sha256:0123")


def plan_with(text: str) -> Plan:
    """Return a plan with a text from outside wherever there can be one."""
    finding = Finding("coverage", "error", text, text, label=text, source=Source(text, 7))
    rows = [replace(change(DEFAULT, KATE, JAMES), label=text), replace(change(AIM_IQA, PRIYA, OSCAR), blocked=text)]
    caseload = (CaseloadRow(Handle(text), KATE, Holding(learners=1), Holding(learners=3), 2, 2),)
    plan = plan_of([replace(row, cohort=text, source=Source(text, 3)) for row in rows])
    handles = {**plan.handles, KATE: Handle(text)}
    problems = (Problem(text, text, where=text),)
    return replace(plan, findings=(finding,), refusals=problems, problems=problems, caseload=caseload, handles=handles)


@given(st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=40))
def test_a_text_comes_back_as_it_is_shown_and_makes_no_markup(text: str) -> None:
    """Whatever stands in a label, a handle or a reason: the tags are those of the same page with a harmless one."""
    page, harmless = _Page(page_of(plan_with(text))), _Page(page_of(plan_with("harmless")))
    assert page.own_tags() == harmless.own_tags()
    assert all(_OURS.fullmatch(href or "") for name, href in page.attributes if name == "href")
    names = [[name for name, _ in each.attributes if name not in ("href", "id")] for each in (page, harmless)]
    assert names[0] == names[1]
    assert "".join(page.texts) == "".join(harmless.texts).replace("harmless", visible(text))


def test_nothing_is_run_and_nothing_is_fetched() -> None:
    """No script, no image, no style of an element's own, links within the page only; the policy forbids the rest."""
    page = _Page(page_of(plan_with("x")))
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {"src", "style", "action"} & names
    assert all(_OURS.fullmatch(value or "") for name, value in page.attributes if name == "href")
    assert not [name for name in names if name.startswith("on")]
    policy = next(value for name, value in page.attributes if name == "content" and value and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_headings_go_down_one_step_at_a_time() -> None:
    """A screen reader's user walks a page by them."""
    levels = [int(tag[1]) for tag in _Page(page_of(plan_with("x"))).tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_same_plan_gives_the_same_bytes() -> None:
    """So that a report can be compared, and an artifact is not new where nothing is."""
    assert page_of(plan_with("x")) == page_of(plan_with("x"))


def test_outcomes_are_told_worst_first() -> None:
    """A failure is what somebody has to look at."""
    plan = plan_of([change(DEFAULT, KATE, JAMES), change(AIM_IQA, PRIYA, OSCAR)])
    first, second = plan.operations
    outcomes = [Outcome(first, State.DONE, proof="read_back"), Outcome(second, State.FAILED, "refused <b>")]
    page = render_outcomes(outcome_view(plan, outcomes, fingerprint="sha256:0123", run=3, spent_calls=4))
    assert page.index("Failed (1)") < page.index("Done (1)")
    assert "refused &lt;b&gt;" in page
    assert "read back" in page


def test_problems_alone_make_a_page() -> None:
    """A command that ended without a report still says what is wrong, and what to do."""
    page = render_problems([Problem("it is <wrong>", "Fix it.", Source("state/staff.yaml", 4))])
    assert "it is &lt;wrong&gt;" in page
    assert "Fix it." in page
    assert "state/staff.yaml:4" in page


# ------------------------------------------------------------------ the chart


def _line(handle: str, before: int, after: int, maximum: int | None = None, target: int | None = None) -> CaseloadRow:
    return CaseloadRow(Handle(handle), KATE, Holding(learners=before), Holding(learners=after), target, maximum)


def test_the_chart_says_in_words_what_its_bars_show() -> None:
    """The text alternative has the same numbers, the largest change first."""
    chart = caseload_chart(caseload_lines([_line("a", 1, 2), _line("b", 9, 3), _line("c", 5, 5)]))
    assert chart is not None
    assert "b from 9 to 3; a from 1 to 2</desc>" in chart


def test_a_maximum_that_is_passed_is_marked_by_shape_and_word() -> None:
    """Colour alone is not enough for some readers."""
    chart = caseload_chart([caseload_line(_line("a", 1, 4, maximum=3))])
    assert chart is not None
    assert 'class="maximum"' in chart
    assert "above the maximum" in chart


@pytest.mark.parametrize(("target", "lines"), [(3, ["maximum"]), (2, ["target", "maximum"])])
def test_equal_target_and_maximum_are_one_line(target: int, lines: list[str]) -> None:
    """The key below the chart says so; a dashed line under a solid one would not be seen."""
    chart = caseload_chart([caseload_line(_line("a", 1, 4, maximum=3, target=target))])
    assert re.findall(r'<line class="(\w+)"', str(chart)) == lines


def test_there_is_no_chart_where_nobody_gains_or_loses() -> None:
    """Equal bars say nothing that the table does not."""
    assert caseload_chart([caseload_line(_line("a", 4, 4))]) is None


def test_a_large_centre_has_a_chart_of_those_who_change_most() -> None:
    """Hundreds of bars are not read; the table has everybody."""
    chart = caseload_chart(caseload_lines(_line(f"s{one}", 0, one) for one in range(1, 3 * ROWS)))
    assert chart is not None
    assert chart.count('class="before"') == ROWS
    assert f">s{3 * ROWS - 1}<" in chart


def test_the_chart_and_the_table_have_one_order() -> None:
    """A reader who goes from a bar to its row finds it at the same place."""
    rows = tuple(_line(f"s{number}", 9, number) for number in range(20))
    page = page_of(replace(plan_of([]), caseload=rows))
    in_chart = re.findall(r'<text class="name"[^>]*>(s\d+)<', page)
    in_table = re.findall(r'<a href="#only-\d+">(s\d+)</a></th>', page)
    assert in_chart == [handle for handle in in_table if handle != "s9"]


def test_every_link_leads_to_an_element_of_the_page_and_no_id_comes_twice() -> None:
    """Staff lead to their caseload and their changes, learners to their row."""
    rows = [change(DEFAULT, KATE, JAMES, learner=number, label=f"LRN-{number}") for number in range(1, 5)]
    finding = Finding("coverage", "warn", "LRN-3: no IQA", "Declare one.", label="LRN-3")
    plan = replace(
        plan_of(rows), findings=(finding,), caseload=(_line("james-fayre", 1, 5), _line("kate-anderson", 5, 1))
    )
    page = _Page(page_of(plan))
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {(value or "").removeprefix("#") for name, value in page.attributes if name == "href"}
    assert targets <= set(ids)
    assert {"staff-0", "only-0", "only-1", "learner-2", "changes"} <= targets
