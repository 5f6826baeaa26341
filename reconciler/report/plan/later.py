"""Later changes of a plan in words, as rows of every format: one per day, cause and pair of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.plan import Finding, HandoverKind, LaterCaseload, LaterChange, Plan
from reconciler.model.structs import Struct
from reconciler.problems import Source
from reconciler.report.calendar.words import handover_words
from reconciler.report.common.markdown import cell, heading, row, table_head, value
from reconciler.report.common.terminal import Page
from reconciler.report.common.truncate import CASELOAD, DISPLACES, GRAVE, REST, Item, Part
from reconciler.text import number_of

TITLE = "Later, by date"
WITHDRAWN = "No longer planned for later"
_COLUMNS = ("day", "change", "slots", "learners on that day", "broken policies", "where")
_PENDING = "declared before this change"


class LaterLine(Struct, frozen=True):
    """One later change in words.

    `learners` names the first and the last of them, or each; `caseload` has both people's learners on that day, and
    `findings` the policies that are broken from then on. `shifts`: a caseload changes, or is above a bound.
    """

    day: str
    what: str
    slots: str
    learners: str
    why: str
    caseload: tuple[str, ...]
    shifts: bool
    findings: tuple[str, ...]
    source: Source
    pending: bool
    blocks: bool
    count: int


class Later(Struct, frozen=True):
    """The later changes of a plan. `leads`: nothing changes today, so they are what a reader looks for."""

    lines: tuple[LaterLine, ...]
    withdrawn: tuple[LaterLine, ...]
    leads: bool


def later_view(plan: Plan, *, whole: bool = False) -> Later:
    """Return the later changes of a plan in words; with *whole*, every learner is named."""
    lines, withdrawn = (
        tuple(_line(change, compared=bool(plan.base), whole=whole) for change in changes)
        for changes in (plan.later, plan.withdrawn)
    )
    return Later(lines, withdrawn, plan.in_sync)


def verdict_words(plan: Plan) -> str:
    """Return the part of the verdict on later days; empty if nothing is declared for them."""
    caused = [change for change in plan.later if not change.pending and change.slots]
    before = [change for change in plan.later if change.pending and change.slots]
    parts = []
    if plan.base and caused:
        parts.append(f"this change of the files moves {_moves(caused)}")
    elif caused:
        parts.append(_moves(caused))
    if before:
        parts.append(f"{_moves(before)} declared already")
    if plan.withdrawn:
        parts.append(f"{number_of(sum(len(change.slots) for change in plan.withdrawn), 'later change')} withdrawn")
    return f"Later: {'; '.join(parts)}." if parts else ""


def _moves(changes: Sequence[LaterChange]) -> str:
    days = sorted({change.day for change in changes})
    slots = number_of(sum(len(change.slots) for change in changes), "slot")
    return f"{slots} on {days[0] if len(days) == 1 else number_of(len(days), 'day')}"


def _line(change: LaterChange, *, compared: bool, whole: bool) -> LaterLine:
    what = change.why if change.kind is HandoverKind.WAIVER else handover_words(change)
    slots = f"{number_of(len(change.slots), 'slot')} of {number_of(change.learners, 'learner')}" if change.slots else ""
    return LaterLine(
        day=change.day.isoformat(),
        what=what,
        slots=slots,
        learners=_learners(change, whole=whole),
        why="" if change.kind is HandoverKind.WAIVER else change.why,
        caseload=tuple(caseload_words(row) for row in change.caseload),
        shifts=any(row.before != row.after or _is_above(row) for row in change.caseload),
        findings=tuple(map(_finding, change.findings)),
        source=change.source,
        pending=compared and change.pending,
        blocks=change.blocks,
        count=max(1, len(change.slots)),
    )


def _finding(finding: Finding) -> str:
    waived = f", waived: {finding.waived}" if finding.waived else ""
    return f"{'refused' if finding.blocks else 'warning'}: {finding.what} [{finding.policy}{waived}]"


def _learners(change: LaterChange, *, whole: bool) -> str:
    names = list(dict.fromkeys(slot.label or slot.learner.removeprefix("learner[") for slot in change.slots))
    if whole or len(names) <= 2:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]}"


def _is_above(row: LaterCaseload) -> bool:
    return any(bound is not None and row.after > bound for bound in (row.target, row.maximum))


def caseload_words(row: LaterCaseload) -> str:
    """Return `kate-anderson 20 -> 37, above the target of 25`; without the arrow if nothing changes."""
    words = f"{row.handle} {row.after}" if row.before == row.after else f"{row.handle} {row.before} -> {row.after}"
    if row.maximum is not None and row.after > row.maximum:
        return f"{words}, above the maximum of {row.maximum}"
    if row.target is not None and row.after > row.target:
        return f"{words}, above the target of {row.target}"
    bounds = [f"{name} {bound}" for name, bound in (("target", row.target), ("max", row.maximum)) if bound]
    return f"{words} ({', '.join(bounds)})" if bounds else words


# ------------------------------------------------------------------ text


def later_lines(page: Page, later: Later) -> Iterator[str]:
    """Yield the section of later changes for a terminal."""
    for title, lines in ((TITLE, later.lines), (WITHDRAWN, later.withdrawn)):
        if lines:
            yield from page.title(title)
        for line in lines:
            yield from _text(page, line)


def _text(page: Page, line: LaterLine) -> Iterator[str]:
    slots = f": {line.slots} ({line.learners})" if line.slots else ""
    notes = ", ".join(note for note in (line.why, _PENDING if line.pending else "", str(line.source)) if note)
    yield from page.signed(
        "!" if line.blocks else "=" if line.pending else "~", f"{line.day}  {line.what}{slots}  [{notes}]"
    )
    if line.shifts:
        yield from page.wrap("; ".join(line.caseload), first=6, rest=8)
    for finding in line.findings:
        yield from page.wrap(finding, first=6, rest=8)


# ------------------------------------------------------------------ Markdown


def later_parts(later: Later) -> Iterator[Part]:
    """Yield the section of later changes; the days that are furthest away are left out first."""
    for title, lines in ((TITLE, later.lines), (WITHDRAWN, later.withdrawn)):
        if lines:
            items = tuple(Item(_markdown(line), _tier(line, later), "later slots", line.count) for line in lines)
            yield Part(items, heading(title) + table_head(_COLUMNS), "\n", always=True)


def _tier(line: LaterLine, later: Later) -> int:
    """Keep a row as long as what it is: a refusal, the point of this change of the files, or something known."""
    if line.blocks:
        return GRAVE
    if line.pending:
        return REST
    return CASELOAD if later.leads else DISPLACES


def _markdown(line: LaterLine) -> str:
    note = f" *({_PENDING})*" if line.pending else ""
    why = f" ({cell(line.why)})" if line.why else ""
    slots = f"{line.slots}: {line.learners}" if line.slots else ""
    findings = "; ".join(line.findings)
    return row(
        (
            value(line.day),
            f"{cell(line.what)}{why}{note}",
            cell(slots),
            cell("; ".join(line.caseload)),
            f"**{cell(findings)}**" if line.blocks else cell(findings),
            value(str(line.source)),
        )
    )
