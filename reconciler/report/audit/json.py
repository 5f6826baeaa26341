"""An audit as JSON: every finding with all learners whom it concerns."""

from __future__ import annotations

import json

from reconciler.model.audit import Audit, AuditFinding
from reconciler.model.operations import time_json
from reconciler.model.structs import asdict
from reconciler.plan.document import FORMAT, Document


def render_json(audit: Audit) -> str:
    """Render one document; ids, handles and labels only."""
    return json.dumps(to_document(audit), indent=1, ensure_ascii=False) + "\n"


def to_document(audit: Audit) -> Document:
    """Return the audit as a JSON document (schemas/audit.schema.json)."""
    return {
        "reconciler_format": FORMAT,
        "report": "audit",
        "target": audit.target,
        "organisation": audit.organisation,
        "read_at": time_json(audit.taken_at),
        "calls": audit.calls,
        "learners": audit.learners,
        "learners_concerned": len(audit.concerned),
        "slots": audit.slots,
        "staff": {role.value: count for role, count in sorted(audit.staff.items())},
        "unseen": {kind.value: count for kind, count in audit.unseen.items()},
        "checked": list(audit.checked),
        "findings": [_finding(finding, audit) for finding in audit.findings],
        "caseload": [
            {"staff": row.handle, "staff_id": row.staff, **asdict(row.after), "target": row.target, "max": row.maximum}
            for row in audit.caseload
        ],
    }


def _finding(finding: AuditFinding, audit: Audit) -> Document:
    return {
        "policy": finding.policy,
        "level": finding.level,
        "what": finding.what,
        "fix": finding.fix,
        "learners": [{"learner_id": user, "label": audit.labels.get(user, "")} for user in finding.learners],
        "staff": [{"staff_id": user, "staff": audit.handles.get(user)} for user in finding.staff],
    }
