"""The comment on a pull request, as a reviewer's first screen shows it."""

from __future__ import annotations

import html

from markdown_it import MarkdownIt

from reconciler.model.structs import replace
from reconciler.report.plan.markdown import render_markdown
from tests.browser.conftest import Show
from tests.factories import DEFAULT, JAMES, KATE, change
from tests.report.plans import everything

GITHUB = "body{font:14px/1.5 sans-serif;width:860px;margin:210px 0 0 60px}li{margin:3px 0}h2{font-size:21px}"
"""The size of a comment, which begins below the page's own head."""


def test_the_first_screen_answers_what_a_quality_manager_asks(show: Show) -> None:
    """All five answers are above the fold of 1280 by 800."""
    plan = everything()
    many = [change(DEFAULT, KATE, JAMES, learner=number, label=f"LRN-{number}") for number in range(300_000, 300_400)]
    comment = render_markdown(replace(plan, changes=(*plan.changes, *many)), fingerprint="sha256:0123")
    page, _ = show(
        f"<!doctype html><meta charset=utf-8><title>{html.escape('comment')}</title><style>{GITHUB}</style>"
        + MarkdownIt("gfm-like", {"linkify": False}).render(comment),
        viewport={"width": 1280, "height": 800},
    )
    shown = {
        question: page.get_by_text(question, exact=False).first
        for question in (
            "Blocked: 1 limit",
            "Who changes",
            "Too many learners",
            "What blocks",
            "To do by hand",
            "Later:",
        )
    }
    for question, element in shown.items():
        box = element.bounding_box()
        assert box is not None and box["y"] + box["height"] <= 800, question
    first = page.screenshot(full_page=False)
    assert first.startswith(b"\x89PNG")
    answers = page.locator("ul").first.inner_text()
    assert "kate-anderson → james-fayre (401 slots)" in answers
    assert "kate-anderson 42 → 41 (maximum 40)" in answers
    assert "the plan reassigns 9 slots" in answers
    assert "1 manual removal, 1 problem set aside" in answers
