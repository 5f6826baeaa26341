"""Manual steps across runs: since when each is open, and when a reading or a person closed it."""

from __future__ import annotations

from reconciler.model.plan import Change, ManualRemoval, Plan
from reconciler.model.slots import SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.drift import endings, step_ending
from reconciler.runtime.open_issues import issues_of, observe_issues
from reconciler.store import Observation, OpenIssue, Store


def note_steps(store: Store, plan: Plan, *, whole: bool) -> None:
    """Store the steps that an apply or a drift run found open, and close those that are done.

    A plan alone is not stored, because it may never be approved. `whole`: the plan has every slot that the files
    declare in its scope, and keeps what no file asks for, so a step that it does not have is done; a saved plan may be
    one that reverts a run.
    """
    seen = {(step.learner, step.slot): Observation(step.holder, _remembered(step)) for step in plan.manual}
    if whole and plan.kept:
        kept = {(step.learner, step.slot) for step in plan.kept}
        issues = (issue for issue in issues_of(store, plan.by_site(), "step") if issue.place in kept)
        seen |= {issue.place: Observation(issue.holder, issue.due) for issue in issues}

    def words(step: OpenIssue, change: Change | None) -> str:
        return step_ending(step, change) if change or whole else ""

    observe_issues(store, plan, "step", seen, endings(plan, words))


def _remembered(step: ManualRemoval) -> UserId | None:
    """Return the holder known only from the record, for single-holder slots: only a person can close such a step."""
    return step.holder if step.unseen and step.slot.kind is not SlotKind.ADDITIONAL else None


def dated(plan: Plan, store: Store) -> Plan:
    """Return the plan with the age of each step that earlier runs have stored."""
    if not plan.manual:
        return plan
    issues = issues_of(store, plan.by_site(), "step")
    since = {(issue.learner, issue.slot, issue.holder): issue.first_seen for issue in issues}
    steps = (replace(step, first_seen=since.get((step.learner, step.slot, step.holder))) for step in plan.manual)
    return replace(plan, manual=tuple(steps))
