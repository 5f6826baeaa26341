"""Laws of the pages of a site: complete, of one piece, for the right eyes, and in a folder of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from onefile_sandbox.world import World
from reconciler.problems import ExitCode
from tests.e2e.test_privacy_and_calls import _personal
from tests.e2e.user import KATE, LEARNER, REPOSITORY, SETTINGS, STAFF, Home, Served, point_at, served
from tests.pages_of_a_site import broken_links, pages_in
from tests.report.html.test_html import HOSTILE

LABELLED = {**LEARNER, "label": "LRN-0042"}
SECOND = {"id": 200005, "label": "LRN-0043", "default_assessor": "kate", "additional": ["lee"]}
OF_JAMES = {"id": 200006, "label": "LRN-0044", "default_assessor": "james"}

COVER = {"by": "james", "from": "2099-01-01", "until": "2099-01-31"}
PEOPLE = {**STAFF, "kate": {"id": KATE, "role": "assessor", "cover": [COVER], "caseload": {"target": 1, "max": 5}}}


@pytest.fixture
def centre(home: Home) -> Home:
    """A centre with cover ahead, whose assignments have been applied."""
    home.declare(LABELLED, SECOND, OF_JAMES, staff=PEOPLE)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    return home


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text("utf-8") for file in folder.rglob("*") if file.is_file()}


def test_every_page_is_there_and_every_link_leads_to_one(centre: Home) -> None:
    """Centre, staff, learners, cohorts, runs, findings and evidence; nothing is fetched, and nobody may index it."""
    made = centre.run("site", "--out", "pages", "--read")
    assert made.code == ExitCode.DONE, made.err
    folder = centre.path / "pages"
    pages = pages_in(folder)
    assert {"index.html", "find.html", "findings.html", "staff.html", "staff/kate.html", "cohorts/c1.html"} <= {*pages}
    assert {"learners/200004.html", "evidence/200004.html", "runs.html", "runs/1.html"} <= {*pages}
    assert broken_links(folder) == []
    assert [link for page in pages.values() for link in page.links if ":" in link] == []
    assert [page.fetched for page in pages.values() if page.fetched] == []
    assert all("noindex" in text for name, text in texts(folder).items() if name.endswith(".html"))
    assert "Disallow: /" in texts(folder)["robots.txt"]


def test_the_pages_answer_who_since_when_and_why(centre: Home) -> None:
    """Holder, day, run, who asked, proof and line; what is coming; and what a run changed."""
    commit = centre.commit()
    centre.declare(LABELLED, SECOND, {**OF_JAMES, "default_assessor": "kate"}, staff=STAFF)
    centre.run("apply", "--auto-approve")
    centre.run("site", "--out", "pages", "--read")
    pages = pages_in(centre.path / "pages")
    learner = pages["learners/200006.html"].text
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert f"default assessor kate {today} 2 ," in learner and "read back state/cohorts/c1.yaml:" in learner
    assert "default assessor: james → kate" in learner
    run = pages["runs/2.html"].text
    assert "default assessor james kate LRN-0044 done read back" in run
    assert "In step" in pages["index.html"].text
    assert "none is recorded" not in pages["index.html"].text and "OneFile read" not in pages["index.html"].text
    assert all(f"from commit {commit} with uncommitted changes" in page.text for page in pages.values())


def test_what_is_coming_and_who_is_overloaded_is_shown(centre: Home) -> None:
    """The cover and its learners, on both people's pages; the caseload as a chart with its numbers in words."""
    centre.run("site", "--out", "pages")
    pages = pages_in(centre.path / "pages")
    for person in ("kate", "james"):
        assert "2099-01-01 james stands in for kate until 2099-01-31" in pages[f"staff/{person}.html"].text
    kate = pages["staff/kate.html"].text
    assert "2, target 1, maximum 5, above the target" in kate
    assert "Learners of kate in the coming weeks this week: 2, above target;" in kate
    assert "Learners of kate over time" in kate and "; 0 from 2099-01-01" not in kate.split("Numbers")[0]
    assert "kate 2 2 now 1 5 above the target" in pages["index.html"].text
    assert "OneFile was not read" in pages["index.html"].text


