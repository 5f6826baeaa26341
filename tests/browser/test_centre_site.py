"""The pages of a centre in Chromium: found, read and printed by anybody, and nothing leaves.

A centre of 200 learners has every sort of page; one of 800 is looked at in the long tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.folders import Centre
from reconciler.cli.main import run
from reconciler.problems import ExitCode
from tests.browser.axe import serious
from tests.marks import in_long_runs
from tests.pages_of_a_site import broken_links

LEARNERS, MANY = 200, 800
PAGES = (
    "index.html",
    "find.html",
    "findings.html",
    "staff.html",
    "staff/assessor-4.html",
    "cohorts/cohort-0000.html",
    "learners/200000.html",
    "evidence/200000.html",
    "runs.html",
    "runs/1.html",
)
HOSTILE = "LRN-<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that the quick tests share."""
    return made_site(tmp_path_factory.mktemp("centre"), LEARNERS)


def made_site(folder: Path, learners: int) -> Path:
    """Return the site of a generated centre with a saved reading, a caseload that is passed, and a hostile label."""
    Centre(learners).write(folder)
    staff = folder / "state/staff.yaml"
    text = staff.read_text("utf-8")
    cover = "cover: [{by: assessor-5, from: 2099-01-01, until: 2099-03-31, reason: leave}]"
    bounded = text.replace("role: assessor}", "role: assessor, caseload: {target: 20, max: 24}}")
    (name,) = [line for line in bounded.splitlines() if line.startswith("  assessor-4:")]
    staff.write_text(bounded.replace(name, f"{name.removesuffix('}')}, {cover}}}"), "utf-8")
    cohort = folder / "state/cohorts/cohort-0000.yaml"
    cohort.write_text(cohort.read_text("utf-8").replace("label: LRN-000001", f"label: '{HOSTILE}'"), "utf-8")
    here = Path.cwd()
    os.chdir(folder)
    try:
        assert run(["site", "--out", "site", "--observed", "reading.json", "--quiet"]) == ExitCode.DONE
    finally:
        os.chdir(here)
    return folder / "site"


Opened = tuple[Page, list[str]]


