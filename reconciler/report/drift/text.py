"""A drift report as plain text for a terminal: what needs a person, then what moved, then what waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from reconciler.model.operations import Outcome, State
from reconciler.model.plan import Change
from reconciler.model.slots import UserId
from reconciler.plan.drift import DriftAction, Drifted, DriftReport, fight_id
from reconciler.report.common.escape import visible
from reconciler.report.common.manual_steps import manual_steps
from reconciler.report.common.terminal import BOLD, GREEN, RED, YELLOW, Page
from reconciler.report.common.text import closing_lines
from reconciler.report.common.words import (
    age_words,
    kind_words,
    left_out_words,
    operation_words,
    organisation_words,
    plan_names,
    removal_words,
)
from reconciler.report.drift.words import (
    FIGHTS,
    SECTIONS,
    counts_words,
    fight_words,
    labels_of,
    moment_words,
    moved_words,
    section_title,
    seen_words,
    unapproved_words,
    unrecorded_words,
    waiting_words,
    who_words,
)
from reconciler.text import number_of, spaced

MANY = 20
"""Rows of a section that only waits, above which each cohort is a count."""

_COLOURS = {DriftAction.FIGHT: RED, DriftAction.BY_HAND: RED, DriftAction.SET_ASIDE: RED}
_ENDS: Mapping[State, str] = {State.DONE: "corrected", State.ALREADY_DONE: "already back"}


def render_text(report: DriftReport, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render every drifted slot with its run and age; many that only wait are counted, unless *verbose*."""
    page = Page(width, colour)
    lines = [
        *_head(page, report),
        *_problems(page, report),
        *_corrections(page, report),
        *_fights(page, report),
        *_drift(page, report),
        *_waiting(page, report, "Due by date: cover and dated entries, for the next apply", report.due, verbose),
        *_waiting(page, report, "Pending: in the files and not applied yet", report.pending, verbose),
        *_steps(page, report),
        *_rest(page, report),
    ]
    return page.text(lines)


def _head(page: Page, report: DriftReport) -> Iterator[str]:
    plan = report.plan
    title = f"Drift in {plan.target}, {organisation_words(plan)}, read {moment_words(report.taken_at)}"
    yield page.paint(BOLD, visible(title))
    yield from page.wrap(f"{counts_words(report)}.", rest=2)
    if words := unrecorded_words(report):
        yield from page.wrap(f"{words}.", rest=2)
    elif not (report.left() or report.unseen or report.outcomes):
        yield "No drift. Everything applied is still in place, where OneFile shows it."
    if plan.left_out:
        yield left_out_words(plan)
    yield f"{number_of(report.spent_calls, 'call')} made"
    if report.approved:
        yield visible(f"Corrections go back to the files of commit {report.approved}.")
    if words := unapproved_words(report):
        yield from page.wrap(f"{words}.", rest=2)


def _problems(page: Page, report: DriftReport) -> Iterator[str]:
    for title, problems in (("What stopped the corrections", report.problems), ("Set aside", report.plan.problems)):
        if problems:
            yield from page.title(f"{title} ({len(problems)})", RED)
        for problem in problems:
            yield from page.notice(problem.place(), problem.what, problem.fix)


def _corrections(page: Page, report: DriftReport) -> Iterator[str]:
    if not report.outcomes:
        return
    labels = labels_of(report)
    yield from page.title(f"Corrections of run {report.run} ({len(report.outcomes)})", GREEN)
    for outcome in report.outcomes:
        yield from page.wrap(_correction(outcome, labels, report), first=2)


def _correction(outcome: Outcome, labels: Mapping[UserId, str], report: DriftReport) -> str:
    operation = outcome.operation
    ends = _ENDS.get(outcome.state, spaced(outcome.state.value))
    name = who_words(report, operation.learner, labels[operation.learner])
    words = f"{name}: {operation_words(operation, plan_names(report.plan))}: {ends}"
    return f"{words}: {outcome.detail}" if outcome.detail else words


def _fights(page: Page, report: DriftReport) -> Iterator[str]:
    if not report.fights:
        return
    labels = labels_of(report)
    yield from page.title(f"{FIGHTS} ({len(report.fights)})", RED)
    for fight in report.fights:
        name = who_words(report, fight.learner, labels.get(fight.learner, ""))
        yield from page.wrap(f"{name}: {fight_words(fight, plan_names(report.plan))}", first=2)
        yield from page.wrap(
            "Not corrected until a person decides. Find out who or what changes it; then accept it into the files, or "
            f"have it corrected again with: reconciler done {fight_id(*fight.place)} --by NAME",
            first=4,
        )


def _drift(page: Page, report: DriftReport) -> Iterator[str]:
    left = report.left()
    for verdict in SECTIONS:
        slots = [drifted for drifted in left if drifted.verdict is verdict]
        if slots:
            yield from page.title(f"{section_title(verdict, report)} ({len(slots)})", _COLOURS.get(verdict, YELLOW))
        for cohort, group in groupby(slots, key=lambda drifted: drifted.change.cohort):
            yield visible(cohort)
            for drifted in group:
                yield from page.signed("!", _drifted(drifted, report))


def _drifted(drifted: Drifted, report: DriftReport) -> str:
    name = who_words(report, drifted.change.learner, drifted.change.label)
    return f"{name}: {moved_words(drifted, report)}; {seen_words(drifted, report)} ({drifted.change.source})"


def _waiting(page: Page, report: DriftReport, title: str, changes: Sequence[Change], verbose: bool) -> Iterator[str]:
    if not changes:
        return
    yield from page.title(f"{title} ({len(changes)})")
    for cohort, group in groupby(changes, key=lambda change: change.cohort):
        rows = list(group)
        yield visible(cohort)
        if len(changes) > MANY and not verbose:
            overwrites = sum(report.moved_too(change) is not None for change in rows)
            also = f", {overwrites} of which also changed in OneFile" if overwrites else ""
            command = f"reconciler plan --cohort {cohort}"
            yield from page.signed("=", f"{number_of(len(rows), 'pending change')}{also}; see: {command}")
            continue
        for change in rows:
            name = who_words(report, change.learner, change.label)
            yield from page.signed("=", f"{name}: {waiting_words(change, report)} ({change.source})")


def _steps(page: Page, report: DriftReport) -> Iterator[str]:
    plan = report.plan
    if not plan.manual:
        return
    yield from page.title(f"Open manual steps ({len(plan.manual)})")
    for step in plan.manual:
        words = removal_words(step.slot, step.holder, plan_names(plan))
        since = f", open for {age_words(report.now - step.first_seen)}" if step.first_seen else ""
        owner = f", {step.owner}" if step.owner else ""
        name = who_words(report, step.learner, step.label)
        yield from page.wrap(f"{name}: {words} (step {step.id}{since}{owner})", first=2)
        yield from page.wrap(step.clicks, first=4)
    yield from closing_lines(page, manual_steps(plan))


def _rest(page: Page, report: DriftReport) -> Iterator[str]:
    if report.unmanaged:
        kinds = ", ".join(f"{count} {kind_words(kind)}" for kind, count in report.unmanaged.items())
        yield from page.title("Not managed (held in OneFile, not in the files)")
        yield from page.wrap(f"{kinds}.", first=2)
    if report.ended:
        yield from page.title(f"No longer drifting since the last reading ({len(report.ended)})", GREEN)
    labels = labels_of(report)
    for issue in report.ended:
        name = who_words(report, issue.learner, labels.get(issue.learner, ""))
        yield from page.wrap(f"{name}: {issue.slot.address(issue.learner)}: {issue.ending}", first=2)
