"""Steps for people, across runs: open since when, and over once a reading shows it or a person says so."""

from __future__ import annotations

from dataclasses import replace

from reconciler.drift import endings, step_ending
from reconciler.operations import Plan
from reconciler.store import Sighting, Store


def note_steps(store: Store, plan: Plan) -> None:
    """What an apply or a drift run found open, and what is over since. A plan alone is not noted: what it asks for
    may never be agreed."""
    seen = {(step.learner, step.slot): Sighting(step.holder, None) for step in plan.manual}
    store.see(plan.target, plan.organisation, "step", seen, endings(plan, step_ending))


def dated(plan: Plan, store: Store) -> Plan:
    """The plan with each step's age, as far as runs before it have noted one."""
    if not plan.manual:
        return plan
    since = {
        (one.learner, one.slot, one.holder): one.first_seen
        for one in store.episodes(plan.target, plan.organisation, "step")
    }
    steps = (replace(step, first_seen=since.get((step.learner, step.slot, step.holder))) for step in plan.manual)
    return replace(plan, manual=tuple(steps))
