"""GitHub annotations: every problem at its line, escaped as GitHub wants it, and no more than GitHub shows."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from reconciler.problems import Problem, Source
from reconciler.report.common.annotations import SHOWN, Workspace
from reconciler.report.plan.annotations import render_annotations as render_plan
from reconciler.report.problems.annotations import render_annotations as render_problems
from tests.factories import plan_of
from tests.report.plans import everything, hostile_plan

HERE = Workspace(str(Path("/somewhere/repository/centre")), str(Path("/somewhere/repository")))
COMMAND = re.compile(r"::(error|warning) ((?:[a-z]+=[^:,\n]*,?)+)::([^\n]*)")


def read(report: str) -> list[tuple[str, dict[str, str], str]]:
    """Return each line as GitHub reads it: its level, its properties and its message."""
    found = []
    for line in report.splitlines():
        parts = COMMAND.fullmatch(line)
        assert parts, line
        level, properties, message = parts.groups()
        found.append(
            (level, {n: unquote(v) for n, _, v in (p.partition("=") for p in properties.split(","))}, unquote(message))
        )
    return found


def test_a_problem_is_marked_at_its_line_in_the_repository() -> None:
    """The file is named from the repository's top, wherever the command ran."""
    problem = Problem("100% wrong: a, b", "Fix it.", Source("state/staff.yaml", 14))
    assert render_problems([problem], HERE) == (
        "::error file=centre/state/staff.yaml,line=14,title=Declared state::100%25 wrong: a, b%0AFix: Fix it.\n"
    )


def test_a_file_outside_of_the_repository_is_named_in_words() -> None:
    """GitHub could show nothing there."""
    problem = Problem("wrong", "Fix it.", Source("../../elsewhere/staff.yaml", 14), severity="warning")
    assert render_problems([problem], HERE) == (
        "::warning title=Declared state::../../elsewhere/staff.yaml:14: wrong%0AFix: Fix it.\n"
    )


def test_a_plans_limits_findings_and_problems_are_annotations() -> None:
    """Blocking findings first, then rows set aside, then warnings; waived findings are left out."""
    seen = [
        (level, known["title"], message.split("\n")[0])
        for level, known, message in read(render_plan(everything(), HERE))
    ]
    assert seen == [
        ("error", "Refused by limits", "limits.reassign: the plan reassigns 9 slots"),
        ("error", "Refused by policies", "LRN-0042: one person [iqa_independent]"),
        ("error", "Problems that set slots aside; the rest goes ahead", "learner 200006 is archived"),
        ("warning", "Policy warnings", "LRN-0042: no IQA [coverage]"),
        ("warning", "Warnings", "the last dated entry has passed"),
    ]


def test_no_more_annotations_than_github_shows_and_the_last_counts_the_rest() -> None:
    """Ten errors are ten; of eleven, nine are shown and two are counted."""
    problems = [Problem(f"wrong {one}", "Fix it.", Source("a.yaml", one + 1)) for one in range(SHOWN + 1)]
    assert len(read(render_problems(problems[:SHOWN], HERE))) == SHOWN
    seen = read(render_problems(problems, HERE))
    assert len(seen) == SHOWN
    assert seen[-1][2].startswith("2 more errors: ")


def test_nothing_wrong_is_no_annotation() -> None:
    """Pending changes are not a problem."""
    assert render_plan(plan_of([]), HERE) == ""


@given(st.one_of(st.text(min_size=1), st.text(st.sampled_from(":,%\n\r=a "), min_size=1)))
def test_no_text_can_add_a_command_or_a_property(words: str) -> None:
    """A line break, a comma or a colon in a file's name or a label stays text."""
    plan, _ = hostile_plan(words)
    for _, known, _ in read(render_plan(plan, HERE)):
        assert set(known) <= {"file", "line", "title"}
