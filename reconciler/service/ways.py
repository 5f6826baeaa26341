"""Chooses, purely, the cheapest complete way to read: a list's pages, or one call for each learner that is wanted."""

from __future__ import annotations

import math
from typing import Literal

Verdict = Literal["pages", "alone", "probe"]


def pages_or_alone(wanted: int, pages_read: int, page_rows: int, list_rows: int | None) -> Verdict:
    """Whether to read on through a list's pages or to ask for the wanted ones alone, one call each.

    `wanted` counts those who would cost a call of their own; `list_rows` is the list's length where it is
    known. Where it is not, "probe": one look at page `probe_page` decides for certain, since a list that
    reaches past it has more pages than there are wanted ones.
    """
    if wanted == 0:
        return "alone"
    if list_rows is not None:
        left = max(0, math.ceil(list_rows / page_rows) - pages_read)
        return "pages" if left <= wanted else "alone"
    # without the list's length, a few are asked for alone: a probe and the end of the list would cost as much
    return "probe" if wanted > 2 else "alone"


def probe_page(wanted: int, pages_read: int) -> int:
    """The first page that, if it has rows, makes the pages dearer than asking for the wanted ones alone."""
    return pages_read + wanted + 1
