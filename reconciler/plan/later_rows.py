"""Rows of a plan's later changes in its JSON document, written and read back; and their digest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from reconciler.model.plan import HandoverKind, LaterCaseload, LaterChange, LaterSlot, Plan
from reconciler.plan.document_rows import finding_row, read_finding, read_source, source_row
from reconciler.problems import Source

Row = dict[str, Any]


def later_row(change: LaterChange, *, compared: bool) -> Row:
    """Write a later change; `by_this_change` is null if the plan was not `compared` with a base."""
    return {
        "date": change.day.isoformat(),
        "reason": change.kind.value,
        "from": change.before,
        "to": change.after,
        "slots": len(change.slots),
        "learners": change.learners,
        "addresses": [slot.address for slot in change.slots],
        "labels": [slot.label for slot in change.slots],
        "covered": change.covered,
        "last_day": change.last.isoformat() if change.last else None,
        "why": change.why,
        "source": source_row(change.source),
        "by_this_change": not change.pending if compared else None,
        "caseload": [_caseload_row(row) for row in change.caseload],
        "findings": [finding_row(finding) for finding in change.findings],
    }


def read_later(row: Row) -> LaterChange:
    return LaterChange(
        day=date.fromisoformat(row["date"]),
        kind=HandoverKind(row["reason"]),
        before=row["from"],
        after=row["to"],
        slots=tuple(map(LaterSlot, row["addresses"], row["labels"])),
        source=read_source(row["source"]) or Source(""),
        covered=row["covered"],
        last=date.fromisoformat(row["last_day"]) if row["last_day"] else None,
        why=row["why"],
        caseload=tuple(map(_read_caseload, row["caseload"])),
        findings=tuple(map(read_finding, row["findings"])),
        pending=row["by_this_change"] is False,
    )


def future(plan: Plan) -> list[list[str]]:
    """Return what the later changes come to, from the files alone: the content of the digest that a review covers."""
    return sorted(_parts(plan.later))


def _parts(changes: Iterable[LaterChange]) -> Iterable[list[str]]:
    for change in changes:
        what = [change.day.isoformat(), change.kind.value, change.before or "", change.after or "", change.why]
        yield from ([*what, slot.address] for slot in change.slots)
        if change.kind is HandoverKind.WAIVER:
            yield [*what, ""]


def _caseload_row(row: LaterCaseload) -> Row:
    return {"staff": row.handle, "before": row.before, "after": row.after, "target": row.target, "max": row.maximum}


def _read_caseload(row: Row) -> LaterCaseload:
    return LaterCaseload(row["staff"], row["before"], row["after"], row["target"], row["max"])
