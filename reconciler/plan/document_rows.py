"""Rows of a plan's JSON document, each written and read back side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.model.operations import TIME_FORMAT, Operation, addresses, operation_id, time_json
from reconciler.model.plan import CaseloadRow, Change, Departed, Finding, Holding, ManualRemoval, Roll, Summary
from reconciler.model.slots import Handle, Holder, OrganisationId, Place, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import asdict
from reconciler.onefile.wire import write_request
from reconciler.problems import Problem, Source

Row = dict[str, Any]
Handles = Mapping[UserId, Handle]


# ------------------------------------------------------------------ slots


def change_row(change: Change, handles: Handles) -> Row:
    row: Row = {
        "address": change.address,
        "mode": "managed",
        "type": change.slot.kind.value,
        "name": str(change.learner),
        "learner_id": change.learner,
        "label": change.label,
        "cohort": change.cohort,
        "organisation": change.organisation,
        "reason": change.reason,
        "source": source_row(change.source),
        "change": {
            "actions": [change.action],
            "before": _holder_row(change.before, handles),
            "after": _holder_row(change.after, handles),
        },
    }
    if isinstance(change.before, Unread):
        row["before_unread"] = change.before.value
    if change.recorded:
        row["recorded"] = True
    if change.blocked:
        row["blocked"] = change.blocked
    if change.held:
        row["held"] = change.held
    if change.writer:
        row["writer"] = change.writer
    if change.pending:
        row["pending"] = True
    return row


def read_change(row: Row) -> Change:
    learner, slot = _place(row)
    return Change(
        learner=learner,
        slot=slot,
        label=row["label"],
        cohort=row["cohort"],
        organisation=OrganisationId(row["organisation"]),
        action=row["change"]["actions"][0],
        reason=row["reason"],
        before=Unread(row["before_unread"]) if "before_unread" in row else _read_holder(row["change"]["before"]),
        after=_read_holder(row["change"]["after"]),
        source=read_source(row["source"]) or Source(""),
        recorded=row.get("recorded", False),
        blocked=row.get("blocked", ""),
        held=row.get("held", ""),
        writer=row.get("writer", ""),
        pending=row.get("pending", False),
    )


def planned_row(change: Change, handles: Handles) -> Row:
    """Return the row that tools for Terraform plans judge: the slot as it will be. It is not read back.

    A rule of such a tool sees the slot's type and these values; staff_id and staff are missing if nobody holds it.
    """
    leaves = change.action == "no-op"
    return {
        "address": change.address,
        "mode": "managed",
        "type": change.slot.kind.value,
        "name": str(change.learner),
        "provider_name": "onefile",
        "schema_version": 0,
        "values": {
            "learner_id": change.learner,
            "label": change.label,
            "cohort": change.cohort,
            **(_holder_row(change.before if leaves else change.after, handles) or {}),
        },
    }


def manual_row(step: ManualRemoval, handles: Handles) -> Row:
    return {
        "id": step.id,
        "address": step.slot.address(step.learner),
        "type": step.slot.kind.value,
        "learner_id": step.learner,
        "label": step.label,
        "cohort": step.cohort,
        "holder": _holder_row(step.holder, handles),
        "page": step.page,
        "clicks": step.clicks,
        "owner": step.owner,
        "unseen": step.unseen,
        "first_seen": time_json(step.first_seen),
        "source": source_row(step.source),
    }


def read_manual(row: Row) -> ManualRemoval:
    learner, slot = _place(row)
    return ManualRemoval(
        id=row["id"],
        learner=learner,
        slot=slot,
        holder=UserId(row["holder"]["staff_id"]),
        label=row["label"],
        cohort=row["cohort"],
        page=row["page"],
        source=read_source(row["source"]) or Source(""),
        clicks=row.get("clicks", ""),
        owner=row.get("owner", ""),
        unseen=row.get("unseen", slot.kind is SlotKind.ADDITIONAL),
        first_seen=read_time(seen) if (seen := row.get("first_seen")) else None,
    )


def read_time(text: str) -> datetime:
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


def _place(row: Row) -> Place:
    learner, slot = Slot.parse(SlotKind(row["type"]), row["address"])
    if learner != row["learner_id"]:
        raise ValueError(f"{row['address']} is not a slot of learner {row['learner_id']}")
    return learner, slot


def _holder_row(holder: Holder, handles: Handles) -> Row | None:
    if holder is None or isinstance(holder, Unread):
        return None
    return {"staff_id": holder, "staff": handles.get(holder)}


def _read_holder(row: Row | None) -> UserId | None:
    return UserId(row["staff_id"]) if row else None


# ------------------------------------------------------------------ operations


CALL = ("method", "path", "body")


def operation_row(operation: Operation) -> Row:
    """Write an operation with its request. It is only compared when it is read: operations follow from the changes."""
    request = write_request(operation)
    return {
        "id": operation_id(operation),
        "method": request.method,
        "path": request.path,
        "body": dict(request.body),
        "addresses": list(addresses(operation)),
    }


# ------------------------------------------------------------------ what reviewers weigh


def summary_row(summary: Summary) -> Row:
    counts = {name: count for name, count in asdict(summary).items() if count is not None}
    return counts | {"calls": {"read": counts.pop("read_calls"), "write": counts.pop("write_calls")}}


def read_summary(row: Row) -> Summary:
    counts = {name: count for name, count in row.items() if name != "calls"}
    return Summary(**counts, read_calls=row["calls"]["read"], write_calls=row["calls"]["write"])


def problem_row(problem: Problem) -> Row:
    return {
        "severity": problem.severity,
        "what": problem.what,
        "fix": problem.fix,
        "source": source_row(problem.source),
        "where": problem.where,
        **({"lines": list(problem.lines)} if problem.lines else {}),
        **({"who": problem.who} if problem.who else {}),
    }


def read_problem(row: Row) -> Problem:
    return Problem(
        row["what"],
        row["fix"],
        read_source(row["source"]),
        row["where"],
        row["severity"],
        tuple(row.get("lines", ())),
        row.get("who", ""),
    )


def roll_row(roll: Roll) -> Row:
    return {
        "undeclared": list(roll.undeclared),
        "departed": [
            {
                "learner_id": one.learner,
                "misid": one.misid or None,
                "label": one.label,
                "cohort": one.cohort,
                "why": one.why,
                "cohort_class": one.usual,
                "class": one.now,
            }
            for one in roll.departed
        ],
        "whole": roll.whole,
    }


def read_roll(row: Row) -> Roll:
    departed = (
        Departed(
            one["learner_id"],
            one["misid"] or "",
            one["label"],
            one["cohort"],
            one["why"],
            one["cohort_class"],
            one["class"],
        )
        for one in row["departed"]
    )
    return Roll(tuple(map(UserId, row["undeclared"])), tuple(departed), row["whole"])


def finding_row(finding: Finding) -> Row:
    return {
        "policy": finding.policy,
        "level": finding.level,
        "what": finding.what,
        "fix": finding.fix,
        "learner_id": finding.learner,
        "label": finding.label,
        "cohort": finding.cohort,
        "staff": finding.staff,
        "waived": finding.waived,
        "source": source_row(finding.source),
        **({"pending": True} if finding.pending else {}),
    }


def read_finding(row: Row) -> Finding:
    return Finding(
        policy=row["policy"],
        level=row["level"],
        what=row["what"],
        fix=row["fix"],
        learner=row["learner_id"],
        label=row["label"],
        cohort=row["cohort"],
        staff=row["staff"],
        waived=row["waived"],
        source=read_source(row["source"]),
        pending=row.get("pending", False),
    )


def caseload_row(row: CaseloadRow) -> Row:
    return {
        "staff": row.handle,
        "staff_id": row.staff,
        "before": asdict(row.before),
        "after": asdict(row.after),
        "target": row.target,
        "max": row.maximum,
    }


def read_caseload(row: Row) -> CaseloadRow:
    return CaseloadRow(
        Handle(row["staff"]),
        UserId(row["staff_id"]),
        Holding(**row["before"]),
        Holding(**row["after"]),
        row["target"],
        row["max"],
    )


def source_row(source: Source | None) -> Row | None:
    return {"file": source.file, "line": source.line} if source else None


def read_source(row: Row | None) -> Source | None:
    return Source(row["file"], row["line"]) if row else None
