"""Steps for people, across runs: open since when, and over once a reading shows it or a person says so."""

from __future__ import annotations

from reconciler.model.plan import Change, ManualRemoval, Plan
from reconciler.model.slots import SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.drift import endings, step_ending
from reconciler.store import Observation, OpenIssue, Store


def note_steps(store: Store, plan: Plan, *, whole: bool) -> None:
    """What an apply or a drift run found open, and what is over since. A plan alone is not noted: what it asks for
    may never be agreed. `whole`: the plan has every slot that the files declare in its scope, so that a step which it
    does not speak of is over; a saved plan may be one that reverts a run."""
    seen = {(step.learner, step.slot): Observation(step.holder, _remembered(step)) for step in plan.manual}

    def words(step: OpenIssue, change: Change | None) -> str:
        return step_ending(step, change) if change or whole else ""

    store.observe_issues(plan.site, "step", seen, endings(plan, words))


def _remembered(step: ManualRemoval) -> UserId | None:
    """Whom only the record still knows there, in a slot of one: nobody else can say when such a step is done. That
    OneFile shows no additional people goes without saying."""
    return step.holder if step.unseen and step.slot.kind is not SlotKind.ADDITIONAL else None


def dated(plan: Plan, store: Store) -> Plan:
    """The plan with each step's age, as far as runs before it have noted one."""
    if not plan.manual:
        return plan
    since = {(one.learner, one.slot, one.holder): one.first_seen for one in store.issues(plan.site, "step")}
    steps = (replace(step, first_seen=since.get((step.learner, step.slot, step.holder))) for step in plan.manual)
    return replace(plan, manual=tuple(steps))
