"""Report of replace: edits, plan and handover list, as text, Markdown and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.model.names import Names
from reconciler.report.common.truncate import COMMENT_LIMIT, SMALLEST_LIMIT, size
from reconciler.report.edits import EditedSlot, edits_json, render_edits
from reconciler.report.plan import markdown, text
from reconciler.report.plan.handover import HandOver, as_json, hand_overs, render_handover
from reconciler.report.problems.json import problem_json
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.replace import Replaced


def render_text(replaced: Replaced, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render the edits, the plan and the handover list."""
    head = _head(replaced, COMMENT_LIMIT, markdown=False)
    hands = render_handover(_hand_overs(replaced), _names(replaced), "text", colour=colour, width=width)
    if not (planned := replaced.planned):
        return f"{head}\n{hands}"
    plan = text.render_text(planned.plan, fingerprint=planned.fingerprint, colour=colour, width=width, verbose=verbose)
    return f"{head}\n{plan}\n{hands}"


def render_markdown(replaced: Replaced, *, limit: int = COMMENT_LIMIT, verbose: bool = False) -> str:
    """Render the same as Markdown of at most `limit` bytes."""
    share = limit // 4
    head = _head(replaced, share, markdown=True)
    hands = render_handover(_hand_overs(replaced), _names(replaced), "markdown", limit=share)
    if not (planned := replaced.planned):
        return f"{head}\n{hands}"
    left = limit - size(f"{head}\n\n{hands}")
    if left < SMALLEST_LIMIT:
        return f"{head}\nThe plan has no room here: see `reconciler plan`.\n\n{hands}"
    plan = markdown.render_markdown(planned.plan, fingerprint=planned.fingerprint, limit=left, verbose=verbose)
    return f"{head}\n{plan}\n{hands}"


def render_json(replaced: Replaced) -> str:
    """Render all of it for programs."""
    request = replaced.request
    document = {
        "who": request.who,
        "by": request.by,
        "day": replaced.day.isoformat(),
        "cover": request.cover,
        "written": replaced.written,
        "edits": edits_json(replaced.edits),
        "slots": [
            {"cohort": place.cohort, "learner": place.learner, "type": place.slot.value, "key": place.key}
            for place in replaced.taken
        ],
        "plan": replaced.planned.document if replaced.planned else None,
        "handover": [as_json(row, _names(replaced)) for row in _hand_overs(replaced)],
        "problems": [problem_json(problem) for problem in replaced.notes],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _names(replaced: Replaced) -> Names:
    return Names(replaced.handles, replaced.planned.plan.titles if replaced.planned else {})


def _head(replaced: Replaced, limit: int, *, markdown: bool) -> str:
    places = [EditedSlot(taken.cohort, taken.learner, taken.slot.value) for taken in replaced.taken]
    return render_edits(
        _title(replaced), places, replaced.edits, written=replaced.written, markdown=markdown, limit=limit
    )


def _title(replaced: Replaced) -> str:
    """Return what was done, or would be, without a full stop."""
    request, written = replaced.request, replaced.written
    who, by = request.who, request.by
    if request.cover:
        end = f" until {request.end}" if request.end else ", without an end"
        return f"{by} {'covers' if written else 'would cover'} {who} from {replaced.day}{end}"
    when = f" from {request.start}" if request.start else ""
    verb = "is" if written else "would be"
    return f"{who} {verb} replaced by {by}{when} in {number_of(len(replaced.taken), 'place')}"


def _hand_overs(replaced: Replaced) -> list[HandOver]:
    return hand_overs(replaced.handed, replaced.successors)
