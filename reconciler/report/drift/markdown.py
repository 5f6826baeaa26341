"""A drift report as Markdown for one rolling issue: what needs somebody in sight, what only waits folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.operations import State
from reconciler.model.plan import Change
from reconciler.plan.drift import NEEDS_A_PERSON, DriftAction, Drifted, DriftReport, fight_id
from reconciler.problems import Problem
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import comment_value
from reconciler.report.common.markdown import (
    FOLD_END,
    LONGEST_VALUE,
    after_lines,
    caution,
    cell,
    clipped,
    folded,
    heading,
    notice,
    row,
    sentence,
    table_head,
    value,
)
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.common.words import age_words, kind_words, operation_words, organisation_words, removal_words
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
    untold_words,
    waiting_words,
    who_words,
)
from reconciler.report.plan.view import manual_steps, problem_notice

FULL = "Everything is in the report as text or JSON: `reconciler drift --format json`."
_TIERS = {verdict: fit.GRAVE if verdict in NEEDS_A_PERSON else fit.WARNS for verdict in DriftAction}


def render_drift(report: DriftReport, *, limit: int = COMMENT_LIMIT, full_report: str = FULL) -> str:
    """The report in at most `limit` bytes. Its hidden first line is how the issue is found again.

    What waits gives way before drift, and drift that takes care of itself before what needs a person; where that has
    no room either, the report says so loudly, with counts. Raises ValueError for a limit below SMALLEST_LIMIT.
    """
    fit.check_limit(limit)
    return fit.fit(_opening(report), list(_parts(report)), "", limit=limit, full_report=full_report)


def _opening(report: DriftReport) -> str:
    plan, left = report.plan, report.left()
    where = f"target={comment_value(clipped(plan.target, LONGEST_VALUE))} organisation={plan.organisation}"
    lines = [f"<!-- onefile-reconciler drift {where} -->\n"]
    lines.append(heading(sentence(f"Drift in {plan.target}, {organisation_words(plan)}"), 2))
    if any(one.verdict in NEEDS_A_PERSON for one in left) or report.fights:
        lines.append(caution("**Somebody must decide: some of this will not be put back by itself.**"))
    lines.append(f"**{sentence(counts_words(report))}.**\n\n")
    notes = [f"Read {moment_words(report.taken_at)}, {report.spent_calls} calls"]
    if left:
        notes.append(f"The oldest is known for {age_words(report.now - min(one.first_seen for one in left))}")
    if words := untold_words(report):
        notes.append(words)
    elif not (left or report.unseen):
        notes.append("Whatever was applied stands in OneFile as it was applied, as far as OneFile shows it")
    if plan.left_out:
        notes.append(f"{plan.left_out} declared learners were not in this scope and were left unread")
    if report.approved:
        notes.append(f"Corrections go back to the files of commit {report.approved}")
    if words := unapproved_words(report):
        notes.append(words)
    return "".join([*lines, *(f"- {sentence(note)}.\n" for note in notes), "\n"])


def _parts(report: DriftReport) -> Iterator[Part]:
    yield from _problems(report.problems, "What stopped the corrections", fit.STOPS)
    yield from _fights(report)
    yield from _corrections(report, failed=True)
    left = report.left()
    for verdict in SECTIONS:
        if found := [one for one in left if one.verdict is verdict]:
            yield _drift(section_title(verdict, report), found, report, _TIERS[verdict])
    yield from _steps(report)
    yield from _problems(report.plan.problems, "Set aside", fit.ASIDE)
    yield from _corrections(report, failed=False)
    yield from _waiting("Due by date: cover and dated entries", report.due, report)
    yield from _waiting("Pending: the files ask for what was not applied yet", report.pending, report)
    yield from _ended(report)
    yield from _unmanaged(report)


def _problems(problems: Sequence[Problem], title: str, tier: int) -> Iterator[Part]:
    if problems:
        items = tuple(Item(notice(problem_notice(one)), tier, "problems") for one in problems)
        yield Part(items, heading(f"{title} ({len(items)})"), "\n", always=True)


def _fights(report: DriftReport) -> Iterator[Part]:
    if not report.fights:
        return
    labels = labels_of(report)
    rows = (
        row(
            (
                value(who_words(report, fight.learner, labels.get(fight.learner, ""))),
                cell(fight_words(fight, report.plan.handles)),
                value(f"reconciler done {fight_id(*fight.place)} --by NAME"),
            )
        )
        for fight in report.fights
    )
    head = heading(f"{FIGHTS} ({len(report.fights)})")
    head += "Accept the newer value into the files, or have it corrected again with the command.\n\n"
    items = tuple(Item(text, fit.STOPS, "fights") for text in rows)
    yield Part(items, head + table_head(("learner", "what", "to correct it again")), "\n", always=True)


def _drift(title: str, found: Sequence[Drifted], report: DriftReport, tier: int) -> Part:
    rows = (
        row(
            (
                value(who_words(report, one.change.learner, one.change.label)),
                value(one.change.cohort),
                cell(moved_words(one, report)),
                cell(seen_words(one, report)),
            )
        )
        for one in found
    )
    head = heading(f"{title} ({len(found)})") + table_head(("learner", "cohort", "what moved", "since when"))
    return Part(tuple(Item(text, tier, "drifted slots") for text in rows), head, "\n", always=True)


def _steps(report: DriftReport) -> Iterator[Part]:
    steps = report.plan.manual
    if not steps:
        return
    rows = (
        row(
            (
                value(who_words(report, step.learner, step.label)),
                cell(removal_words(step.slot, step.holder, report.plan.handles)),
                cell(step.clicks),
                cell(age_words(report.now - step.first_seen) if step.first_seen else "new"),
                value(step.owner),
                value(step.id),
            )
        )
        for step in steps
    )
    head = heading(f"Steps by hand that are open ({len(steps)})")
    head += table_head(("learner", "what", "how, in OneFile", "open for", "owner", "step"))
    yield Part(
        tuple(Item(text, fit.BY_HAND, "steps by hand") for text in rows),
        head,
        "\n" + after_lines(manual_steps(report.plan)),
        always=True,
    )


def _corrections(report: DriftReport, *, failed: bool) -> Iterator[Part]:
    done = (State.DONE, State.ALREADY_DONE)
    found = [one for one in report.outcomes if (one.state in done) != failed]
    if not found:
        return
    labels = labels_of(report)
    rows = (
        row(
            (
                value(who_words(report, one.operation.learner, labels.get(one.operation.learner, ""))),
                cell(operation_words(one.operation, report.plan.handles)),
                cell(f"{one.state.value.replace('_', ' ')}{': ' if one.detail else ''}{one.detail}"),
            )
        )
        for one in found
    )
    title = f"Corrections of run {report.run}{' that did not succeed' if failed else ''} ({len(found)})"
    tier = fit.GRAVE if failed else fit.REST
    table = table_head(("learner", "correction", "what came of it"))
    head = heading(title) + (table if failed else folded("Show them", table))
    items = tuple(Item(text, tier, "corrections") for text in rows)
    yield Part(items, head, "\n" if failed else FOLD_END, always=True)


def _waiting(title: str, changes: Sequence[Change], report: DriftReport) -> Iterator[Part]:
    """What OneFile moved too comes first: applying it overwrites somebody."""
    if not changes:
        return
    ordered = sorted(changes, key=lambda one: report.moved_too(one) is None)
    rows = (
        row(
            (
                value(who_words(report, one.learner, one.label)),
                value(one.cohort),
                cell(waiting_words(one, report)),
            )
        )
        for one in ordered
    )
    head = heading(f"{title} ({len(changes)})") + folded("Show them", table_head(("learner", "cohort", "change")))
    yield Part(tuple(Item(text, fit.REST, "waiting changes") for text in rows), head, FOLD_END, always=True)


def _ended(report: DriftReport) -> Iterator[Part]:
    if not report.ended:
        return
    labels = labels_of(report)
    rows = (
        row(
            (
                value(who_words(report, one.learner, labels.get(one.learner, ""))),
                value(one.slot.address(one.learner)),
                cell(one.ending),
            )
        )
        for one in report.ended
    )
    head = heading(f"No longer drifting since the last look ({len(report.ended)})")
    head += folded("Show them", table_head(("learner", "slot", "how it ended")))
    yield Part(tuple(Item(text, fit.REST, "ended") for text in rows), head, FOLD_END, always=True)


def _unmanaged(report: DriftReport) -> Iterator[Part]:
    if report.unmanaged:
        kinds = ", ".join(f"{count} {kind_words(kind)}" for kind, count in report.unmanaged.items())
        words = f"Not managed: slots of declared learners that somebody holds and no file speaks of: {kinds}."
        yield Part((Item(f"{sentence(words)}\n\n", fit.REST, "notes"),))
