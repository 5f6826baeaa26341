"""Links from places in a report to lines of the commit on a forge."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from reconciler.report.common import truncate as fit
from reconciler.report.common.annotations import Workspace
from reconciler.report.common.line_links import NO_LINKS, LineLinks, files_address
from reconciler.report.common.markdown import cell, value
from reconciler.report.common.truncate import Item, Part

COMMIT = "0a" * 20
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.invalid",
    "GITHUB_REPOSITORY": "centre/assignments",
    "GITHUB_SHA": COMMIT,
}
GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_URL": "https://gitlab.invalid/a/b", "CI_COMMIT_SHA": COMMIT}
LINKS = LineLinks(files_address(GITHUB), Workspace("/repo/centre", "/repo"))


def test_the_address_is_of_the_commit_in_a_pipeline_only() -> None:
    """Elsewhere, and where it is not whole, there is none."""
    assert files_address(GITHUB) == f"https://github.invalid/centre/assignments/blob/{COMMIT}"
    assert files_address(GITLAB) == f"https://gitlab.invalid/a/b/-/blob/{COMMIT}"
    assert files_address({**GITHUB, "GITHUB_ACTIONS": ""}) == ""
    for name in GITHUB.keys() - {"GITHUB_ACTIONS"}:
        assert files_address({**GITHUB, name: "x y)"}) == "", name


@pytest.mark.parametrize("render", [cell, value])
def test_a_place_is_a_link_to_its_line(render: object) -> None:
    """Within the repository, from whichever folder the command was started in."""
    text = render("state/cohorts/c1.yaml:12")  # type: ignore[operator]
    assert LINKS.linked(text) == (
        f"[`state/cohorts/c1.yaml:12`](https://github.invalid/centre/assignments/blob/{COMMIT}/centre/state/cohorts/c1.yaml#L12)"
    )
    assert NO_LINKS.linked(text) == text


HOSTILE = ["../../other.yaml:3", "a.yaml:3](http://evil.invalid)", "`a.yaml:3`", "x|y.yaml:1", "(a.yaml:2)"]


@pytest.mark.parametrize("label", HOSTILE)
def test_no_text_of_a_file_leads_elsewhere(label: str) -> None:
    """A label that looks like a place can at most lead to a file of the same commit."""
    for text in (cell(label), value(label)):
        html = MarkdownIt("gfm-like", {"linkify": False}).render(f"a {LINKS.linked(text)}")
        targets = re.findall('href="([^"]*)"', html)
        assert [target for target in targets if not target.startswith(f"{LINKS.address}/centre/")] == []


def test_links_never_push_a_row_out() -> None:
    """They are left out where the report would not fit with them."""
    parts = [Part(tuple(Item(f"- `state/c.yaml:{number}`\n", 0, "rows") for number in range(300)))]
    whole = fit.fit("", parts, "", limit=65_536, full_report="", links=LINKS)
    assert whole.count("](https://") == 300
    short = fit.fit("", parts, "", limit=8_192, full_report="", links=LINKS)
    assert short.count("\n") == 300
    assert "](https://" not in short
