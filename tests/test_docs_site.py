"""The documentation site builds strictly, has every page, and loads nothing from other hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_NOWHERE = "http://127.0.0.1:9"
"""Proxy for every request while the site is built; nothing listens there."""


def build(folder: Path) -> Path:
    """Build the site strictly, without a network, and return its folder."""
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
    """Each Markdown file of docs/, and the pages of the top level."""
    written = {page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")}
    top = {Path("changelog"), Path("contributing"), Path("security")}
    assert {page.relative_to(site).with_suffix("") for page in _pages(site)} == written | top


def test_reading_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    """No font, script, picture or style comes from another host, so that no other host sees who reads it."""
    requests = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//[^"]*|"""
        r"""<link[^>]*rel="(?:stylesheet|preconnect|icon|preload)"[^>]*href="(?:https?:)?//[^"]*|"""
        r"""<link[^>]*href="(?:https?:)?//[^"]*"[^>]*rel="(?:stylesheet|preconnect|icon|preload)"|"""
        r"""url\(["']?(?:https?:)?//[^)]*|@import\s+["'](?:https?:)?//[^"']*""",
    )
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert files
    assert [match[0] for file in files for match in requests.finditer(file.read_text("utf-8"))] == []


def test_no_page_asks_for_what_the_theme_would_fetch(site: Path) -> None:
    """The theme would draw diagrams with a program from a public host, so no page has such a block."""
    assert [page for page in _pages(site) if 'class="mermaid"' in page.read_text("utf-8")] == []


def test_every_link_within_the_site_leads_to_something(site: Path) -> None:
    """Also links to files outside docs/, which the site rewrites."""
    broken = []
    for page in _pages(site):
        for link in re.findall(r'<a[^>]*\shref="([^"#?]+)', page.read_text("utf-8")):
            if "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists():
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []
