"""A drift report as an HTML page: what needs a person, then what moved, then what waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.plan import Change
from reconciler.plan.drift import DriftReport, fight_id
from reconciler.problems import Problem
from reconciler.report.common.grouping import Group
from reconciler.report.common.manual_steps import manual_steps
from reconciler.report.common.notices import Notices, plan_notices
from reconciler.report.common.words import (
    kinds_words,
    moment_words,
    organisation_words,
    plan_names,
    roll_words,
    watched_words,
)
from reconciler.report.drift.causes import cause_notices, explained_words, unexplained
from reconciler.report.drift.due import due_notices, due_title
from reconciler.report.drift.rows import correction_rows, drift_rows, due_rows, waiting_rows
from reconciler.report.drift.words import (
    FIGHTS,
    OPEN_STEPS,
    SECTIONS,
    counts_words,
    fight_words,
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
from reconciler.report.html.bar_chart import age_chart
from reconciler.report.html.cells import folded
from reconciler.report.html.sections import Row, Section, SectionedPage, render_sections
from reconciler.text import number_of

_COLUMNS = ("Learner", "What", "Known", "Declared in")


def render_html(report: DriftReport, *, verbose: bool = False) -> str:
    """Render every drifted slot with its run and age; *verbose* groups nothing."""
    sections = [
        *_problems("What stopped the corrections", report, report.problems),
        *_fights(report),
        *_staff(report),
        *_causes(report),
        *_drift(report, verbose),
        *_corrections(report, verbose),
        *_due(report, verbose),
        *_waiting("Due by date: cover and dated entries, for the next apply", report.due, report, verbose),
        *_waiting("Pending: in the files and not applied yet", report.pending, report, verbose),
        Section(OPEN_STEPS, manual=manual_steps(report.plan)),
        *_problems("Set aside", report, report.plan.problems),
        *_rest(report),
    ]
    plan = report.plan
    title = f"Drift in {plan.target}, {organisation_words(plan)}"
    lead = f"Read {moment_words(report.taken_at)}, {number_of(report.spent_calls, 'call')} made"
    return render_sections(SectionedPage(title, sections, lead=lead, verdict=_verdict(report, verbose)))


def _verdict(report: DriftReport, verbose: bool) -> str:
    parts = (unrecorded_words(report), went_blind_words(report), watched_words(report.watch))
    words = [f"{counts_words(report)}.", *(f"{part}." for part in parts if part)]
    words += unread_words(report)
    words += roll_words(report.plan, verbose=verbose)
    if report.approved:
        words.append(f"Corrections go back to the files of commit {report.approved}.")
    words += [f"{warning}." for warning in (silence_words(report), unapproved_words(report)) if warning]
    return " ".join(words)


def _problems(title: str, report: DriftReport, problems: Sequence[Problem]) -> Iterator[Section]:
    if problems:
        yield Section(notices=[Notices(title, "", plan_notices(report.plan, problems), risky=True)])


def _fights(report: DriftReport) -> Iterator[Section]:
    labels, names = labels_of(report), plan_names(report.plan)
    rows = [
        (
            who_words(report, fight.learner, labels.get(fight.learner, "")),
            fight_words(fight, names),
            fight_id(*fight.place),
        )
        for fight in report.fights
    ]
    words = (
        "Not corrected until a person decides. Find out who or what changes it; then accept it into the files, or have "
        "it corrected again with: reconciler done STEP --by NAME"
    )
    if rows:
        yield Section(f"{FIGHTS} ({len(rows)})", words, ("Learner", "What", "Step"), rows)


def _staff(report: DriftReport) -> Iterator[Section]:
    if report.staff_findings():
        yield Section(notices=[staff_notices(report)])


def _causes(report: DriftReport) -> Iterator[Section]:
    if report.causes:
        yield Section(notices=[cause_notices(report)])


def _drift(report: DriftReport, verbose: bool) -> Iterator[Section]:
    left = report.left()
    if left:
        yield Section("Drift by age", chart=age_chart([report.now - drifted.first_seen for drifted in left]))
    for verdict in SECTIONS:
        slots = [drifted for drifted in left if drifted.verdict is verdict]
        if slots:
            title = f"{section_title(verdict, report)} ({len(slots)})"
            shown = unexplained(slots, report, verbose=verbose)
            words = explained_words(slots, shown)
            rows = _rows(drift_rows(shown, report, verbose=verbose))
            yield Section(title, f"{words}." if words else "", _COLUMNS if rows else (), rows)


def _corrections(report: DriftReport, verbose: bool) -> Iterator[Section]:
    rows = [(_who(row), row.what, row.first.why) for row in correction_rows(report.outcomes, report, verbose=verbose)]
    if rows:
        yield Section(
            f"Corrections of run {report.run} ({len(report.outcomes)})", "", ("Learner", "What", "Result"), rows
        )


def _due(report: DriftReport, verbose: bool) -> Iterator[Section]:
    rows = [(_who(row), row.what, row.first.why) for row in due_rows(report, verbose=verbose)]
    if rows:
        yield Section(due_title(report), "", ("Learner", "What", "Result"), rows)
    if report.due_waiting:
        yield Section(notices=[due_notices(report, verbose)])


def _waiting(title: str, changes: Sequence[Change], report: DriftReport, verbose: bool) -> Iterator[Section]:
    if changes:
        rows = _rows(waiting_rows(changes, report, verbose=verbose))
        yield Section(
            f"{title} ({len(changes)})",
            "",
            _COLUMNS,
            rows,
        )


def _rest(report: DriftReport) -> Iterator[Section]:
    if report.unmanaged:
        yield Section("Not managed (held in OneFile, not in the files)", f"{kinds_words(report.unmanaged)}.")
    labels = labels_of(report)
    rows = [
        (
            who_words(report, issue.learner, labels.get(issue.learner, "")),
            issue.slot.address(issue.learner),
            issue.ending,
        )
        for issue in report.ended
    ]
    if rows:
        title = f"No longer drifting since the last reading ({len(rows)})"
        yield Section(title, "", ("Learner", "Slot", "How it ended"), rows)


def _rows(groups: Iterable[Group]) -> list[Row]:
    return [(_who(row), row.what, row.first.why, row.where) for row in groups]


def _who(row: Group) -> str:
    return folded(row.who, row.names) if row.names else row.who
