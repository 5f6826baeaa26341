"""Attribution: what a change of the files causes, apart from what the files of its base ask for anyway."""

from __future__ import annotations

from reconciler.model.plan import Change, Finding, Plan, with_differing
from reconciler.model.structs import replace
from reconciler.problems import Problem, in_order


def attributed(plan: Plan, base: Plan | None, commit: str) -> Plan:
    """Mark the rows of `plan` as pending that the plan of the files at `commit` has as well.

    Both are made from one reading. Rows are those that a report shows: changes, slots set aside, drift that is only
    reported; two are the same if slot, action and new holder are. Findings are the same if their words are, and if both
    block or neither does. Operations, and so the fingerprint, stay as they are. Without a base plan, because the files
    there are not valid, everything counts as caused by this change, and a warning says so.
    """
    if base is None:
        return replace(
            plan,
            base=commit,
            summary=replace(plan.summary, unneeded=0),
            problems=in_order([*plan.problems, _invalid_base(commit)]),
        )
    requests = {_request(change) for change in base.differing if _shows(change)}
    breaches = {_breach(finding) for finding in base.findings}
    shown = {(change.learner, change.slot) for change in plan.differing if _shows(change)}
    unneeded = sum(change.action != "no-op" and (change.learner, change.slot) not in shown for change in base.differing)
    return replace(
        plan,
        base=commit,
        changes=with_differing(
            plan.changes,
            lambda change: replace(change, pending=True) if _shows(change) and _request(change) in requests else change,
        ),
        findings=tuple(
            replace(finding, pending=True) if _breach(finding) in breaches else finding for finding in plan.findings
        ),
        summary=replace(plan.summary, unneeded=unneeded),
    )


def _shows(change: Change) -> bool:
    return change.action != "no-op" or bool(change.blocked) or bool(change.held)


def _request(change: Change) -> tuple[object, ...]:
    return (change.learner, change.slot, change.action, change.after, bool(change.blocked), change.held)


def _breach(finding: Finding) -> tuple[object, ...]:
    return (finding.policy, finding.learner, finding.cohort, finding.staff, finding.what, finding.blocks)


def _invalid_base(commit: str) -> Problem:
    what = f"the files at {commit[:12]} are not valid, so everything counts as caused by this change"
    return Problem(what, "Compare with a commit whose files are valid.", where="--base", severity="warning")
