"""The documentation in a real browser: its search works, and nobody else hears of what is read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tests.test_docs_site import build


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what it has to say."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the site on this machine."""
    folder = build(tmp_path_factory.mktemp("site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_search_finds_a_page_and_asks_nobody_else(address: str, browser: Browser) -> None:
    """Every request goes to where the page came from, and a word leads to the page that has it."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/index.html?q=vanished_cohort")
    found = page.locator(".md-search-result__link")
    found.first.wait_for()
    assert any("policies" in str(link.get_attribute("href")) for link in found.all())
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", f"blob:{address}"))] == []


@pytest.mark.parametrize(
    "page_name", ["tutorial/first-hour.html", "how-to/github.html", "reference/files/settings.html"]
)
def test_a_page_fits_a_phone(address: str, browser: Browser, page_name: str) -> None:
    """Wide content scrolls in its own frame; the page does not."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/{page_name}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
