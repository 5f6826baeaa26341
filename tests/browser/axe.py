"""What axe-core finds on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_VIOLATIONS = {"resultTypes": ["violations"]}
"""The same rules, but no list of every element that keeps them, which takes as long as the rules."""


def serious(page: Page, rules: Mapping[str, Any] | None = None) -> list[str]:
    """Return the rules that a page breaks badly, with everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(page, options={**_VIOLATIONS, **(rules or {})}).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]
