"""HTML pages without scripts: nothing is fetched; readable on paper and on a phone."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from reconciler.report.common.manual_steps import tasks_of, ways_to_close
from reconciler.report.html.cells import shown
from reconciler.report.plan.risk import IN_SIGHT

if TYPE_CHECKING:
    from jinja2 import Environment


_SPACE = re.compile(r"\s*([{};])\s*")
"""White space of a style sheet that a browser does not need."""


def render_page(name: str, **values: object) -> str:
    """Render the template of this name as a page with its own style sheet; *rules* are added to it."""
    style, digest = _styled(str(values.get("rules", "")))
    template = _environment().get_template(f"{name}.html.j2")
    return template.render(style=style, style_hash=digest, **values) + "\n"


@lru_cache(maxsize=8)
def _styled(rules: str) -> tuple[str, str]:
    """Return the style sheet with further rules, and its hash for the page's policy."""
    style = _SPACE.sub(r"\1", part_of_pages("style.css") + rules)
    return style, source_hash(style)


def source_hash(text: str) -> str:
    """Return the hash by which a page's policy allows a style sheet or a script of our own."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def part_of_pages(name: str) -> str:
    """Return the text of a style sheet or a script that pages contain."""
    environment = _environment()
    assert environment.loader is not None  # noqa: S101  ours has one
    return environment.loader.get_source(environment, name)[0]


@cache
def _environment() -> Environment:
    """Return the templates' environment: every value is escaped and made visible, unless it is our own markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalized(value: object) -> object:
        return value if isinstance(value, Markup) else shown(str(value))

    environment = Environment(
        loader=PackageLoader("reconciler.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # which would look at the files of the templates for every page
    )
    environment.globals["in_sight"] = IN_SIGHT
    environment.globals["tasks_of"] = tasks_of
    environment.globals["ways_to_close"] = ways_to_close
    environment.filters["trusted"] = Markup  # our own style sheets and script only
    return environment
