"""What an apply did as Markdown: what ended it and what needs somebody in sight, what is done folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.operations import State
from reconciler.model.slots import Site
from reconciler.report.common import truncate as fit
from reconciler.report.common.markdown import (
    FOLD_END,
    cell,
    folded,
    heading,
    hidden,
    manual_part,
    notice,
    notices_part,
    row,
    sentence,
    table_head,
    value,
)
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.outcome.view import ENDED_BY, End, EndRow, OutcomeView
from reconciler.report.plan.view import STILL_BY_HAND


def render_outcomes(told: OutcomeView, *, limit: int = COMMENT_LIMIT) -> str:
    """How each operation of a run ended, in at most `limit` bytes."""
    fit.check_limit(limit)
    opening = hidden("apply", Site(told.target, told.organisation), told.fingerprint) + _headline(told)
    full = f"Everything is in the history: `reconciler history {told.run}`."
    return fit.fit(opening, list(_parts(told)), "", limit=limit, full_report=full)


def _headline(told: OutcomeView) -> str:
    notes = (*told.notes, told.calls, told.aside)
    lines = [heading(sentence(told.title), 2), *(f"- {sentence(words)}\n" for words in notes if words)]
    return "".join([*lines, f"- Fingerprint {value(told.fingerprint)}\n\n"])


def _parts(told: OutcomeView) -> Iterator[Part]:
    if told.problems:
        items = tuple(Item(notice(one), fit.STOPS, "problems") for one in told.problems)
        yield Part(items, heading(f"{ENDED_BY} ({len(items)})"), "\n", always=True)
    done = [group for group in told.groups if not (group[0].grave or group[0].open)]
    for group in told.groups:
        if group not in done:
            yield _group(*group)
    if told.manual:
        yield manual_part(told.manual, STILL_BY_HAND)
    if told.waived.items:
        yield notices_part(told.waived)
    for end, rows in done:
        yield _folded(end, rows)


def _group(end: End, rows: Sequence[EndRow]) -> Part:
    tier = fit.GRAVE if end.grave else fit.WARNS
    head = heading(f"{end.title} ({len(rows)})") + table_head(("learner", "cohort", "change", "what came of it"))
    items = (row((value(one.who), value(one.cohort), cell(one.what), cell(one.detail))) for one in rows)
    return Part(tuple(Item(text, tier, end.word) for text in items), head, "\n", always=True)


def _folded(end: End, rows: Sequence[EndRow]) -> Part:
    tier = fit.REST + (end.state is State.DONE)
    head = heading(f"{end.title} ({len(rows)})") + folded("Show them", table_head(("learner", "change", "proof")))
    items = (row((value(one.who), cell(one.what), cell(one.proof))) for one in rows)
    return Part(tuple(Item(text, tier, end.word) for text in items), head, FOLD_END, always=True)
