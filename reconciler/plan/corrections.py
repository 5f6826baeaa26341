"""A plan of nothing but corrections: the same slots, and only the chosen ones written."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.model import Slot, UserId
from reconciler.operations import Change, Plan
from reconciler.plan.consequences import operations_for, summarise
from reconciler.values import replace


def only(plan: Plan, chosen: Collection[tuple[UserId, Slot]], calls_per_minute: int) -> Plan:
    """The plan with every other change left undone. All rows stay, so that limits take their shares of the same slots
    and policies see the same world. Nobody is taken off: steps for people are not part of it."""
    changes = tuple(
        change if (change.learner, change.slot) in chosen and change.action != "delete" else _at_rest(change)
        for change in plan.changes
    )
    operations = tuple(operations_for(changes))
    return replace(
        plan,
        changes=changes,
        operations=operations,
        manual=(),
        problems=(),
        findings=(),
        refusals=(),
        caseload=(),
        summary=summarise(changes, 0, len(operations), plan.summary.read_calls, calls_per_minute),
    )


def _at_rest(change: Change) -> Change:
    return replace(change, action="no-op", blocked="", held="")
