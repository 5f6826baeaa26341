"""The outcomes of an apply as JSON for pipelines; the plan's own JSON is in plan/document.py."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.model.operations import Outcome, addresses, holder_json, moves, time_json
from reconciler.model.plan import NO_WATCH, Plan, Watch
from reconciler.plan.document import FORMAT, Document
from reconciler.problems import Problem
from reconciler.report.problems.json import problem_json

if TYPE_CHECKING:
    from reconciler.commands.apply_run import ApplyResult


def render_json(
    plan: Plan,
    outcomes: Sequence[Outcome],
    *,
    fingerprint: str,
    run: int | None,
    spent_calls: int,
    exit_code: int,
    problems: Sequence[Problem] = (),
    watch: Watch = NO_WATCH,
) -> str:
    """Render one row per operation in plan order; *problems* ended the run early, and *watch* is after it."""
    document: Document = {
        "reconciler_format": FORMAT,
        "run": run,
        "target": plan.target,
        "organisation": plan.organisation,
        "fingerprint": fingerprint,
        "commit": plan.made_from.commit or None,
        "uncommitted_changes": plan.made_from.uncommitted,
        "exit_code": exit_code,
        "summary": dict(sorted(Counter(outcome.state.value for outcome in outcomes).items())),
        "watch": None if watch is NO_WATCH else watch.counts(),
        "calls": spent_calls,
        "outcomes": [outcome_json(outcome) for outcome in outcomes],
        "manual_steps": [
            {
                "id": step.id,
                "address": step.slot.address(step.learner),
                "holder": step.holder,
                "page": step.page,
                "clicks": step.clicks,
                "owner": step.owner,
                "first_seen": time_json(step.first_seen),
            }
            for step in plan.steps
        ],
        "waived": [
            {"policy": finding.policy, "what": finding.what, "waived": finding.waived}
            for finding in plan.findings
            if finding.waived
        ],
        "problems": [problem_json(problem) for problem in (*problems, *plan.problems)],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_applied(applied: ApplyResult) -> str:
    """Render what an apply did, or that it did not begin."""
    return render_json(
        applied.planned.plan,
        applied.outcomes,
        fingerprint=applied.planned.fingerprint,
        run=applied.run,
        spent_calls=applied.spent_calls,
        exit_code=applied.exit_code,
        problems=applied.error.problems if applied.error else (),
        watch=applied.watch,
    )


def outcome_json(outcome: Outcome) -> Document:
    """Return one outcome for JSON."""
    operation = outcome.operation
    return {
        "id": outcome.id,
        "learner_id": operation.learner,
        "addresses": list(addresses(operation)),
        "before": [holder_json(move.before) for _, move in moves(operation)],
        "after": [move.after for _, move in moves(operation)],
        "state": outcome.state.value,
        "detail": outcome.detail,
        "proof": outcome.proof,
    }