def test_above_the_target_has_one_colour_on_every_page(home: Home) -> None:
    """Amber above the target and red above the maximum, as a mark in a table and as a bar."""
    for bound, mark, bar in ((5, 'class="mark"', 'class="busy"'), (1, 'class="mark over"', 'class="over"')):
        kate = {"id": KATE, "role": "assessor", "caseload": {"target": 1, "max": bound}}
        home.declare(LABELLED, SECOND, staff={**STAFF, "kate": kate})
        home.run("site", "--out", "pages")
        pages = texts(home.path / "pages")
        assert mark in pages["index.html"] and mark in pages["staff.html"] and bar in pages["staff/kate.html"]
    style = (REPOSITORY / "reconciler/report/html/site.css").read_text("utf-8")
    assert ".bars .busy { fill: var(--busy); }" in style and ".bars .over { fill: var(--over); }" in style


def test_only_what_changed_is_written_again(centre: Home) -> None:
    """The same centre again: only the first page, which says when it was checked; a new entry: its pages."""
    centre.run("site", "--out", "pages")
    folder = centre.path / "pages"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    again = centre.run("site", "--out", "pages", "--format", "json").json
    touched = {path.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert touched <= {"index.html"} and again["written"] == len(touched) and again["removed"] == 0
    centre.declare(LABELLED, SECOND, {**OF_JAMES, "label": "LRN-0099"}, staff=PEOPLE)
    centre.run("site", "--out", "pages")
    changed = {str(path.relative_to(folder)) for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert "learners/200006.html" in changed and "learners/200004.html" not in changed


def test_pages_that_are_not_needed_any_longer_are_removed(centre: Home) -> None:
    """A learner who was never applied and has left the files has no page, and a folder without pages is removed."""
    centre.declare({"id": 200007, "label": "LRN-0050", "default_assessor": "kate"})
    centre.run("site", "--out", "pages")
    assert (centre.path / "pages/learners/200007.html").exists()
    centre.declare(LABELLED, SECOND)
    assert centre.run("site", "--out", "pages", "--format", "json").json["removed"] >= 2
    assert not (centre.path / "pages/learners/200007.html").exists()


@pytest.mark.parametrize("name", ["notes.txt", "learners/200004.html.bak", "staff/x/y.html", ".htaccess"])
def test_a_folder_with_files_of_others_is_refused(centre: Home, name: str) -> None:
    """Nothing is written or removed, neither in a new folder nor in one of our own."""
    for ours in (False, True):
        folder = centre.path / f"pages-{ours}"
        if ours:
            centre.run("site", "--out", str(folder))
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("theirs")
        before = texts(folder)
        refused = centre.run("site", "--out", str(folder))
        assert refused.code == ExitCode.INVALID and name in refused.err
        assert texts(folder) == before


def test_a_link_out_of_the_folder_is_refused(centre: Home) -> None:
    """Pages are not written through a link to elsewhere."""
    (centre.path / "elsewhere").mkdir()
    centre.run("site", "--out", "pages")
    for name in ("learners", "find.html"):
        place = centre.path / "pages" / name
        place.rename(centre.path / f"kept-{name}")
        place.symlink_to(centre.path / "elsewhere", target_is_directory=name == "learners")
        ended = centre.run("site", "--out", "pages")
        assert [*(centre.path / "elsewhere").iterdir()] == []
        assert ended.code == (ExitCode.INVALID if name == "learners" else ExitCode.DONE), ended.err
        if name == "learners":
            place.unlink()
            (centre.path / f"kept-{name}").rename(place)


@pytest.mark.parametrize("line", ["../victim.txt", "/etc/hostname", "a/../../victim.txt", "a//b", ".git/config"])
def test_a_list_that_was_tampered_with_removes_nothing_elsewhere(centre: Home, line: str) -> None:
    """Only names that pages have are ever removed."""
    centre.run("site", "--out", "pages")
    (centre.path / "victim.txt").write_text("theirs")
    with (centre.path / "pages/.reconciler-list").open("a") as file:
        file.write(f"{line}\n")
    assert centre.run("site", "--out", "pages").code == ExitCode.INVALID
    assert (centre.path / "victim.txt").read_text() == "theirs"


def test_a_run_that_was_cut_off_leaves_a_folder_of_our_own(centre: Home) -> None:
    """A process that is killed while it writes: the next one finishes its work."""
    with centre.fork("site", "--out", "pages") as process:
        while process.runs and not [*(centre.path / "pages").glob("learners/*.html")]:
            process.wait(0.001)
    (centre.path / "pages/.reconciler-12345").write_text("half a page")
    assert centre.run("site", "--out", "pages").code == ExitCode.DONE
    assert broken_links(centre.path / "pages") == []
    assert not (centre.path / "pages/.reconciler-12345").exists()


def test_one_persons_site_shows_their_learners_only(centre: Home) -> None:
    """No page, label or number of a learner of somebody else, and no colleague's page; not mixed with the whole."""
    made = centre.run("site", "--out", "pages", "--for", "kate", "--read")
    assert made.code == ExitCode.DONE, made.err
    folder = centre.path / "pages"
    everything = "\n".join(texts(folder).values())
    assert "LRN-0042" in everything and "LRN-0043" in everything
    assert "LRN-0044" not in everything and "200006" not in everything
    pages = pages_in(folder)
    assert {name for name in pages if name.startswith("staff")} == {"staff/kate.html"}
    assert all(len({*page.ids}) == len(page.ids) for page in pages.values())
    assert broken_links(folder) == []
    mixed = centre.run("site", "--out", "pages")
    assert mixed.code == ExitCode.INVALID and "different readers" in mixed.err
    unknown = centre.run("site", "--out", "other", "--for", "kat")
    assert unknown.code == ExitCode.INVALID and "Did you mean kate?" in unknown.err


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served(World.create(1, 24)) as server:
        point_at(monkeypatch, server.url)
        yield server


@pytest.mark.parametrize("names", ["never", "terminal"])
def test_no_name_is_on_any_page(home: Home, server: Served, names: str) -> None:
    """Also when the command runs on a terminal that may show names: pages outlast it."""
    home.declare(LABELLED, settings={**SETTINGS, "privacy": {"names": names}})
    surroundings = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN": "ct-4711-Brombeere-und-Schlehe"}
    assert "Open:" in home.terminal("site", "--out", "pages", "--read", **surroundings).out
    everything = "\n".join(texts(home.path / "pages").values())
    assert [name for name in _personal(server.world) if name in everything] == []


def test_names_are_shown_where_the_settings_always_show_them(home: Home, server: Served) -> None:
    """The settings decide, and they are reviewed."""
    home.declare(LABELLED, settings={**SETTINGS, "privacy": {"names": "always"}}).run(
        "site", "--out", "pages", "--read"
    )
    user = server.world.users[200004]
    assert f"LRN-0042 ({user['FirstName']} {user['LastName']})" in pages_in(home.path / "pages")["find.html"].text


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_a_hostile_label_is_only_text(home: Home, text: str) -> None:
    """It is shown as it is, and adds no element to a page."""
    plain = home.declare({**LABELLED, "label": "plain"})
    plain.run("site", "--out", "plain")
    home.declare({**LABELLED, "label": text}).run("site", "--out", "hostile")
    pages, others = (pages_in(home.path / name) for name in ("plain", "hostile"))
    for name, page in others.items():
        assert page.tags == pages[name].tags and not page.fetched
    assert text.replace(" ", "") in others["learners/200004.html"].text.replace(" ", "")
