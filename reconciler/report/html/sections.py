"""Pages that are made of sections: words, tables, charts and notices under headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property

from reconciler.model.structs import Struct
from reconciler.report.common.manual_steps import ManualStep
from reconciler.report.common.notices import Notices
from reconciler.report.html.cells import table_body
from reconciler.report.html.page import part_of_pages, render_page, source_hash

Row = Sequence[str]
SORTED = 5
"""Rows of a table from which on readers can sort it."""


class Section(Struct, frozen=True, dict=True):
    """A heading with words, a chart, a table, a list to search in, notices, or manual steps.

    `sorts`: readers can sort the table if it is long, and filter it by a field with the label `filters`, if any.
    `folded` is the line below which the table is folded.
    """

    title: str = ""
    words: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Row] = ()
    chart: str = ""
    items: Sequence[str] = ()
    notices: Sequence[Notices] = ()
    manual: Sequence[ManualStep] = ()
    sorts: bool = False
    filters: str = ""
    folded: str = ""

    @cached_property
    def body(self) -> str:
        """The rows as markup; made once for all pages that have the section."""
        return table_body(self.columns, self.rows)

    @property
    def is_full(self) -> bool:
        """True if the section has more than a heading."""
        parts = (self.words, self.rows, self.chart, self.items, self.notices, self.manual)
        return any(parts)

    @property
    def sortable(self) -> bool:
        """True if the table is worth sorting."""
        return self.sorts and len(self.rows) >= SORTED

    @property
    def filtered(self) -> bool:
        """True if readers can filter the table."""
        return bool(self.filters) and self.sortable


class SectionedPage(Struct, frozen=True):
    """A page, alone or of a site.

    Of a site, `menu` has name and address of each main page, `place` is the name of the one that this belongs to, and
    `made` says when and from what the page was made. `signed`: it ends with a line to sign, on paper.
    """

    title: str
    sections: Sequence[Section]
    menu: Sequence[tuple[str, str]] = ()
    place: str = ""
    made: str = ""
    lead: str = ""
    verdict: str = ""
    facts: Sequence[tuple[str, str]] = ()
    signed: bool = False

    @property
    def script(self) -> bool:
        """True if the page has a table to filter, or is of a site and has something to search or sort."""
        used = any(section.sortable or section.items for section in self.sections)
        return any(section.filtered for section in self.sections) or (bool(self.menu) and used)


def render_sections(page: SectionedPage) -> str:
    """Render the page with its own style sheet, and with our script only if it has something to search or sort."""
    script, digest = _script()
    return render_page("sections", page=page, rules=part_of_pages("site.css"), script=script, script_hash=digest)


@cache
def _script() -> tuple[str, str]:
    script = re.sub(r"\n\s*", "\n", part_of_pages("site.js"))
    return script, source_hash(script)
