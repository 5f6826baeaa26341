"""A drift report as plain text for a terminal: what needs a person, then what moved, then what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.plan import Change
from reconciler.plan.drift import DriftAction, DriftReport, fight_id
from reconciler.report.common.escape import visible
from reconciler.report.common.manual_steps import manual_steps
from reconciler.report.common.notices import Notices, plan_notices
from reconciler.report.common.terminal import BOLD, GREEN, RED, YELLOW, Page
from reconciler.report.common.text import manual_lines, notices_lines
from reconciler.report.common.words import (
    kinds_words,
    moment_words,
    organisation_words,
    plan_names,
    roll_words,
    watched_words,
)
from reconciler.report.drift.causes import cause_notices, explained_words, unexplained
from reconciler.report.drift.due import due_lines
from reconciler.report.drift.rows import correction_rows, drift_rows, waiting_rows
from reconciler.report.drift.words import (
    FIGHTS,
    OPEN_STEPS,
    SECTIONS,
    counts_words,
    fight_words,
    in_place_words,
    labels_of,
    section_title,
    silence_words,
    staff_notices,
    unapproved_words,
    unread_words,
    unrecorded_words,
    went_blind_words,
    who_words,
)
from reconciler.text import number_of

_COLOURS = {DriftAction.FIGHT: RED, DriftAction.BY_HAND: RED, DriftAction.SET_ASIDE: RED}


def render_text(report: DriftReport, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render every drifted slot with its run and age; *verbose* groups nothing."""
    page = Page(width, colour)
    lines = [
        *_head(page, report, verbose),
        *_problems(page, report),
        *_corrections(page, report, verbose),
        *due_lines(page, report, verbose),
        *_fights(page, report),
        *_staff(page, report),
        *_causes(page, report),
        *_drift(page, report, verbose),
        *_waiting(page, report, "Due by date: cover and dated entries, for the next apply", report.due, verbose),
        *_waiting(page, report, "Pending: in the files and not applied yet", report.pending, verbose),
        *manual_lines(page, manual_steps(report.plan), OPEN_STEPS),
        *_rest(page, report),
    ]
    return page.text(lines)


def _head(page: Page, report: DriftReport, verbose: bool) -> Iterator[str]:
    plan = report.plan
    title = f"Drift in {plan.target}, {organisation_words(plan)}, read {moment_words(report.taken_at)}"
    yield page.paint(BOLD, visible(title))
    yield from page.wrap(f"{counts_words(report)}.", rest=2)
    if words := went_blind_words(report):
        for line in page.wrap(f"{words}.", rest=2):
            yield page.paint(RED, line)
    if words := unrecorded_words(report):
        yield from page.wrap(f"{words}.", rest=2)
    elif not (report.left() or report.unseen or report.outcomes or report.watch.blind):
        yield f"No drift. {in_place_words(report)}."
    if words := watched_words(report.watch):
        yield f"{words}."
    for words in unread_words(report):
        yield from page.wrap(words, rest=2)
    for words in roll_words(plan, verbose=verbose):
        yield from page.wrap(words, rest=2)
    yield f"{number_of(report.spent_calls, 'call')} made"
    if words := silence_words(report):
        yield from page.wrap(f"{words}.", rest=2)
    if report.approved:
        yield visible(f"Corrections go back to the files of commit {report.approved}.")
    if words := unapproved_words(report):
        yield from page.wrap(f"{words}.", rest=2)


def _problems(page: Page, report: DriftReport) -> Iterator[str]:
    for title, problems in (("What stopped the corrections", report.problems), ("Set aside", report.plan.problems)):
        if problems:
            yield from notices_lines(page, Notices(title, "", plan_notices(report.plan, problems), risky=True))


def _corrections(page: Page, report: DriftReport, verbose: bool) -> Iterator[str]:
    if report.outcomes:
        yield from page.title(f"Corrections of run {report.run} ({len(report.outcomes)})", GREEN)
    for row in correction_rows(report.outcomes, report, verbose=verbose):
        yield from page.wrap(f"{row.who}: {row.what}: {row.first.why}", first=2)


def _fights(page: Page, report: DriftReport) -> Iterator[str]:
    if not report.fights:
        return
    labels = labels_of(report)
    yield from page.title(f"{FIGHTS} ({len(report.fights)})", RED)
    for fight in report.fights:
        name = who_words(report, fight.learner, labels.get(fight.learner, ""))
        words = fight_words(fight, plan_names(report.plan))
        yield from page.wrap(f"{name}: {words} (step {fight_id(*fight.place)})", first=2)
    yield from page.wrap(
        "Not corrected until a person decides. Find out who or what changes it; then accept it into the files, or have "
        "it corrected again with: reconciler done STEP --by NAME",
        first=4,
    )


def _staff(page: Page, report: DriftReport) -> Iterator[str]:
    if report.staff_findings():
        yield from notices_lines(page, staff_notices(report))


def _causes(page: Page, report: DriftReport) -> Iterator[str]:
    if report.causes:
        yield from notices_lines(page, cause_notices(report))


def _drift(page: Page, report: DriftReport, verbose: bool) -> Iterator[str]:
    left = report.left()
    for verdict in SECTIONS:
        slots = [drifted for drifted in left if drifted.verdict is verdict]
        if slots:
            yield from page.title(f"{section_title(verdict, report)} ({len(slots)})", _COLOURS.get(verdict, YELLOW))
        shown = unexplained(slots, report, verbose=verbose)
        for row in drift_rows(shown, report, verbose=verbose):
            yield from page.signed("!", f"{row.who}: {row.what}; {row.first.why}  [{row.where}]")
        if words := explained_words(slots, shown):
            yield from page.signed("!", words)


def _waiting(page: Page, report: DriftReport, title: str, changes: Sequence[Change], verbose: bool) -> Iterator[str]:
    if changes:
        yield from page.title(f"{title} ({len(changes)})")
    for row in waiting_rows(changes, report, verbose=verbose):
        details = f"; {row.first.why}" if row.first.why else ""
        yield from page.signed("=", f"{row.who}: {row.what}{details}  [{row.where}]")


def _rest(page: Page, report: DriftReport) -> Iterator[str]:
    if report.unmanaged:
        kinds = kinds_words(report.unmanaged)
        yield from page.title("Not managed (held in OneFile, not in the files)")
        yield from page.wrap(f"{kinds}.", first=2)
    if report.ended:
        yield from page.title(f"No longer drifting since the last reading ({len(report.ended)})", GREEN)
    labels = labels_of(report)
    for issue in report.ended:
        name = who_words(report, issue.learner, labels.get(issue.learner, ""))
        yield from page.wrap(f"{name}: {issue.slot.address(issue.learner)}: {issue.ending}", first=2)
