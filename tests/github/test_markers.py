"""The hidden first line: what is written is read back, and what is not whole is nothing."""

from __future__ import annotations

import pytest

from reconciler.github.markers import LARGEST_BODY, PlanMark, fits, kind_of, marked, plan_mark
from reconciler.problems import ReconcilerError

FINGERPRINT, HEAD = f"sha256:{'0f' * 32}", "0a" * 20
LINE = f"<!-- onefile-reconciler plan target=live organisation=5740 fingerprint={FINGERPRINT} -->"


def test_a_mark_that_is_written_is_read_back() -> None:
    """The report's own line, with the commit that was planned added."""
    body = marked(f"{LINE}\n# Plan\n", HEAD)
    assert body.endswith(" -->\n# Plan\n")
    assert plan_mark(body) == PlanMark("live", "5740", FINGERPRINT, HEAD)
    assert plan_mark(f"{PlanMark('live', '5740', FINGERPRINT, HEAD).line()}\n") == plan_mark(body)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Plan",
        f"\n{LINE}",
        f" {LINE}",
        LINE.replace("onefile", "other"),
        LINE.replace(" organisation=5740", ""),
        LINE.replace("5740", "5,740"),
        LINE.replace("sha256:0f", "sha256:0g"),
        LINE.replace("sha256:0f", "sha256:"),
        LINE.replace(" -->", f" head={HEAD} -->"),
        LINE.replace(" -->", " target=practice -->"),
        LINE.replace(" -->", " --> <!-- more -->"),
        LINE.replace("plan", "drift"),
    ],
)
def test_what_does_not_begin_like_a_rendered_plan_is_not_marked(text: str) -> None:
    """Nothing is posted that approval could not check."""
    with pytest.raises(ReconcilerError):
        marked(f"{text}\n# Plan\n", HEAD)


def test_a_line_further_down_is_no_mark() -> None:
    """A label in somebody's report cannot make it ours."""
    assert kind_of(f"# Report\n{LINE}") == ""


@pytest.mark.parametrize(("letter", "units"), [("a", 1), ("é", 1), ("😀", 2)])
def test_the_size_is_counted_the_larger_way(letter: str, units: int) -> None:
    """In UTF-16 units, so that what fits here fits however GitHub counts."""
    assert fits(letter * (LARGEST_BODY // units))
    assert not fits(letter * (LARGEST_BODY // units) + "a")
