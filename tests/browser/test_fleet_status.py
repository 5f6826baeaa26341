"""A fleet's status in Chromium: everybody can read it, and a centre is found by its name."""

from __future__ import annotations

from typing import Literal

import pytest

from reconciler.model.structs import replace
from reconciler.report.fleet.html import render_status
from tests.browser.axe import serious
from tests.browser.conftest import Show
from tests.report.fleet.status import queued


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_nobody_is_kept_from_reading_it(show: Show, scheme: Literal["light", "dark"], width: int) -> None:
    """By day and by night, without scrolling sideways, also if targets are addresses."""
    states = queued()
    addressed = [replace(state, target="https://wsapibeta.onefile.co.uk/api/v2.1") for state in states.centres]
    page, _ = show(
        render_status(replace(states, centres=tuple(addressed))),
        color_scheme=scheme,
        bypass_csp=True,
        viewport={"width": width, "height": 844},
    )
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    tables = page.locator(".table")
    assert tables.evaluate_all("tables => tables.every(table => table.scrollWidth <= table.clientWidth)")


def test_a_centre_is_found_by_its_name(show: Show) -> None:
    """The count says how many are left; nothing leaves; paper has no field and every column."""
    page, heard = show(render_status(queued()))
    page.get_by_label("Filter the centres").fill("NOR")
    assert page.locator("#list tr:visible th").all_inner_texts() == ["north"]
    assert page.locator("#count").inner_text() == "1 of 5"
    assert heard == []
    page.set_viewport_size({"width": 690, "height": 900})
    page.emulate_media(media="print")
    assert not page.get_by_label("Filter the centres").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 690
