"""A drift report as Markdown for one issue that is updated: what needs a person in sight, what waits folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.operations import State
from reconciler.model.plan import Change, Plan
from reconciler.plan.drift import NEEDS_A_PERSON, DriftAction, Drifted, DriftReport, fight_id
from reconciler.problems import Problem
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import comment_value
from reconciler.report.common.grouping import Group
from reconciler.report.common.line_links import NO_LINKS, LineLinks
from reconciler.report.common.manual_steps import manual_steps
from reconciler.report.common.markdown import (
    FOLD_END,
    LONGEST_VALUE,
    caution,
    cell,
    clipped,
    folded,
    heading,
    listed_part,
    manual_part,
    notices_part,
    row,
    sentence,
    table_head,
    value,
    who_cell,
)
from reconciler.report.common.notices import plan_notices
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.common.words import (
    age_words,
    kinds_words,
    moment_words,
    organisation_words,
    plan_names,
    roll_words,
    watched_words,
)
from reconciler.report.drift.causes import cause_notices, explained_words, unexplained
from reconciler.report.drift.due import due_parts
from reconciler.report.drift.news import news_lines
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

FULL = "Everything is in the report as text or JSON: `reconciler drift --format json`."
_TIERS = {verdict: fit.GRAVE if verdict in NEEDS_A_PERSON else fit.WARNS for verdict in DriftAction}


def render_markdown(
    report: DriftReport,
    *,
    limit: int = COMMENT_LIMIT,
    full_report: str = FULL,
    verbose: bool = False,
    links: LineLinks = NO_LINKS,
) -> str:
    """Render the report in at most *limit* bytes; its hidden first line identifies the issue.

    What waits is left out first, then drift that needs nobody, then what needs a person, with a loud notice and
    counts. Raises ValueError for a limit below SMALLEST_LIMIT.
    """
    fit.check_limit(limit)
    return fit.fit(
        _opening(report, verbose), list(_parts(report, verbose)), "", limit=limit, full_report=full_report, links=links
    )


def _opening(report: DriftReport, verbose: bool) -> str:
    plan, left = report.plan, report.left()
    where = f"target={comment_value(clipped(plan.target, LONGEST_VALUE))} organisation={plan.organisation}"
    lines = [f"<!-- onefile-reconciler drift {where} -->\n"]
    lines.append(heading(sentence(f"Drift in {plan.target}, {organisation_words(plan)}"), 2))
    if any(drifted.verdict in NEEDS_A_PERSON for drifted in left) or report.fights:
        lines.append(caution("**A person must decide: some of this is not corrected automatically.**"))
    lines.append(f"**{sentence(counts_words(report))}.**\n\n")
    lines.append(news_lines(report))
    notes = [f"Read {moment_words(report.taken_at)}, {report.spent_calls} calls"]
    if left:
        notes.append(
            f"The oldest was first seen {age_words(report.now - min(drifted.first_seen for drifted in left))} ago"
        )
    if words := went_blind_words(report):
        notes.insert(0, words)
    if words := watched_words(report.watch):
        notes.append(words)
    if words := unrecorded_words(report):
        notes.append(words)
    elif not (left or report.unseen or report.watch.blind):
        notes.append(in_place_words(report))
    notes += [words.removesuffix(".") for words in unread_words(report)]
    if words := silence_words(report):
        notes.append(words)
    notes += [words.removesuffix(".") for words in roll_words(plan, verbose=verbose)]
    if report.approved:
        notes.append(f"Corrections go back to the files of commit {report.approved}")
    if words := unapproved_words(report):
        notes.append(words)
    return "".join([*lines, *(f"- {sentence(note)}.\n" for note in notes), "\n"])


def _parts(report: DriftReport, verbose: bool) -> Iterator[Part]:
    yield from _problems(report.plan, report.problems, "What stopped the corrections", fit.STOPS)
    yield from _fights(report)
    yield from _corrections(report, verbose, failed=True)
    yield from due_parts(report, verbose)
    if report.staff_findings():
        yield notices_part(staff_notices(report))
    if report.causes:
        yield notices_part(cause_notices(report))
    left = report.left()
    for verdict in SECTIONS:
        if slots := [drifted for drifted in left if drifted.verdict is verdict]:
            yield _drift(section_title(verdict, report), slots, report, _TIERS[verdict], verbose)
    if report.plan.steps:
        yield manual_part(manual_steps(report.plan), OPEN_STEPS)
    yield from _problems(report.plan, report.plan.problems, "Set aside", fit.ASIDE)
    yield from _corrections(report, verbose, failed=False)
    yield from _waiting("Due by date: cover and dated entries", report.due, report, verbose)
    yield from _waiting("Pending: in the files and not applied yet", report.pending, report, verbose)
    yield from _ended(report)
    yield from _unmanaged(report)


def _problems(plan: Plan, problems: Sequence[Problem], title: str, tier: int) -> Iterator[Part]:
    if problems:
        yield listed_part(plan_notices(plan, problems), title, tier)


def _fights(report: DriftReport) -> Iterator[Part]:
    if not report.fights:
        return
    labels = labels_of(report)
    rows = (
        row(
            (
                value(who_words(report, fight.learner, labels.get(fight.learner, ""))),
                cell(fight_words(fight, plan_names(report.plan))),
                value(f"reconciler done {fight_id(*fight.place)} --by NAME"),
            )
        )
        for fight in report.fights
    )
    head = heading(f"{FIGHTS} ({len(report.fights)})")
    head += "Accept the newer value into the files, or have it corrected again with the command.\n\n"
    items = tuple(Item(text, fit.STOPS, "fights") for text in rows)
    yield Part(items, head + table_head(("learner", "what", "to correct it again")), "\n", always=True)


def _drift(title: str, slots: Sequence[Drifted], report: DriftReport, tier: int, verbose: bool) -> Part:
    shown = unexplained(slots, report, verbose=verbose)
    rows = drift_rows(shown, report, verbose=verbose)
    words = explained_words(slots, shown)
    head = heading(f"{title} ({len(slots)})") + (f"{sentence(words)}.\n\n" if words else "")
    head += table_head(("learner", "cohort", "what moved", "since when")) if rows else ""
    return Part(_items(rows, tier, "drifted slots"), head, "\n", always=True)


def _items(rows: Sequence[Group], tier: int, kind: str) -> tuple[Item, ...]:
    return tuple(Item(_row(group), tier, kind, group.slots) for group in rows)


def _row(group: Group) -> str:
    cohorts = value(group.cohorts[0]) if len(group.cohorts) == 1 else f"{len(group.cohorts)} cohorts"
    return row((who_cell(group.who, group.names), cohorts, cell(group.what), cell(group.first.why)))


def _corrections(report: DriftReport, verbose: bool, *, failed: bool) -> Iterator[Part]:
    done = (State.DONE, State.ALREADY_DONE)
    outcomes = [outcome for outcome in report.outcomes if (outcome.state in done) != failed]
    if not outcomes:
        return
    rows = (
        (group, row((who_cell(group.who, group.names), cell(group.what), cell(group.first.why))))
        for group in correction_rows(outcomes, report, verbose=verbose)
    )
    title = f"Corrections of run {report.run}{' that did not succeed' if failed else ''} ({len(outcomes)})"
    tier = fit.GRAVE if failed else fit.REST
    table = table_head(("learner", "correction", "result"))
    head = heading(title) + (table if failed else folded("Show them", table))
    items = tuple(Item(text, tier, "corrections", group.slots) for group, text in rows)
    yield Part(items, head, "\n" if failed else FOLD_END, always=True)


def _waiting(title: str, changes: Sequence[Change], report: DriftReport, verbose: bool) -> Iterator[Part]:
    if changes:
        rows = waiting_rows(changes, report, verbose=verbose)
        table = table_head(("learner", "cohort", "change", "details"))
        head = heading(f"{title} ({len(changes)})") + folded("Show them", table)
        yield Part(_items(rows, fit.REST, "waiting changes"), head, FOLD_END, always=True)


def _ended(report: DriftReport) -> Iterator[Part]:
    if not report.ended:
        return
    labels = labels_of(report)
    rows = (
        row(
            (
                value(who_words(report, issue.learner, labels.get(issue.learner, ""))),
                value(issue.slot.address(issue.learner)),
                cell(issue.ending),
            )
        )
        for issue in report.ended
    )
    head = heading(f"No longer drifting since the last reading ({len(report.ended)})")
    head += folded("Show them", table_head(("learner", "slot", "how it ended")))
    yield Part(tuple(Item(text, fit.REST, "ended") for text in rows), head, FOLD_END, always=True)


def _unmanaged(report: DriftReport) -> Iterator[Part]:
    if report.unmanaged:
        kinds = kinds_words(report.unmanaged)
        words = f"Not managed (held in OneFile, not in the files): {kinds}."
        yield Part((Item(f"{sentence(words)}\n\n", fit.REST, "notes"),))
