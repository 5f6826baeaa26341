"""A plan as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.plan import Plan
from reconciler.report.caseload.text import caseload_table
from reconciler.report.common.escape import visible
from reconciler.report.common.manual_steps import TITLE
from reconciler.report.common.terminal import BOLD, RED, Page
from reconciler.report.common.text import manual_lines, notices_lines
from reconciler.report.plan.later import later_lines
from reconciler.report.plan.rows import CohortRows
from reconciler.report.plan.view import PlanView, plan_view

SMALL_SCREEN, SCREEN = 24, 60
"""Numbers of lines above which a plan repeats its verdict at the end: one that is refused, and any other."""
LEGEND = "+ fill  ~ reassign  - remove by hand  ! set aside  = left as it is"


def render_text(
    plan: Plan,
    *,
    fingerprint: str,
    colour: bool = False,
    width: int = 100,
    verbose: bool = False,
) -> str:
    """Render the plan in the order of its view; unchanged slots are only counted.

    *verbose* lists every slot, also if there are many that OneFile does not show.
    """
    page, view = Page(width, colour), plan_view(plan, fingerprint, verbose=verbose)
    later = list(later_lines(page, view.later))
    lines = [
        *_headline(page, view),
        *(later if view.later.leads else ()),
        *(line for group in view.notices if group.risky for line in notices_lines(page, group)),
        *manual_lines(page, view.manual, TITLE),
        *(line for group in view.notices if not group.risky for line in notices_lines(page, group)),
        *caseload_table(page, view.caseload, "Who gains and who loses learners"),
        *_changes(page, "Changes", view.cohorts),
        *_changes(page, "Pending or drifting before this change of the files", view.already),
        *(() if view.later.leads else later),
    ]
    if len(lines) > (SMALL_SCREEN if view.stop else SCREEN):
        lines += ["", *_verdict(page, view)]
    return page.text(lines)


def render_verdict(plan: Plan, *, fingerprint: str, colour: bool = False, width: int = 100) -> str:
    """Render the verdict of the plan only."""
    page = Page(width, colour)
    return page.text(_verdict(page, plan_view(plan, fingerprint)))


def _headline(page: Page, view: PlanView) -> Iterator[str]:
    for line in page.wrap(view.title, rest=2):
        yield page.paint(BOLD, line)
    yield from _verdict(page, view)
    for words in view.notes:
        yield from page.wrap(words, rest=2)
    yield view.cost
    if view.writes:
        yield visible(f"Fingerprint {view.fingerprint}")


def _verdict(page: Page, view: PlanView) -> Iterator[str]:
    for line in page.wrap(view.stop, rest=2):
        yield page.paint(RED, line)
    yield from page.wrap(view.verdict, rest=2)


def _changes(page: Page, title: str, cohorts: Sequence[CohortRows]) -> Iterator[str]:
    if cohorts:
        unknown = any(row.sign == "?" for cohort in cohorts for row in cohort.rows)
        yield from page.title(f"{title}: {LEGEND}{'  ? unknown' if unknown else ''}")
    for cohort in cohorts:
        if cohort.cohort:
            yield visible(cohort.cohort)
        for row in cohort.rows:
            reason = f"  [{row.reason()}]" if row.reason() else ""
            yield from page.signed(row.sign, f"{row.who}: {row.what}{reason}")
