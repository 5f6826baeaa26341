"""The outcomes of an apply as plain text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.structs import replace
from reconciler.report.common.escape import visible
from reconciler.report.common.manual_steps import TITLE_AFTER_APPLY
from reconciler.report.common.terminal import BOLD, GREEN, RED, YELLOW, Page
from reconciler.report.common.text import manual_lines, notices_lines
from reconciler.report.outcome.view import ENDED_BY, End, EndRow, OutcomeView, applied_view
from reconciler.report.plan import text as plan_report

if TYPE_CHECKING:
    from reconciler.commands.apply_run import ApplyResult

FEW_ROWS = 3
"""Number of rows of what is done that are listed below the plan; more are counted."""


def render_text(view: OutcomeView, *, colour: bool = False, width: int = 100, below_plan: bool = False) -> str:
    """Render how each operation of a run ended and what proves it: totals, then the worst first.

    *below_plan*: the plan with its fingerprint is printed above, so that many rows of what was done are only counted.
    """
    page = Page(width, colour)
    lines = [page.paint(BOLD, line) for line in page.wrap(f"{view.title}, {view.calls}", rest=2)]
    unproven = () if below_plan else (view.unproven,)
    watched = (f"{view.watched}.",) if view.watched else ()
    lines += [line for words in (*unproven, *view.notes, *watched) for line in page.wrap(words, rest=2)]
    if view.writes and not below_plan:
        lines.append(visible(f"Fingerprint {view.fingerprint}"))
    if view.problems:
        lines += page.title(f"{ENDED_BY} ({len(view.problems)})", RED)
    for problem in view.problems:
        lines += page.notice(problem.place, problem.what, problem.fix)
    for group in view.groups:
        if below_plan and not group.needs_attention and len(group.rows) > FEW_ROWS:
            lines += page.wrap(f"{group.title}: {group.reasons()}; see: reconciler history {view.run}", rest=2)
            continue
        lines += page.title(group.title, _colour(group.end))
        lines += [line for row in group.rows for line in page.wrap(_ended(row), first=2)]
    lines += manual_lines(page, view.manual, TITLE_AFTER_APPLY)
    if view.aside:
        lines += ["", *page.wrap(view.aside)]
    if view.waived.items:
        lines += notices_lines(page, view.waived)
    return page.text(lines)


def render_applied(
    applied: ApplyResult, *, colour: bool = False, width: int = 100, verbose: bool = False, printed: bool = False
) -> str:
    """Render what an apply did; the plan if it did not begin.

    `printed`: the report follows the plan, which has shown the waivers. A plan without writes was not shown before,
    so it comes first: it says why there is nothing to write.
    """
    plan, fingerprint = applied.planned.plan, applied.planned.fingerprint
    if applied.run is None:
        return plan_report.render_text(plan, fingerprint=fingerprint, colour=colour, width=width, verbose=verbose)
    view, writes = applied_view(applied, verbose=verbose), bool(plan.operations)
    if printed or not writes:
        view = replace(view, waived=replace(view.waived, items=()))
    report = render_text(view, colour=colour, width=width, below_plan=printed and not verbose)
    if writes:
        return report
    shown = plan_report.render_text(plan, fingerprint=fingerprint, colour=colour, width=width, verbose=verbose)
    return f"{shown}\n{report}"


def _colour(end: End) -> int:
    return RED if end.grave else YELLOW if end.open else GREEN


def _ended(row: EndRow) -> str:
    return f"{row.who}: {row.what}: {row.why}" if row.why else f"{row.who}: {row.what}"
