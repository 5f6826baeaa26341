"""A drift report as JSON for pipelines: one row per slot, with holders, run and times."""

from __future__ import annotations

import json

from reconciler.model.history import LastApplied, OpenIssue
from reconciler.model.operations import holder_json, time_json
from reconciler.model.plan import Change, Finding, ManualRemoval
from reconciler.model.slots import Holder, UserId
from reconciler.plan.document import FORMAT, Document
from reconciler.plan.document_rows import roll_row
from reconciler.plan.drift import Drifted, DriftReport, fight_id, place_of
from reconciler.report.drift.causes import cause_json
from reconciler.report.drift.due import due_json
from reconciler.report.outcome.json import outcome_json
from reconciler.report.problems.json import problem_json


def render_json(report: DriftReport, *, exit_code: int) -> str:
    """Render every drifted slot in `drift`, corrected ones with verdict `corrected`; the other lists are no drift."""
    return json.dumps(to_document(report, exit_code), indent=1, ensure_ascii=False) + "\n"


def to_document(report: DriftReport, exit_code: int) -> Document:
    """Return the report as a JSON document."""
    plan = report.plan
    return {
        "reconciler_format": FORMAT,
        "report": "drift",
        "target": plan.target,
        "organisation": plan.organisation,
        "day": plan.day.isoformat(),
        "read_at": time_json(report.taken_at),
        "read_before": time_json(report.read_before) if report.read_before else None,
        "exit_code": exit_code,
        **({"base": plan.base} if plan.base else {}),
        "approved_commit": report.approved or None,
        "not_approved_because": report.unapproved or None,
        "drift_unknown_because": report.unrecorded or None,
        "scope": {"learners": len(plan.learners), "left_unread": plan.left_out},
        **_readings(report),
        "summary": {
            "drift": len(report.left()),
            "unseen": len(report.unseen),
            "corrected": len(report.corrected()),
            "ignored": report.ignored,
            "due": len(report.due),
            "pending": len(report.pending),
            "unknown": len(report.unknown),
            "manual_steps": len(plan.steps),
            "fights": len(report.fights),
            "staff_findings": len(report.staff_findings()),
            "causes": len(report.causes),
            "unmanaged": sum(report.unmanaged.values()),
            "corrections_in_7_days": report.recent_corrections,
            "calls": report.spent_calls,
        },
        "watch": {
            **report.watch.counts(),
            "unwatched_slots": [change.address for change in report.watch.unwatched],
            "unseen_slots": [change.address for change in report.watch.unseen],
            "blind_slots": [change.address for change in report.watch.blind],
        },
        "drift": [_drifted(drifted, report) for drifted in report.drift],
        "due": [_change(change, report) for change in report.due],
        "pending": [_change(change, report) for change in report.pending],
        "unknown": [_change(change, report) for change in report.unknown],
        "fights": [_fight(fight, report) for fight in report.fights],
        "manual_steps": [_step(step, report) for step in plan.steps],
        "unmanaged": {kind.value: count for kind, count in report.unmanaged.items()},
        "ended": [_ended(issue, report) for issue in report.ended],
        "run": report.run,
        "outcomes": [outcome_json(outcome) for outcome in report.outcomes],
        **due_json(report),
        **({"learners": roll_row(plan.roll)} if plan.roll else {}),
        "staff_findings": [_finding(finding) for finding in report.staff_findings()],
        "causes": [cause_json(cause, report) for cause in report.causes],
        "problems": [problem_json(problem) for problem in (*report.problems, *plan.problems)],
    }


def _drifted(drifted: Drifted, report: DriftReport) -> Document:
    corrected = place_of(drifted.change) in report.corrected()
    return {
        **_place(drifted.change),
        "holds": _holder(drifted.change.before, report),
        "applied": _holder(drifted.change.after, report),
        "last_applied": _run(drifted.last),
        "seen_as_declared": time_json(drifted.sighted) if drifted.sighted else None,
        "verdict": "corrected" if corrected else drifted.verdict.value,
        "why": drifted.change.blocked,
        "first_seen": time_json(drifted.first_seen),
        "age_seconds": max(0, int((report.now - drifted.first_seen).total_seconds())),
        "corrected_from": time_json(drifted.corrected_from),
        "corrections_in_7_days": drifted.corrections,
        **({"cause": cause.kind.value} if (cause := report.cause_of(drifted)) else {}),
        **({"writer": drifted.change.writer} if drifted.change.writer else {}),
        "source": {"file": drifted.change.source.file, "line": drifted.change.source.line},
    }


def _change(change: Change, report: DriftReport) -> Document:
    return {
        **_place(change),
        "action": change.action,
        "reason": change.reason,
        "holds": _holder(change.before, report),
        "declared": _holder(change.after, report),
        "onefile_moved_since": _run(report.moved_too(change)),
        "why": change.blocked,
        "source": {"file": change.source.file, "line": change.source.line},
    }


def _place(change: Change) -> Document:
    return {
        "address": change.address,
        "type": change.slot.kind.value,
        "learner_id": change.learner,
        "label": change.label,
        "cohort": change.cohort,
        **({"pending": True} if change.pending else {}),
    }


def _fight(fight: OpenIssue, report: DriftReport) -> Document:
    return {
        "step": fight_id(*fight.place),
        "address": fight.slot.address(fight.learner),
        "learner_id": fight.learner,
        "declared": _holder(fight.due, report),
        "first_seen": time_json(fight.first_seen),
    }


def _step(step: ManualRemoval, report: DriftReport) -> Document:
    return {
        "id": step.id,
        "address": step.slot.address(step.learner),
        "learner_id": step.learner,
        "label": step.label,
        "cohort": step.cohort,
        "holder": _holder(step.holder, report),
        "page": step.page,
        "clicks": step.clicks,
        "owner": step.owner,
        "first_seen": time_json(step.first_seen),
    }


def _readings(report: DriftReport) -> Document:
    """Return how old the reading of each learner is, if this run has read a part of them."""
    coverage = report.coverage
    if coverage is None or not coverage.is_part:
        return {}
    return {
        "readings": {
            "read": coverage.read,
            "declared": coverage.declared,
            "within_days": coverage.days,
            "follows_changes": coverage.follows_changes,
            "oldest": time_json(coverage.oldest) if coverage.oldest else None,
            "watched_before": coverage.watched_before,
            "learners": {str(user): time_json(at) for user, at in sorted(coverage.read_at.items())},
        }
    }


def _finding(finding: Finding) -> Document:
    source = {"file": finding.source.file, "line": finding.source.line} if finding.source else None
    return {
        "policy": finding.policy,
        "level": finding.level,
        "what": finding.what,
        "fix": finding.fix,
        "staff": finding.staff,
        "source": source,
    }


def _ended(issue: OpenIssue, report: DriftReport) -> Document:
    return {
        "address": issue.slot.address(issue.learner),
        "learner_id": issue.learner,
        "held": _holder(issue.holder, report),
        "first_seen": time_json(issue.first_seen),
        "last_seen": time_json(issue.last_seen),
        "ended": time_json(issue.ended),
        "how": issue.ending,
    }


def _run(last: LastApplied | None) -> Document | None:
    if last is None:
        return None
    row = {"run": last.run, "command": last.command, "at": time_json(last.at), "who": last.who}
    return {**row, "staff_id": last.staff}


def _holder(holder: Holder, report: DriftReport) -> Document:
    staff: UserId | None = holder if isinstance(holder, int) else None
    handle = report.plan.handles.get(staff) if staff is not None else None
    return {"staff_id": holder_json(holder), "staff": handle}
