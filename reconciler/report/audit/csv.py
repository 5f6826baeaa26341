"""An audit as CSV for a spreadsheet: one line per finding and learner."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.audit import Audit
from reconciler.report.history import csv as history_csv
from reconciler.report.history.rows import Row

COLUMNS = ("policy", "level", "learner_id", "label", "what", "fix")


def render_csv(audit: Audit) -> str:
    """Render every finding for each of its learners; one about no learner has empty cells there."""
    return history_csv.render_csv(list(_rows(audit)), COLUMNS)


def _rows(audit: Audit) -> Iterator[Row]:
    for finding in audit.findings:
        for learner in finding.learners or ("",):
            label = audit.labels.get(learner, "") if isinstance(learner, int) else ""
            cells = (finding.policy, finding.level, learner, label, finding.what, finding.fix)
            yield dict(zip(COLUMNS, cells, strict=True))
