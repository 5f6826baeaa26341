"""Cells of tables: links, marks and folded lists as markup, with every text escaped and made visible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

MANY = 3
"""Items above which a list is folded."""


def link(text: str, href: str) -> str:
    """Return a link, or the text alone if there is no page to lead to."""
    from markupsafe import Markup

    return Markup('<a href="{}">{}</a>').format(href, visible(text)) if href else text


def mark(text: str, *, over: bool = False) -> str:
    """Return a text that asks for attention; empty if it is."""
    from markupsafe import Markup

    kind = "mark over" if over else "mark"
    return Markup('<span class="{}">{}</span>').format(kind, visible(text)) if text else ""


def steady(text: str) -> Markup:
    """Return a text that is kept on one line, such as a day."""
    from markupsafe import Markup

    return Markup('<span class="steady">{}</span>').format(visible(text))


def joined(parts: Sequence[str], between: str = ", ") -> Markup:
    """Return texts and links one after another."""
    from markupsafe import Markup, escape

    return escape(between).join(part if isinstance(part, Markup) else visible(part) for part in parts)


def folded(summary: str, parts: Sequence[str]) -> Markup:
    """Return a list, folded below its summary if it is long."""
    from markupsafe import Markup

    if len(parts) <= MANY:
        return joined(parts)
    return Markup("<details><summary>{}</summary>{}</details>").format(visible(summary), joined(parts))
