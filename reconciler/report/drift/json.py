"""A drift report as JSON for pipelines: one row a slot, with who, since which run and since when."""

from __future__ import annotations

import json

from reconciler.model.history import LastApplied, OpenIssue
from reconciler.model.operations import holder_json, time_json
from reconciler.model.plan import Change, ManualRemoval
from reconciler.model.slots import Holder, UserId
from reconciler.plan.document import FORMAT, Document
from reconciler.plan.drift import Drifted, DriftReport, fight_id, place_of
from reconciler.report.outcome.json import outcome_json, problem_json


def render_drift(report: DriftReport, *, exit_code: int) -> str:
    """`drift` has every drifted slot, corrected ones with verdict `corrected`; the other lists what differs besides."""
    return json.dumps(to_document(report, exit_code), indent=1, ensure_ascii=False) + "\n"


def to_document(report: DriftReport, exit_code: int) -> Document:
    plan = report.plan
    return {
        "reconciler_format": FORMAT,
        "report": "drift",
        "target": plan.target,
        "organisation": plan.organisation,
        "day": plan.day.isoformat(),
        "read_at": time_json(report.taken_at),
        "exit_code": exit_code,
        **({"base": plan.base} if plan.base else {}),
        "approved_commit": report.approved or None,
        "not_approved_because": report.unapproved or None,
        "drift_unknown_because": report.unrecorded or None,
        "scope": {"learners": len({change.learner for change in plan.changes}), "left_unread": plan.left_out},
        "summary": {
            "drift": len(report.left()),
            "unseen": len(report.unseen),
            "corrected": len(report.corrected()),
            "ignored": report.ignored,
            "due": len(report.due),
            "pending": len(report.pending),
            "unknown": len(report.unknown),
            "manual_steps": len(plan.manual),
            "fights": len(report.fights),
            "unmanaged": sum(report.unmanaged.values()),
            "corrections_in_7_days": report.recent_corrections,
            "calls": report.spent_calls,
        },
        "drift": [_drifted(one, report) for one in report.drift],
        "due": [_change(one, report) for one in report.due],
        "pending": [_change(one, report) for one in report.pending],
        "unknown": [_change(one, report) for one in report.unknown],
        "fights": [_fight(one, report) for one in report.fights],
        "manual_steps": [_step(one, report) for one in plan.manual],
        "unmanaged": {kind.value: count for kind, count in report.unmanaged.items()},
        "ended": [_ended(one, report) for one in report.ended],
        "run": report.run,
        "outcomes": [outcome_json(one) for one in report.outcomes],
        "problems": [problem_json(one) for one in (*report.problems, *plan.problems)],
    }


def _drifted(one: Drifted, report: DriftReport) -> Document:
    corrected = place_of(one.change) in report.corrected()
    return {
        **_place(one.change),
        "holds": _holder(one.change.before, report),
        "applied": _holder(one.change.after, report),
        "last_applied": _run(one.last),
        "verdict": "corrected" if corrected else one.verdict.value,
        "why": one.change.blocked,
        "first_seen": time_json(one.first_seen),
        "age_seconds": max(0, int((report.now - one.first_seen).total_seconds())),
        "corrected_from": time_json(one.corrected_from),
        "corrections_in_7_days": one.corrections,
        "source": {"file": one.change.source.file, "line": one.change.source.line},
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


def _ended(episode: OpenIssue, report: DriftReport) -> Document:
    return {
        "address": episode.slot.address(episode.learner),
        "learner_id": episode.learner,
        "held": _holder(episode.holder, report),
        "first_seen": time_json(episode.first_seen),
        "last_seen": time_json(episode.last_seen),
        "ended": time_json(episode.ended),
        "how": episode.ending,
    }


def _run(last: LastApplied | None) -> Document | None:
    if last is None:
        return None
    row = {"run": last.run, "command": last.command, "at": time_json(last.at), "who": last.who}
    return {**row, "staff_id": last.staff}


def _holder(holder: Holder, report: DriftReport) -> Document:
    who: UserId | None = holder if isinstance(holder, int) else None
    known = report.plan.handles.get(who) if who is not None else None
    return {"staff_id": holder_json(holder), "staff": known}
