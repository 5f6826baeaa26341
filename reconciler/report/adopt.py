"""Report of adopt: slots adopted, slots left, and edits, as text, Markdown and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.model.slots import NOBODY
from reconciler.report.common.truncate import COMMENT_LIMIT
from reconciler.report.common.words import learner_words, slot_words, watched_words
from reconciler.report.edits import Row, edits_json, render_edits, render_rows
from reconciler.report.problems.json import problem_json
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.adopt import Adopted, Adoption


def render_text(adoption: Adoption) -> str:
    """Render the adopted slots, then the edits of the files."""
    return _render(adoption, markdown=False, limit=COMMENT_LIMIT)


def render_markdown(adoption: Adoption, *, limit: int = COMMENT_LIMIT) -> str:
    """Render the same as Markdown of at most `limit` bytes."""
    return _render(adoption, markdown=True, limit=limit)


def _render(adoption: Adoption, *, markdown: bool, limit: int) -> str:
    rows = [_row(adopted) for adopted in adoption.adopted]
    words = watched_words(adoption.watch)
    watched = f" {words}." if words else ""
    if not rows and not adoption.left:
        return f"Nothing to adopt.{watched}\n"
    half = limit // 2
    head = render_edits(_title(adoption), [], adoption.edits, written=adoption.written, markdown=markdown, limit=half)
    return render_rows(rows, markdown=markdown, limit=half) + head if rows else head


def _title(adoption: Adoption) -> str:
    verb = "" if adoption.written else "would be "
    title = f"{number_of(len(adoption.adopted), 'slot')} {verb}adopted from OneFile"
    title += f", {number_of(len(adoption.left), 'slot')} left" if adoption.left else ""
    handles = ", ".join(member.handle for member in adoption.new_staff)
    title += f"; new in staff.yaml: {handles}" if handles else ""
    words = watched_words(adoption.watch)
    return f"{title}. {words}" if words else title


def _row(adopted: Adopted) -> Row:
    change = adopted.change
    return Row(
        change.cohort,
        learner_words(change.learner, change.label),
        slot_words(change.slot),
        adopted.was or NOBODY,
        adopted.now or NOBODY,
        adopted.shared,
    )


def render_json(adoption: Adoption) -> str:
    """Render all of it for programs."""
    document = {
        "exit_code": adoption.exit_code,
        "written": adoption.written,
        "watch": adoption.watch.counts(),
        "adopted": [
            {
                "address": adopted.change.address,
                "label": adopted.change.label,
                "cohort": adopted.change.cohort,
                "was": adopted.was,
                "now": adopted.now,
                "in_defaults": adopted.shared,
            }
            for adopted in adoption.adopted
        ],
        "new_staff": [
            {"handle": member.handle, "id": member.id, "role": member.role.value} for member in adoption.new_staff
        ],
        "edits": edits_json(adoption.edits),
        "problems": [problem_json(problem) for problem in (*adoption.left, *adoption.remarks)],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
