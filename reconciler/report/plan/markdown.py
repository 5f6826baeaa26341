"""A plan as Markdown: counts, what blocks, caseloads, steps by hand, then changes by cohort, the rest folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.plan import Plan
from reconciler.model.slots import Site
from reconciler.report.common import truncate as fit
from reconciler.report.common.markdown import (
    FOLD_END,
    FULL_REPORT,
    caution,
    cell,
    folded,
    heading,
    hidden,
    manual_part,
    notices_part,
    row,
    sentence,
    table_head,
    value,
)
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.plan.risk import IN_SIGHT, Risk
from reconciler.report.plan.rows import CohortRows, Row
from reconciler.report.plan.view import BY_HAND, CaseloadLine, PlanView, plan_view

MANY_CASELOADS = 10  # more that stay as they are, and these are folded

_BESIDE_ALREADY = len(Risk)  # what was pending before gives way before anything that this change causes


def render_plan(plan: Plan, *, fingerprint: str, limit: int = COMMENT_LIMIT, full_report: str = FULL_REPORT) -> str:
    """The plan for a pull request, in at most `limit` bytes; `full_report` says where what is cut can be read.

    Raises ValueError for a limit below SMALLEST_LIMIT.
    """
    fit.check_limit(limit)
    told = plan_view(plan, fingerprint)
    opening = hidden("plan", Site(told.target, told.organisation), told.fingerprint) + _headline(told)
    return fit.fit(opening, list(_parts(told)), "", limit=limit, full_report=full_report)


def _headline(told: PlanView) -> str:
    lines = [heading(sentence(told.title), 2)]
    if told.stop:
        lines.append(caution(f"**{told.stop}**"))
    lines.append(f"**{sentence(told.verdict)}**\n\n")
    lines += [f"- {sentence(words)}\n" for words in (*told.notes, f"{told.cost}.")]
    lines.append(f"- Fingerprint {value(told.fingerprint)}\n\n")
    return "".join(lines)


def _parts(told: PlanView) -> Iterator[Part]:
    yield from (notices_part(group) for group in told.notices if group.stops)
    if told.caseload:
        yield from caseload_parts(told.caseload, heading("Who gains and who loses") + _gains(told.caseload))
    for group in told.notices:
        if group.risky and not group.stops:
            yield notices_part(group)
    if told.manual:
        yield manual_part(told.manual, BY_HAND)
    for group in told.notices:
        if not group.risky:
            yield notices_part(group)
    yield from _cohorts(told.cohorts, "Changes", 0)
    yield from _cohorts(told.already, "Pending or drifting already, before this change of the files", _BESIDE_ALREADY)


# ------------------------------------------------------------------ caseloads


_COLUMNS = ("staff", "learners", "±", "default", "learning aim", "unit", "target", "max", "")
_NUMBERS = _COLUMNS[1:8]


def caseload_parts(lines: Sequence[CaseloadLine], title: str) -> Iterator[Part]:
    """Whose numbers change or pass a limit stand in sight; where many others are listed too, those are folded."""
    moved = [line for line in lines if line.before != line.after or line.mark]
    still = [line for line in lines if line not in moved]
    if len(still) <= MANY_CASELOADS:
        moved, still = list(lines), []
    if moved:
        items = tuple(Item(_caseload_row(line), fit.CASELOAD, "caseloads") for line in moved)
        yield Part(items, title + table_head(_COLUMNS, _NUMBERS), "\n", always=True)
    if still:
        items = tuple(Item(_caseload_row(line), fit.REST, "unchanged caseloads") for line in still)
        head = ("" if moved else title) + folded(f"{len(still)} others, unchanged", table_head(_COLUMNS, _NUMBERS))
        yield Part(items, head, FOLD_END)


def _gains(lines: Sequence[CaseloadLine]) -> str:
    """The three largest gains and losses in words; the table has them all."""
    told = []
    for word, sign in (("Gain", 1), ("Lose", -1)):
        ranked = sorted((line for line in lines if line.gain * sign > 0), key=lambda line: -abs(line.gain))
        if ranked:
            named = ", ".join(f"{value(line.handle)} {line.gain:+d}" for line in ranked[:3])
            told.append(f"{word} learners: {named}{f' and {len(ranked) - 3} more' if len(ranked) > 3 else ''}.")
    return f"{' '.join(told) or 'Nobody gains or loses a learner.'}\n\n"


def _caseload_row(line: CaseloadLine) -> str:
    before, after = line.before, line.after
    numbers = (
        _from_to(before.learners, after.learners),
        f"{line.gain:+d}" if line.gain else "",
        _from_to(before.default, after.default),
        _from_to(before.learning_aim, after.learning_aim),
        _from_to(before.unit, after.unit),
        "" if line.target is None else str(line.target),
        "" if line.maximum is None else str(line.maximum),
    )
    return row((value(line.handle), *numbers, f"**{line.mark}**" if line.mark else ""))


def _from_to(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"


# ------------------------------------------------------------------ changes


_LEGEND = "`!` set aside, `-` remove by hand, `~` reassign, `+` fill or join, `?` unknown, `=` left as it is\n\n"
_CHANGES = ("", "learner", "change", "why", "where")


def _cohorts(cohorts: Sequence[CohortRows], title: str, behind: int) -> Iterator[Part]:
    """Per cohort the risky rows in sight, then the rest folded; what was pending already is folded whole."""
    if cohorts:
        yield Part((), heading(title) + _LEGEND, always=True)
    for cohort in cohorts:
        in_sight = [one for one in cohort.rows if one.risk <= IN_SIGHT and not behind]
        rest = cohort.rows[len(in_sight) :]
        name = heading(f"{value(cohort.cohort)}: {_counted(cohort.counts())}", 4)
        if in_sight:
            yield Part(_items(in_sight, behind), name + table_head(_CHANGES), "\n")
        if rest:
            words = "in all" if not in_sight else "more"
            slots = sum(one.slots for one in rest)
            head = folded(f"{slots} {words}: {_counted(CohortRows('', rest).counts())}", table_head(_CHANGES))
            yield Part(_items(rest, behind), head if in_sight else name + head, FOLD_END)


def _counted(counts: Mapping[Risk, int]) -> str:
    return ", ".join(f"{count} {risk.words}" for risk, count in counts.items())


def _items(rows: Sequence[Row], behind: int) -> tuple[Item, ...]:
    return tuple(Item(_row(one), _tier(one.risk, behind), one.risk.words, one.slots) for one in rows)


def _tier(risk: Risk, behind: int) -> int:
    """What is set aside is kept with what blocks; a removal by hand has its step above."""
    if risk is Risk.ASIDE:
        return fit.ASIDE
    return (fit.DISPLACES if risk <= IN_SIGHT else fit.REST + risk) + behind


def _row(one: Row) -> str:
    where = value(str(one.source)) if one.source else ""
    return row((f"`{one.sign}`", value(one.who), cell(one.what), cell(one.why), where))
