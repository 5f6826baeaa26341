"""The holders of slots as rows for JSON and CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.model.operations import holder_json, time_json
from reconciler.report.common.words import holder_words, slot_words
from reconciler.report.history.csv import render_csv as csv_of

if TYPE_CHECKING:
    from reconciler.commands.who import HeldSlot, Holders

COLUMNS = (
    "learner_id",
    "label",
    "cohort",
    "address",
    "slot",
    "declared",
    "declared_staff",
    "in_name",
    "file",
    "line",
    "recorded",
    "recorded_staff",
    "since",
    "run",
    "who",
    "proof",
)


def render_json(holders: Holders) -> str:
    """Render each slot for programs."""
    document = {
        "name": holders.name,
        "day": holders.day.isoformat(),
        "staff": holders.staff.handle if holders.staff else None,
        "slots": [_row(slot, holders) for slot in holders.slots],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_csv(holders: Holders) -> str:
    """Render each slot for a spreadsheet."""
    return csv_of([_row(slot, holders) for slot in holders.slots], COLUMNS)


def _row(slot: HeldSlot, holders: Holders) -> dict[str, Any]:
    wanted, recorded = slot.wanted, slot.recorded
    row = {
        "learner_id": slot.learner,
        "label": slot.label,
        "cohort": slot.cohort,
        "address": slot.slot.address(slot.learner) if slot.learner else None,
        "slot": slot_words(slot.slot, holders.names),
        "declared": wanted.staff if wanted else None,
        "declared_staff": holder_words(wanted.staff, holders.names) if wanted else None,
        "in_name": ", ".join(slot.in_names) or None,
        "file": wanted.source.file if wanted else None,
        "line": wanted.source.line if wanted else None,
        "recorded": recorded.staff if recorded else None,
        "recorded_staff": holder_words(recorded.staff, holders.names) if recorded else None,
        "since": time_json(recorded.at) if recorded else None,
        "run": recorded.run if recorded else None,
        "who": recorded.by if recorded else None,
        "proof": recorded.proof if recorded else None,
    }
    if holders.read:
        row["onefile"] = holder_json(slot.onefile)
        row["onefile_staff"] = holder_words(slot.onefile, holders.names)
    return row
