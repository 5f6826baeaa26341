"""A real browser: where the machine has Chromium, pages are looked at as a reader's own would show them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = (
    "--no-sandbox",  # as root, Chromium has none to offer
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")

Show = Callable[..., tuple[Page, list[str]]]


@pytest.fixture(scope="package")  # its event loop runs as long as it lives, and other tests have loops of their own
def browser() -> Iterator[Browser]:
    """Chromium, or no test: but never none where CI asks."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        message = "there is no Chromium here: install it, or name it in CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Return a function that opens a page and lists its dialogs, errors and requests."""
    opened = []

    def show(text: str, **options: Any) -> tuple[Page, list[str]]:
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        context = browser.new_context(**options)
        opened.append(context)
        page, heard = context.new_page(), []
        page.on("request", lambda request: heard.append(f"request {request.url}"))
        page.on("requestfailed", lambda request: heard.append(f"stopped {request.url} by {request.failure}"))
        page.on("dialog", lambda dialog: (heard.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda message: heard.append(f"console {message.text}"))
        page.goto(file.as_uri())
        heard.remove(f"request {file.as_uri()}")
        return page, heard

    yield show
    for context in opened:
        context.close()
