"""Report of share-out for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.report.edits import edits_json
from reconciler.report.plan.handover import as_json
from reconciler.report.problems.json import problem_json
from reconciler.report.share_out.rows import hand_overs_of, names_of, reason_words

if TYPE_CHECKING:
    from reconciler.commands.share_out import Assignment, SharedOut
    from reconciler.sharing.obstacles import Obstacle


def render_json(result: SharedOut) -> str:
    """Render all of it."""
    request = result.request
    document = {
        "leavers": request.leavers,
        "to": request.to,
        "rebalance": request.rebalance,
        "day": result.day.isoformat(),
        "read": result.read,
        "written": result.written,
        "unplaced": result.unplaced,
        "proven": result.shared.is_proven,
        "caseloads": [
            {
                "staff": load.handle,
                "before": load.before,
                "after": load.after,
                "target": load.target,
                "max": load.maximum,
                "hours": load.hours,
                "leaves": load.leaves,
            }
            for load in result.loads
        ],
        "learners": [_learner(move) for move in result.assignments],
        "obstacles": [_obstacle(obstacle, result) for obstacle in result.obstacles],
        "edits": edits_json(result.edits),
        "plan": result.planned.document if result.planned else None,
        "handover": [as_json(row, names_of(result)) for row in hand_overs_of(result)],
        "problems": [problem_json(problem) for problem in result.notes],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _learner(move: Assignment) -> dict[str, object]:
    return {
        "learner": move.learner.key,
        "label": move.learner.label,
        "cohort": move.learner.cohort,
        "side": move.side,
        "from": list(move.slots),
        "to": move.heir,
        "slots": [
            {"type": slot.kind.value, "key": slot.key, "from": giver}
            for giver, slots in move.slots.items()
            for slot in slots
        ],
        "reasons": [{"code": reason.why, "words": reason_words(reason)} for reason in move.reasons],
    }


def _obstacle(obstacle: Obstacle, result: SharedOut) -> dict[str, object]:
    tasks = result.problem.tasks
    return {
        "rules": obstacle.rules,
        "placed": obstacle.placed,
        "missing": obstacle.missing,
        "breaches": [
            {"learner": tasks[breach.task].learner, "to": breach.heir, "rule": breach.rule}
            for breach in obstacle.breaches
        ],
    }
