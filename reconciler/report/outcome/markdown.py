"""The outcomes of an apply as Markdown: what needs attention in sight, what is done folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.model.operations import State
from reconciler.model.slots import Site
from reconciler.report.common import truncate as fit
from reconciler.report.common.line_links import NO_LINKS, LineLinks
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
    sentence,
    table_head,
    value,
    who_cell,
)
from reconciler.report.common.markdown import row as table_row
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.outcome.view import ENDED_BY, EndGroup, EndRow, OutcomeView, applied_view
from reconciler.report.plan import markdown as plan_report

if TYPE_CHECKING:
    from reconciler.commands.apply_run import ApplyResult


def render_markdown(view: OutcomeView, *, limit: int = COMMENT_LIMIT, links: LineLinks = NO_LINKS) -> str:
    """Render how each operation of a run ended in at most *limit* bytes."""
    fit.check_limit(limit)
    opening = hidden("apply", Site(view.target, view.organisation), view.fingerprint) + _headline(view)
    full = f"Everything is in the history: `reconciler history {view.run}`."
    return fit.fit(opening, list(_parts(view)), "", limit=limit, full_report=full, links=links)


def render_applied(
    applied: ApplyResult, *, limit: int = COMMENT_LIMIT, verbose: bool = False, links: LineLinks = NO_LINKS
) -> str:
    """Render what an apply did; the plan if it did not begin."""
    if applied.run is None:
        planned = applied.planned
        return plan_report.render_markdown(
            planned.plan, fingerprint=planned.fingerprint, limit=limit, verbose=verbose, links=links
        )
    return render_markdown(applied_view(applied, verbose=verbose), limit=limit, links=links)


def _headline(view: OutcomeView) -> str:
    notes = (view.unproven, *view.notes, view.watched, view.calls, view.aside)
    lines = [heading(sentence(view.title), 2), *(f"- {sentence(words)}\n" for words in notes if words)]
    if view.writes:
        lines.append(f"- Fingerprint {value(view.fingerprint)}\n")
    return "".join([*lines, "\n"])


def _parts(view: OutcomeView) -> Iterator[Part]:
    if view.problems:
        items = tuple(Item(notice_entry(notice), fit.STOPS, "problems") for notice in view.problems)
        yield Part(items, heading(f"{ENDED_BY} ({len(items)})"), "\n", always=True)
    for group in view.groups:
        if group.needs_attention:
            yield _table(group)
    if view.manual:
        yield manual_part(view.manual, TITLE_AFTER_APPLY)
    if view.waived.items:
        yield notices_part(view.waived)
    for group in view.groups:
        if not group.needs_attention:
            yield _folded(group)


def _table(group: EndGroup) -> Part:
    tier = fit.GRAVE if group.end.grave else fit.WARNS
    head = heading(group.title) + table_head(("learner", "cohort", "change", "result"))
    cells = ((who_cell(row.who, row.learners), _cohorts(row), cell(row.what), cell(row.why)) for row in group.rows)
    return Part(_items(group, cells, tier), head, "\n", always=True)


def _folded(group: EndGroup) -> Part:
    tier = fit.REST + (group.end.state is State.DONE)
    head = heading(group.title) + folded("Show them", table_head(("learner", "change", "proof")))
    cells = ((who_cell(row.who, row.learners), cell(row.what), cell(row.why)) for row in group.rows)
    return Part(_items(group, cells, tier), head, FOLD_END, always=True)


def _items(group: EndGroup, cells: Iterable[Sequence[str]], tier: int) -> tuple[Item, ...]:
    pairs = zip(group.rows, cells, strict=True)
    return tuple(Item(table_row(texts), tier, group.end.word, row.slots) for row, texts in pairs)


def _cohorts(row: EndRow) -> str:
    return value(row.cohorts[0]) if len(row.cohorts) == 1 else f"{len(row.cohorts)} cohorts"
