"""The handover list: who hands which learner over to whom, from any plan, and never a word that a task exists."""

from __future__ import annotations

import json

from markdown_it import MarkdownIt

from reconciler.model.plan import Change
from reconciler.model.slots import Unread
from reconciler.report.common.words import Names
from reconciler.report.edits import Row, render_edits, render_rows
from reconciler.report.plan.handover import hand_overs, render_handover
from reconciler.runtime.state_edits import FileEdit
from tests.factories import (
    ACME,
    AIM,
    AIM_IQA,
    DEFAULT,
    EMPLOYER,
    HANDLES,
    JAMES,
    KATE,
    NOOR,
    OSCAR,
    PRIYA,
    additional,
    change,
)

NAMES = Names(HANDLES)
CHANGES: list[Change] = [
    change(DEFAULT, KATE, JAMES),
    change(AIM, KATE, JAMES),
    change(AIM_IQA, PRIYA, OSCAR),
    change(EMPLOYER, ACME, None),
    change(DEFAULT, None, NOOR, learner=200005, label="LRN-0043"),
    change(AIM, Unread.UNREADABLE, NOOR, learner=200005, label="LRN-0043"),
    change(DEFAULT, NOOR, NOOR, learner=200006, label="LRN-0044"),
]


def test_whoever_goes_and_is_known_hands_over() -> None:
    """One row for each pair of people on a learner; an empty or unread slot has nobody to hand over."""
    rows = [(row.learner, row.giver, row.taker, row.slots) for row in hand_overs(CHANGES)]
    assert rows == [
        (200004, KATE, JAMES, (DEFAULT, AIM)),
        (200004, PRIYA, OSCAR, (AIM_IQA,)),
        (200004, ACME, None, (EMPLOYER,)),
    ]


def test_only_a_replacement_knows_who_follows_among_additional_people() -> None:
    """A plan alone has somebody to take off and somebody to add, and does not say that the two belong together."""
    leaves = [change(additional(KATE), KATE, None)]
    assert [row.taker for row in hand_overs(leaves)] == [None]
    assert [row.taker for row in hand_overs(leaves, {KATE: JAMES})] == [JAMES]


def test_each_form_names_the_people_and_the_pages() -> None:
    """Text and Markdown have a box for each row, JSON the ids and addresses; all say that nothing is known of tasks."""
    text = " ".join(render_handover(hand_overs(CHANGES), NAMES).split())
    assert "[ ] LRN-0042: from kate-anderson to james-fayre (default assessor, assessor of learning aim 41242)" in text
    assert "from acme-mentor to nobody named" in text
    assert "OneFile does not move open tasks" in text
    assert "Visits report" in text
    (row, _, last) = json.loads(render_handover(hand_overs(CHANGES), NAMES, "json"))["handover"]
    assert row["to"] == {"staff_id": JAMES, "staff": "james-fayre"}
    assert row["addresses"] == ["learner[200004].default_assessor", "learner[200004].learning_aim[41242].assessor"]
    assert last["to"] is None
    assert render_handover([], NAMES) == "No learner changes hands.\n"


def test_a_list_of_any_length_fits_a_comment_and_says_what_is_left_out() -> None:
    """Handovers are counted first; text and JSON have them all."""
    many = hand_overs([change(DEFAULT, KATE, JAMES, learner=number, label="") for number in range(200_000, 203_000)])
    page = render_handover(many, NAMES, "markdown", limit=16_384)
    shown = page.count("- [ ] ")
    assert len(page.encode()) <= 16_384
    assert 0 < shown < 3000
    assert f"*{3000 - shown:,} more left out for length.*" in page
    assert render_handover(many, NAMES).count("[ ]") == 3000


def test_edits_and_rows_of_any_length_fit_a_comment() -> None:
    """Omitted lines are counted, and the fence of the difference is closed."""
    text = "".join(f"line {number}\n" for number in range(3000))
    edits = [FileEdit("c1.yaml", text, text.replace("line", "LINE"))]
    page = render_edits("kate is replaced", [], edits, written=False, markdown=True, limit=8192)
    assert (len(page.encode()) <= 8192, page.count("```"), "more left out for length" in page) == (True, 2, True)
    rows = [Row(f"c{number % 7}", f"LRN-{number}", "default assessor", "kate", "james", False) for number in range(900)]
    page = render_rows(rows, markdown=True, limit=8192)
    assert (len(page.encode()) <= 8192, "rows are left out" in page) == (True, True)
    assert render_rows(rows).count("LRN-") == 900


def test_a_label_cannot_be_markup() -> None:
    """A label is code, whatever it holds."""
    hostile = "](http://example.invalid) @all `x` <b> #12"
    page = render_handover(hand_overs([change(DEFAULT, KATE, JAMES, label=hostile)]), NAMES, "markdown")
    tokens = [inner for token in MarkdownIt().parse(page) for inner in token.children or []]
    assert {token.type for token in tokens} <= {"text", "code_inline", "softbreak"}
    assert any(hostile in token.content for token in tokens if token.type == "code_inline")
