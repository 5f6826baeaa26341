"""The outcomes of an apply as Markdown: what needs attention in sight, what is done folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.model.operations import State
from reconciler.model.slots import Site
from reconciler.report.common import truncate as fit
from reconciler.report.common.manual_steps import TITLE_AFTER_APPLY
from reconciler.report.common.markdown import (
    FOLD_END,
    cell,
    folded,
    heading,
    hidden,
    manual_part,
    notice_entry,
    notices_part,
    row,
    sentence,
    table_head,
    value,
)
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.outcome.view import ENDED_BY, End, EndRow, OutcomeView, applied_view
from reconciler.report.plan import markdown as plan_report

if TYPE_CHECKING:
    from reconciler.commands.apply import ApplyResult


def render_markdown(view: OutcomeView, *, limit: int = COMMENT_LIMIT) -> str:
    """Render how each operation of a run ended in at most *limit* bytes."""
    fit.check_limit(limit)
    opening = hidden("apply", Site(view.target, view.organisation), view.fingerprint) + _headline(view)
    full = f"Everything is in the history: `reconciler history {view.run}`."
    return fit.fit(opening, list(_parts(view)), "", limit=limit, full_report=full)


def render_applied(applied: ApplyResult, *, limit: int = COMMENT_LIMIT) -> str:
    """Render what an apply did; the plan if it did not begin."""
    if applied.run is None:
        planned = applied.planned
        return plan_report.render_markdown(planned.plan, fingerprint=planned.fingerprint, limit=limit)
    return render_markdown(applied_view(applied), limit=limit)


def _headline(view: OutcomeView) -> str:
    notes = (*view.notes, view.calls, view.aside)
    lines = [heading(sentence(view.title), 2), *(f"- {sentence(words)}\n" for words in notes if words)]
    return "".join([*lines, f"- Fingerprint {value(view.fingerprint)}\n\n"])


def _parts(view: OutcomeView) -> Iterator[Part]:
    if view.problems:
        items = tuple(Item(notice_entry(notice), fit.STOPS, "problems") for notice in view.problems)
        yield Part(items, heading(f"{ENDED_BY} ({len(items)})"), "\n", always=True)
    done = [group for group in view.groups if not (group[0].grave or group[0].open)]
    for group in view.groups:
        if group not in done:
            yield _group(*group)
    if view.manual:
        yield manual_part(view.manual, TITLE_AFTER_APPLY)
    if view.waived.items:
        yield notices_part(view.waived)
    for end, rows in done:
        yield _folded(end, rows)


def _group(end: End, rows: Sequence[EndRow]) -> Part:
    tier = fit.GRAVE if end.grave else fit.WARNS
    head = heading(f"{end.title} ({len(rows)})") + table_head(("learner", "cohort", "change", "result"))
    items = (
        row((value(end_row.who), value(end_row.cohort), cell(end_row.what), cell(end_row.detail))) for end_row in rows
    )
    return Part(tuple(Item(text, tier, end.word) for text in items), head, "\n", always=True)


def _folded(end: End, rows: Sequence[EndRow]) -> Part:
    tier = fit.REST + (end.state is State.DONE)
    head = heading(f"{end.title} ({len(rows)})") + folded("Show them", table_head(("learner", "change", "proof")))
    items = (row((value(end_row.who), cell(end_row.what), cell(end_row.proof))) for end_row in rows)
    return Part(tuple(Item(text, tier, end.word) for text in items), head, FOLD_END, always=True)
