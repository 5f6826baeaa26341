"""Draws the reports of the invented centre in state/ into docs/pictures/. Run it when reports change.

    python -m docs.pictures

It draws a terminal as SVG, and the HTML report and the pull request's comment as PNG. It needs the test tools and
Chromium, whose path CHROMIUM may name. The clock is fixed, so that a second run changes only what the reports changed.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from markdown_it import MarkdownIt
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from onefile_sandbox.clock import VirtualClock
from reconciler.commands import apply as applying
from reconciler.commands import plan as planning
from reconciler.commands import site as sites
from reconciler.commands.plan import Planned
from reconciler.report.plan import html, markdown, text
from reconciler.report.site.pages import site_pages
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

ROOT = Path(__file__).resolve().parent.parent
PICTURES = Path(__file__).parent / "pictures"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = date(2026, 12, 1)
COHORT = "business-admin-l3-2026"
COLUMNS = 110
SITE_PICTURES = (
    ("site-staff.png", "staff/kate-anderson.html", "light"),
    ("site-learner-dark.png", "learners/200004.html", "dark"),
)
"""Pages of the site, with the file of the picture and the colours."""
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
CALM = TerminalTheme(
    (252, 252, 253),
    (29, 35, 41),
    [
        (29, 35, 41),
        (164, 14, 38),
        (26, 99, 48),
        (122, 77, 0),
        (47, 95, 163),
        (110, 60, 140),
        (20, 110, 120),
        (87, 96, 106),
    ],
)
_SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>The plan in a terminal</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="#fcfcfd" stroke="#d5dae0"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_COMMENT = """<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>A pull request's comment</title><style>
body {{ margin: 0; padding: 24px; background: #fff; color: #1f2328; }}
body {{ font: 14px/1.5 "Liberation Sans", Arial, sans-serif; }}
main {{ border: 1px solid #d0d7de; border-radius: 6px; max-width: 900px; }}
header {{ background: #f6f8fa; border-bottom: 1px solid #d0d7de; padding: 8px 16px; color: #59636e; }}
article {{ padding: 16px; }}
h2 {{ font-size: 1.4em; border-bottom: 1px solid #d0d7de; padding-bottom: .3em; margin: 0 0 16px; }}
h3 {{ font-size: 1.2em; margin: 24px 0 12px; }} h4 {{ font-size: 1em; margin: 20px 0 8px; }}
table {{ border-collapse: collapse; margin: 0 0 16px; }} th, td {{ border: 1px solid #d0d7de; padding: 5px 11px; }}
tr:nth-child(2n) td {{ background: #f6f8fa; }}
code {{ background: #818b981f; border-radius: 6px; padding: .15em .35em; font: 85% "DejaVu Sans Mono", monospace; }}
blockquote {{ border-left: .25em solid #d0d7de; margin: 0 0 16px; padding: 0 1em; color: #59636e; }}
ul {{ padding-left: 2em; }} summary {{ cursor: pointer; }}
</style><main><header><b>github-actions</b> commented</header><article>{comment}</article></main></html>"""


def main() -> None:
    """Draw every picture."""
    PICTURES.mkdir(exist_ok=True)
    centre, cohort = _planned(), _planned(COHORT)
    page = html.render_html(centre.plan, fingerprint=centre.fingerprint)
    comment = markdown.render_markdown(centre.plan, fingerprint=centre.fingerprint)
    terminal = text.render_text(cohort.plan, fingerprint=cohort.fingerprint, colour=True, width=COLUMNS)
    prompt = f"$ reconciler plan --cohort {COHORT} --at {DAY}\n"
    site = _site()
    (PICTURES / "terminal.svg").write_text(_terminal(prompt + terminal), "utf-8")
    with _browser() as browser:
        for scheme in ("light", "dark"):
            _shoot(browser, page, PICTURES / f"report-{scheme}.png", width=1000, height=1250, scheme=scheme)
        for name, file, scheme in SITE_PICTURES:
            _shoot(browser, site[file], PICTURES / name, width=1000, height=760, scheme=scheme)
        rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
        _shoot(browser, _COMMENT.format(comment=rendered), PICTURES / "comment.png", width=960, height=1250)


def _site() -> dict[str, str]:
    """Return the pages of the demonstration centre after an apply."""
    environment = Environment({"GITHUB_ACTOR": "sam"}, clock=VirtualClock(NOON))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "state", Path(folder) / "state")
        with chdir(folder):
            applying.apply(Options(), environment, None, approve=lambda _: True)
            with sites.open_centre(Options(), environment, read=True) as centre:
                return dict(site_pages(centre))


def _planned(*cohorts: str) -> Planned:
    """Plan the demonstration centre in a temporary folder, so that paths look like a user's own."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "state", Path(folder) / "state")
        with chdir(folder):
            options = Options(state=Path("state"), at=DAY, cohorts=cohorts)
            return planning.plan(options, Environment({}, clock=VirtualClock(NOON)))


def _terminal(report: str) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(report))
    return console.export_svg(theme=CALM, code_format=_SVG, unique_id="plan")


@contextmanager
def _browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


def _shoot(browser: Browser, page_text: str, picture: Path, *, width: int, height: int, scheme: str = "light") -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_content(page_text)
    page.screenshot(path=picture)
    page.close()


if __name__ == "__main__":
    main()
