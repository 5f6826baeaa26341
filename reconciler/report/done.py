"""Report of done: the steps that were closed or reopened, as text and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.model.operations import holder_json
from reconciler.report.common.escape import visible
from reconciler.report.common.words import holder_words, learner_words, slot_words

if TYPE_CHECKING:
    from reconciler.commands.done import Closed, ClosedStep

_OUTCOMES = {"absent": "recorded as removed", "present": "recorded as assigned", "open again": "open again"}


def render_text(closed: Closed) -> str:
    """Render each step on one line, and how to take it back."""
    lines = [f"{_line(step, closed)}" for step in closed.steps]
    if undone := [step.id for step in closed.steps if step.outcome == "absent"]:
        shown = " ".join(undone) if len(undone) < 4 else "STEP"
        lines.append(f"To take it back: reconciler done --undo {shown} --by NAME")
    return "".join(f"{visible(line)}\n" for line in lines)


def _line(step: ClosedStep, closed: Closed) -> str:
    who, slot = learner_words(step.learner, step.label), slot_words(step.slot, closed.names)
    outcome = _OUTCOMES.get(step.outcome, step.outcome)
    return f"{step.id}  {who}: {slot}: {holder_words(step.staff, closed.names)} {outcome}, reported by {closed.by}"


def render_json(closed: Closed) -> str:
    """Render the same for programs."""
    document = {
        "run": closed.run,
        "by": closed.by,
        "steps": [
            {
                "id": step.id,
                "address": step.slot.address(step.learner),
                "label": step.label,
                "staff_id": holder_json(step.staff),
                "outcome": step.outcome,
            }
            for step in closed.steps
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
