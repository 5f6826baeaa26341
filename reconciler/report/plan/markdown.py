"""A plan as Markdown: counts, what blocks, caseloads, manual steps, then changes by cohort; low risk is folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.plan import Plan
from reconciler.model.slots import Site
from reconciler.report.caseload.markdown import caseload_parts, gains
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import prose
from reconciler.report.common.line_links import NO_LINKS, LineLinks
from reconciler.report.common.manual_steps import TITLE
from reconciler.report.common.markdown import (
    FOLD_END,
    FULL_REPORT,
    caution,
    cell,
    clipped,
    folded,
    heading,
    hidden,
    manual_part,
    notices_part,
    row,
    sentence,
    table_head,
    value,
    who_cell,
)
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.plan.later import later_parts
from reconciler.report.plan.risk import IN_SIGHT, Risk
from reconciler.report.plan.rows import CohortRows, Row
from reconciler.report.plan.view import PlanView, plan_view

LONGEST_ANSWER = 240  # characters

_ALREADY = len(Risk)
"""Offset of the tiers of what was pending before: it is left out before anything that this change causes."""


def render_markdown(
    plan: Plan,
    *,
    fingerprint: str,
    limit: int = COMMENT_LIMIT,
    full_report: str = FULL_REPORT,
    verbose: bool = False,
    links: LineLinks = NO_LINKS,
) -> str:
    """Render the plan for a pull request in at most *limit* bytes.

    *full_report* is the sentence on where everything can be read; *verbose* groups nothing. Raises ValueError for a
    limit below SMALLEST_LIMIT.
    """
    fit.check_limit(limit)
    view = plan_view(plan, fingerprint, verbose=verbose)
    opening = hidden("plan", Site(view.target, view.organisation), view.fingerprint, view.future) + _headline(view)
    return fit.fit(opening, list(_parts(view)), "", limit=limit, full_report=full_report, links=links)


def _headline(view: PlanView) -> str:
    lines = [heading(sentence(view.title), 2)]
    if view.stop:
        lines.append(caution(f"**{view.stop}**"))
    lines.append(f"**{sentence(view.verdict)}**\n\n")
    lines += [f"- **{answer.question}:** {prose(clipped(answer.words, LONGEST_ANSWER))}\n" for answer in view.answers]
    lines += [f"- {sentence(words)}\n" for words in (*view.notes, f"{view.cost}.")]
    if view.writes:
        lines.append(f"- Fingerprint {value(view.fingerprint)}\n")
    return "".join([*lines, "\n"])


def _parts(view: PlanView) -> Iterator[Part]:
    yield from (notices_part(group) for group in view.notices if group.stops)
    if view.later.leads:
        yield from later_parts(view.later)
    if view.caseload:
        yield from caseload_parts(view.caseload, heading("Who gains and who loses") + gains(view.caseload))
    for group in view.notices:
        if group.risky and not group.stops:
            yield notices_part(group)
    if view.manual:
        yield manual_part(view.manual, TITLE)
    for group in view.notices:
        if not group.risky:
            yield notices_part(group)
    yield from _cohorts(view.cohorts, "Changes", 0)
    yield from _cohorts(view.already, "Pending or drifting before this change of the files", _ALREADY)
    if not view.later.leads:
        yield from later_parts(view.later)


_LEGEND = "`!` set aside, `-` remove by hand, `~` reassign, `+` fill or add, `?` unknown, `=` left as it is\n\n"
_CHANGES = ("", "learner", "change", "why", "where")


def _cohorts(cohorts: Sequence[CohortRows], title: str, offset: int) -> Iterator[Part]:
    """Yield each cohort's risky rows, then the rest folded; what was pending already is all folded."""
    if cohorts:
        yield Part((), heading(title) + _LEGEND, always=True)
    for cohort in cohorts:
        in_sight = [row for row in cohort.rows if row.risk <= IN_SIGHT and not offset]
        rest = cohort.rows[len(in_sight) :]
        title = f"{value(cohort.cohort)}: {_counted(cohort.counts())}" if cohort.cohort else _counted(cohort.counts())
        name = heading(title, 4)
        if in_sight:
            yield Part(_items(in_sight, offset), name + table_head(_CHANGES), "\n")
        if rest:
            words = "in all" if not in_sight else "more"
            slots = sum(row.slots for row in rest)
            head = folded(f"{slots} {words}: {_counted(CohortRows('', rest).counts())}", table_head(_CHANGES))
            yield Part(_items(rest, offset), head if in_sight else name + head, FOLD_END)


def _counted(counts: Mapping[Risk, int]) -> str:
    return ", ".join(f"{count} {risk.words}" for risk, count in counts.items())


def _items(rows: Sequence[Row], offset: int) -> tuple[Item, ...]:
    return tuple(Item(_row(row), _tier(row.risk, offset), row.risk.words, row.slots) for row in rows)


def _tier(risk: Risk, offset: int) -> int:
    """Return the tier of a row: what is set aside is kept with what blocks; a manual removal has its step above."""
    if risk is Risk.ASIDE:
        return fit.ASIDE
    return (fit.DISPLACES if risk <= IN_SIGHT else fit.REST + risk) + offset


def _row(change: Row) -> str:
    return row(
        (
            f"`{change.sign}`",
            who_cell(change.who, change.learners),
            cell(change.what),
            cell(change.why),
            cell(change.where),
        )
    )
