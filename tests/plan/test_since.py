"""Two plans: what the newer one does that the older one did not, and the reverse."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.plan import Change, Finding
from reconciler.model.structs import replace
from reconciler.plan.since import difference
from reconciler.problems import Source
from reconciler.report.since import render_json, render_markdown, render_text
from tests.factories import AIM, DEFAULT, EMPLOYER, JAMES, KATE, PRIYA, UNIT, change, plan_of

CHANGES = st.lists(
    st.builds(
        change,
        st.sampled_from([DEFAULT, EMPLOYER, AIM, UNIT]),
        st.sampled_from([None, KATE]),
        st.sampled_from([JAMES, PRIYA, KATE]),
        learner=st.integers(1, 4),
    ),
    max_size=12,
    unique_by=lambda made: made.address,
)


@given(CHANGES, CHANGES)
def test_the_difference_leads_from_the_older_plan_to_the_newer(older: list[Change], newer: list[Change]) -> None:
    """Applied to the older plan's changes it gives the newer's, and a plan differs in nothing from itself."""
    found = difference(plan_of(older), plan_of(newer))
    held = {one.address: (one.before, one.after) for one in older if one.action != "no-op"}
    for one in found.removed:
        del held[one.address]
    for one in (*found.added, *(new for _, new in found.altered)):
        held[one.address] = (one.before, one.after)
    assert held == {one.address: (one.before, one.after) for one in newer if one.action != "no-op"}
    assert difference(plan_of(newer), plan_of(newer)).is_empty


def test_a_line_that_moved_is_no_difference() -> None:
    """Who comes and goes is what a reviewer approved."""
    before = change(DEFAULT, KATE, JAMES)
    assert difference(plan_of([before]), plan_of([replace(before, source=Source("x.yaml", 99))])).is_empty


def test_every_format_says_what_is_new_gone_and_different() -> None:
    """With both sides of what differs, and findings by their words."""
    older = plan_of([change(DEFAULT, KATE, JAMES), change(AIM, KATE, JAMES)])
    newer = plan_of([change(DEFAULT, KATE, PRIYA), change(UNIT, None, KATE)])
    finding = Finding("coverage", "warn", "LRN-0042: no IQA", "Declare one.")
    found = difference(older, replace(newer, findings=(finding,)))
    text = render_text(found, width=200)
    assert "1 new, 1 no longer planned, 1 different" in text
    assert "default assessor: kate-anderson -> priya-shah, before: kate-anderson -> james-fayre" in text
    assert "LRN-0042: no IQA [coverage]" in text
    assert "kate-anderson → priya-shah, before: kate-anderson → james-fayre" in render_markdown(found)
    document = json.loads(render_json(found))
    assert [len(document[key]) for key in ("added", "removed", "altered", "new_findings")] == [1, 1, 1, 1]
    assert "Both plans do the same." in render_text(difference(older, older))
