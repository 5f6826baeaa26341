"""Storing of what a complete reading found as declared: from then on, another holder is drift."""

from __future__ import annotations

from datetime import datetime

from reconciler.model.plan import Plan, Watch
from reconciler.plan.watch import noted
from reconciler.store import Store


def note_sightings(store: Store, plan: Plan, began: tuple[int, datetime]) -> Watch:
    """Store the slots that the plan's reading found as declared, and return what is watched then.

    Nobody needs to have approved the files: corrections are bounded by what was approved, not by what was seen.
    Learners to whom a run has written since the session `began` are left out, because the reading may be older.
    """
    places = set()
    for site, rows in plan.as_declared().items():
        written = store.written_since(began, site, run=0)
        current = [row for row in rows if row[0] not in written]
        store.see(site, current)
        places |= {(user, slot) for user, slot, _ in current}
    return noted(plan.watch, places)
