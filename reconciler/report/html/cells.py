"""Cells of tables: links, marks and folded lists as markup, with every text escaped and made visible."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

MANY = 3
"""Items above which a list is folded."""


@lru_cache(maxsize=20_000)  # the same people are on thousands of pages
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


def address(text: str) -> Markup:
    """Return an address that may be broken after each slash."""
    from markupsafe import Markup

    return Markup("/<wbr>").join(visible(part) for part in text.split("/"))


def joined(parts: Sequence[str], between: str = ", ") -> Markup:
    """Return texts and links one after another."""
    from markupsafe import Markup, escape

    return escape(between).join(part if isinstance(part, Markup) else shown(part) for part in parts)


def stacked(parts: Sequence[str]) -> Markup:
    """Return texts and links below one another."""
    from markupsafe import Markup

    return Markup("<br>").join(part if isinstance(part, Markup) else shown(part) for part in parts)


def folded(summary: str, parts: Sequence[str]) -> Markup:
    """Return a list, folded below its summary if it is long."""
    from markupsafe import Markup

    if len(parts) <= MANY:
        return joined(parts)
    return Markup("<details><summary>{}</summary>{}</details>").format(visible(summary), joined(parts))


def table_body(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Return the rows of a table; on a phone, each cell is shown with the name of its column."""
    from markupsafe import Markup

    starts = ['<th scope="row">', *(f'<td data-label="{_markup(column)}">' for column in columns[1:])]
    ends = ["</th>", *("</td>" for _ in columns[1:])]
    lines = (
        "".join(
            f"{start}{_markup(cell)}{end}" if cell else "<td></td>"
            for start, cell, end in zip(starts, row, ends, strict=True)
        )
        for row in rows
    )
    return Markup("<tr>" + "</tr>\n<tr>".join(lines) + "</tr>")  # noqa: S704  each cell is escaped


def _markup(cell: str) -> str:
    return cell if hasattr(cell, "__html__") else _escaped(cell)


@lru_cache(maxsize=20_000)
def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(shown(text)))


def shown(text: str) -> str:
    """Return a text as pages show it."""
    return visible(text).replace(" -> ", " → ")