@pytest.fixture
def visit(browser: Browser, site: Path) -> Iterator[Any]:
    """Return a function that opens a page of the site and lists what it asks for, prints or shows beside itself."""
    contexts = []

    def visit(name: str, **options: Any) -> Opened:
        context = browser.new_context(**options)
        contexts.append(context)
        page, heard = context.new_page(), []
        page.on("request", lambda request: heard.append(request.url))
        page.on("dialog", lambda dialog: (heard.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda message: heard.append(f"console {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error {error}"))
        page.goto((site / name).as_uri())
        return page, heard

    yield visit
    for context in contexts:
        context.close()


def test_every_link_leads_to_a_page(site: Path) -> None:
    """Of all pages, in the folder itself."""
    assert len([*site.rglob("*.html")]) > 2 * LEARNERS
    assert broken_links(site) == []


@pytest.mark.long
def test_a_larger_centre_is_as_readable(browser: Browser, tmp_path: Path) -> None:
    """Every link of 800 learners' pages leads to one, and axe-core finds nothing serious."""
    site = made_site(tmp_path, MANY)
    assert len([*site.rglob("*.html")]) > 2 * MANY
    assert broken_links(site) == []
    with closing(browser.new_context(bypass_csp=True)) as context:
        assert serious_on(context.new_page(), site) == {}


def test_nothing_leaves_and_nothing_runs(visit: Any, site: Path) -> None:
    """Each page asks for itself alone, and its policy refuses nothing of it."""
    page, heard = visit(PAGES[0])
    asked = {PAGES[0]: [*heard]}
    for name in PAGES[1:]:
        heard.clear()
        page.goto((site / name).as_uri())
        asked[name] = [*heard]
    assert asked == {name: [(site / name).as_uri()] for name in PAGES}


@pytest.mark.parametrize("scheme", ["light", *in_long_runs("dark")])
def test_nobody_is_kept_from_reading_it(browser: Browser, site: Path, scheme: Literal["light", "dark"]) -> None:
    """axe-core finds nothing that is serious on any sort of page, by day and by night."""
    rules = None if scheme == "light" else {"runOnly": ["color-contrast"]}  # the rest does not depend on colours
    with closing(browser.new_context(color_scheme=scheme, bypass_csp=True)) as context:
        assert serious_on(context.new_page(), site, rules) == {}


def serious_on(page: Page, site: Path, rules: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
    """Return the rules of axe-core that each sort of page breaks badly."""
    found = {}
    for name in PAGES:
        page.goto((site / name).as_uri())
        found[name] = serious(page, rules)
    return {name: rules for name, rules in found.items() if rules}


def test_a_phone_shows_it_without_scrolling_sideways(visit: Any, site: Path) -> None:
    """390 pixels are enough for every sort of page."""
    page, _ = visit(PAGES[0], viewport={"width": 390, "height": 844})
    widths = {}
    for name in PAGES:
        page.goto((site / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        widths[name] = page.evaluate("document.documentElement.scrollWidth")
    assert widths == dict.fromkeys(PAGES, 390)


def test_a_learner_is_found_by_label_with_the_keyboard_alone(visit: Any, site: Path) -> None:
    """From the first page: the menu, the label, Enter; and on to the person who looks after them."""
    page, _ = visit("index.html")
    for _ in range(3):  # past the link that skips the menu, and the page itself
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find.html")
    page.keyboard.type("lrn-000007")
    assert page.locator("#list li:visible").all_inner_texts() == ["LRN-000007, 200007, cohort-0000"]
    assert page.locator("#count").inner_text() == f"1 of {page.locator('#list li').count()}"
    page.keyboard.press("Enter")
    page.wait_for_url("**/learners/200007.html")
    page.get_by_role("link", name="assessor-7").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/assessor-7.html")


def test_a_table_is_sorted_with_the_keyboard(visit: Any) -> None:
    """Up and down, and the heading says so."""
    page, _ = visit("staff.html")
    head = page.get_by_role("columnheader", name="Learners now")
    head.get_by_role("button").focus()
    for order in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == order
        numbers = [int(text) for text in page.locator("tbody tr td:nth-child(3)").all_inner_texts()]
        assert numbers == sorted(numbers, reverse=order == "descending")


def test_without_a_script_everything_is_there(visit: Any) -> None:
    """The list is whole, and no dead search field is shown."""
    page, _ = visit("find.html", java_script_enabled=False)
    assert page.get_by_role("searchbox").count() == 0
    assert page.get_by_role("link", name="LRN-000007").is_visible()


def test_a_hostile_label_is_only_text(visit: Any) -> None:
    """It is found, shown, and does nothing."""
    page, heard = visit("find.html")
    page.get_by_role("searchbox").fill("onerror")
    page.keyboard.press("Enter")
    page.wait_for_url("**/learners/200001.html")
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE
    assert not [one for one in heard if one.startswith(("dialog", "console", "error"))]


def test_the_chart_says_its_numbers(visit: Any) -> None:
    """A screen reader gets the caseload with target and maximum, and what a cover will bring."""
    page, _ = visit("staff/assessor-5.html")
    chart = page.get_by_role("img", name="Learners of assessor-5 over time")
    said = str(chart.locator("desc").text_content())
    assert "target 20, maximum 24" in said and page.get_by_text("assessor-5 stands in for assessor-4").is_visible()


def test_paper_has_no_menu_and_shows_what_is_folded(visit: Any) -> None:
    """Evidence ends with a line to sign."""
    page, _ = visit("evidence/200000.html")
    page.emulate_media(media="print")
    assert page.get_by_text("Checked by").is_visible()
    page, _ = visit("staff/assessor-5.html")
    page.emulate_media(media="print")
    assert not page.get_by_label("Pages").is_visible()
    assert page.locator("details .table").first.is_visible()
