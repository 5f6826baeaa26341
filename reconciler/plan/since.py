"""Difference between two plans: what a newer plan does that an older one did not, and the reverse."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from reconciler.model.plan import Change, Finding, Plan
from reconciler.model.structs import Struct


class PlanDifference(Struct, frozen=True):
    """Changes between two plans, in the order of the newer one.

    `added` and `removed` are changes of slots that only one plan has; `altered` are pairs, the older first. The same
    for findings of policies, by their words.
    """

    older: Plan
    newer: Plan
    added: tuple[Change, ...] = ()
    removed: tuple[Change, ...] = ()
    altered: tuple[tuple[Change, Change], ...] = ()
    new_findings: tuple[Finding, ...] = ()
    gone_findings: tuple[Finding, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if both plans do the same."""
        return not (self.added or self.removed or self.altered or self.new_findings or self.gone_findings)


def difference(older: Plan, newer: Plan) -> PlanDifference:
    """Compare two plans slot by slot; slots that neither plan changes are left out."""
    before, after = _by_address(older), _by_address(newer)
    facts = ({address: _facts(change) for address, change in plan.items()} for plan in (before, after))
    changed = _affected(*facts)
    then, now = ({_identity(finding): finding for finding in plan.findings} for plan in (older, newer))
    return PlanDifference(
        older,
        newer,
        added=tuple(change for key, change in after.items() if key not in before),
        removed=tuple(change for key, change in before.items() if key not in after),
        altered=tuple((before[key], after[key]) for key in after if key in before and key in changed),
        new_findings=tuple(finding for key, finding in now.items() if key not in then),
        gone_findings=tuple(finding for key, finding in then.items() if key not in now),
    )


def _by_address(plan: Plan) -> dict[str, Change]:
    return {change.address: change for change in plan.differing if _differs(change)}


def _differs(change: Change) -> bool:
    return change.action != "no-op" or bool(change.blocked or change.held)


def _facts(change: Change) -> Mapping[str, object]:
    """Return what a reviewer approves of a change; a line that moved is not one."""
    return {
        "action": change.action,
        "before": change.before,
        "after": change.after,
        "blocked": change.blocked,
        "held": change.held,
    }


def _affected(before: Mapping[str, object], after: Mapping[str, object]) -> Sequence[str]:
    """Return the addresses whose facts differ."""
    from deepdiff import DeepDiff  # takes 118 ms to import

    return list(DeepDiff(before, after, threshold_to_diff_deeper=0).affected_root_keys)


def _identity(finding: Finding) -> Hashable:
    return finding.policy, finding.level, finding.what, finding.waived
