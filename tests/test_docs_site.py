"""The documentation as a site: it builds strictly, every page is in it, and reading it asks nobody for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_NOWHERE = "http://127.0.0.1:9"
"""Where every request is sent while the site is built: nothing listens there."""


def build(folder: Path) -> Path:
    """The site, built strictly, without a network."""
    proxies = {f"{scheme}_proxy": _NOWHERE for scheme in ("http", "https", "HTTP", "HTTPS")}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, **proxies, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


def _pages(site: Path) -> list[Path]:
    return [page for page in site.rglob("*.html") if page.name != "404.html"]


def test_every_page_is_in_the_site(site: Path) -> None:
    """Each Markdown file of docs/, and those of the top level that readers ask for."""
    written = {page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")}
    top = {Path("changelog"), Path("contributing"), Path("security")}
    assert {page.relative_to(site).with_suffix("") for page in _pages(site)} == written | top


def test_reading_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    """No font, script, picture or style of another host: who reads about learners is nobody's business."""
    fetched = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//[^"]*|"""
        r"""<link[^>]*rel="(?:stylesheet|preconnect|icon|preload)"[^>]*href="(?:https?:)?//[^"]*|"""
        r"""<link[^>]*href="(?:https?:)?//[^"]*"[^>]*rel="(?:stylesheet|preconnect|icon|preload)"|"""
        r"""url\(["']?(?:https?:)?//[^)]*|@import\s+["'](?:https?:)?//[^"']*""",
    )
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert files
    assert [found[0] for file in files for found in fetched.finditer(file.read_text("utf-8"))] == []


def test_no_page_asks_for_what_the_theme_would_fetch(site: Path) -> None:
    """The theme draws diagrams with a program from a public host; so there are no such blocks."""
    assert [page for page in _pages(site) if 'class="mermaid"' in page.read_text("utf-8")] == []


def test_every_link_within_the_site_leads_to_something(site: Path) -> None:
    """Also the links that were led anew on their way out of docs/."""
    broken = []
    for page in _pages(site):
        for link in re.findall(r'<a[^>]*\shref="([^"#?]+)', page.read_text("utf-8")):
            if "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists():
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []
