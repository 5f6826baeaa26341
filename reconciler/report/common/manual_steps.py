"""Manual steps: changes that only a person can make in OneFile, and how they are closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.plan import ManualRemoval, Plan
from reconciler.model.structs import Struct
from reconciler.report.common.words import age_words, learner_words, removal_words

TITLE = "Manual removals needed: the API cannot remove people"
TITLE_AFTER_APPLY = "Manual removals still needed: the API cannot remove people"
_DONE = "reconciler done STEP --by NAME"


class ManualStep(Struct, frozen=True):
    """A manual step in words.

    `page` is the place in OneFile, `how` the way there, `since` its age and its owner. `unseen`: OneFile does not
    show the slot, so only a person can close the step.
    """

    id: str
    who: str
    what: str
    page: str
    how: str = ""
    since: str = ""
    unseen: bool = True


def manual_steps(plan: Plan) -> tuple[ManualStep, ...]:
    """Return the plan's manual steps in words, in the plan's order."""
    return tuple(_step(removal, plan) for removal in plan.manual)


def _step(removal: ManualRemoval, plan: Plan) -> ManualStep:
    who = learner_words(removal.learner, removal.label, plan.names)
    what = removal_words(removal.slot, removal.holder, plan.handles)
    age = f"open for {age_words(plan.created_at - removal.first_seen)}" if removal.first_seen else ""
    since = ", ".join(words for words in (age, removal.owner) if words)
    return ManualStep(removal.id, who, what, removal.page, removal.clicks, since, removal.unseen)


def ways_to_close(steps: Sequence[ManualStep]) -> Iterator[tuple[str, str]]:
    """Yield each way in which the steps are closed: the command, empty if none is needed, and words after it."""
    unseen = sum(step.unseen for step in steps)
    seen = len(steps) - unseen
    if unseen:
        yield _DONE, ", for what OneFile does not show" if seen else ""
    if seen:
        which = "the others" if unseen else "this step" if seen == 1 else "these steps"
        yield "", f"the next apply or drift closes {which}, as soon as it reads the slot empty"
