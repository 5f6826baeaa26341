"""Manual steps: changes that only a person can make in OneFile, and how they are closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.plan import ManualRemoval, Plan
from reconciler.model.structs import Struct
from reconciler.report.common.grouping import group_by, learners_words
from reconciler.report.common.words import age_words, learner_words, plan_names, removal_words

TITLE = "Manual removals needed: the API cannot remove people"
TITLE_AFTER_APPLY = "Manual removals still needed: the API cannot remove people"
MANY_STEPS = 100
"""Number of steps with one instruction that are listed; the others are counted."""
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

    @property
    def name(self) -> str:
        """The step's id, with its age and owner."""
        return f"step {self.id}, {self.since}" if self.since else f"step {self.id}"


class Task(Struct, frozen=True):
    """Manual steps with the same instruction."""

    steps: tuple[ManualStep, ...]

    @property
    def who(self) -> str:
        """The learner, or how many there are."""
        return learners_words(step.who for step in self.steps)

    @property
    def what(self) -> str:
        """The instruction in brief."""
        return self.steps[0].what

    @property
    def page(self) -> str:
        """The place in OneFile."""
        return self.steps[0].page

    @property
    def how(self) -> str:
        """The way there."""
        return self.steps[0].how

    @property
    def shown(self) -> tuple[ManualStep, ...]:
        """The steps that are listed."""
        return self.steps[:MANY_STEPS]

    @property
    def left(self) -> int:
        """The number of steps that are only counted."""
        return len(self.steps) - len(self.shown)


def tasks_of(steps: Sequence[ManualStep]) -> tuple[Task, ...]:
    """Group the steps by instruction."""
    return tuple(Task(tuple(some)) for some in group_by(steps, lambda step: (step.what, step.page, step.how)))


def manual_steps(plan: Plan) -> tuple[ManualStep, ...]:
    """Return the plan's manual steps in words, in the plan's order."""
    return tuple(_step(removal, plan) for removal in plan.steps)


def _step(removal: ManualRemoval, plan: Plan) -> ManualStep:
    who = learner_words(removal.learner, removal.label, plan.names)
    what = removal_words(removal.slot, removal.holder, plan_names(plan))
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
