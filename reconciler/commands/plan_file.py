"""Saved plans: read back only if they are unchanged."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.model.plan import Plan
from reconciler.plan.document import from_document, plan_faults
from reconciler.plan.since import PlanDifference, difference
from reconciler.problems import Invalid, Problem, Source
from reconciler.runtime.files import read_within

LARGEST = 1_000_000_000  # bytes; a plan of 100,000 learners with --full-rows has some 520 MB
_AGAIN = "Make the plan again with: reconciler plan --out FILE"


def load(path: Path) -> Plan:
    """Load the plan in `path`. Raises Invalid if it is not a plan, was altered, or is of another format."""
    source = Source(str(path))
    try:
        content = read_within(path, LARGEST)
    except OSError as error:
        fix = "Check the path, or make the plan with: reconciler plan --out FILE"
        raise Invalid(Problem(f"cannot be read: {error.strerror or error}", fix, source)) from error
    if content is None:
        raise Invalid(Problem("is larger than any plan", _AGAIN, source))
    return decode(content, source)


def decode(content: bytes, source: Source) -> Plan:
    """Read the plan of a file's content. Raises Invalid if it is not a plan, was altered, or is of another format."""

    def refused(number: str) -> None:
        """Refuse a number such as 1.0, which a schema accepts as a whole number and no plan holds."""
        raise Invalid(Problem(f"is not a plan: {number} is not a whole number", _AGAIN, source))

    try:
        document = json.loads(content, parse_float=refused, parse_constant=refused)
    except (ValueError, RecursionError) as error:
        raise Invalid(Problem("is not JSON, or is cut short", _AGAIN, source)) from error
    if faults := plan_faults(document):
        raise Invalid([Problem(f"is not a plan: {fault}", _AGAIN, source) for fault in faults])
    return from_document(document, source)


def since(older: Path, newer: Plan) -> PlanDifference:
    """Compare a plan with an older one that was saved."""
    return difference(load(older), newer)
