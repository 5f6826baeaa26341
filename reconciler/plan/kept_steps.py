"""Manual steps that earlier runs opened and that no file asks for now: they stay until somebody has done them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from reconciler.model.declared import Declared, Staff
from reconciler.model.history import OpenIssue
from reconciler.model.observed import Observed
from reconciler.model.operations import step_id
from reconciler.model.plan import Change, ManualRemoval, Plan, changes_of
from reconciler.model.slots import SlotKind, Unread, UserId
from reconciler.plan.operations import way_to_remove
from reconciler.problems import Source

EARLIER_RUN = Source("an earlier run")
"""The source of a step that no line of the files asks for."""


def kept_steps(
    plan: Plan, issues: Iterable[OpenIssue], declared: Declared, observed: Observed | None = None
) -> tuple[ManualRemoval, ...]:
    """Return the open steps in scope that the plan does not have and that the reading does not show as done."""
    issues = tuple(issues)
    if not issues:
        return ()
    places = {issue.place for issue in issues}
    planned = changes_of(plan.changes, {learner for learner, _ in places})
    rows = {place: change for change in planned if (place := (change.learner, change.slot)) in places}
    learners = plan.learners
    members, labels = declared.staff_by_id(), _labels(plan, declared)
    return tuple(
        _removal(issue, UserId(issue.holder), members, labels, declared.settings.step_owner, learners)
        for issue in issues
        if isinstance(issue.holder, int)
        and not _is_asked(rows.get(issue.place))
        and (not plan.left_out or issue.learner in learners)
        and not _is_done(issue, observed)
    )


def _is_asked(change: Change | None) -> bool:
    """Return whether the plan says what becomes of the slot: it asks for somebody, or for nobody."""
    return change is not None and not change.lapsed


def _is_done(issue: OpenIssue, observed: Observed | None) -> bool:
    """Return whether the reading shows somebody else in the slot, or nobody."""
    seen = observed.learners.get(issue.learner) if observed else None
    if seen is None or issue.slot.kind is SlotKind.ADDITIONAL:
        return False
    holder = seen.slots.get(issue.slot, Unread.UNREADABLE)
    return holder not in (issue.holder, Unread.UNREADABLE, Unread.AMBIGUOUS)


def _labels(plan: Plan, declared: Declared) -> dict[UserId, tuple[str, str]]:
    """Return the label and the cohort of each learner whom the files declare."""
    everyone = (*declared.everyone, *declared.learners)
    known = {learner.id: (learner.label, learner.cohort) for learner in everyone if learner.id is not None}
    return known | {change.learner: (change.label, change.cohort) for change in plan.of_each_learner}


def _removal(
    issue: OpenIssue,
    holder: UserId,
    members: Mapping[UserId, Staff],
    labels: Mapping[UserId, tuple[str, str]],
    owner: str,
    read: Collection[UserId],
) -> ManualRemoval:
    slot = issue.slot
    page, clicks = way_to_remove(slot.kind, members.get(holder))
    label, cohort = labels.get(issue.learner, ("", ""))
    return ManualRemoval(
        id=step_id(*issue.place),
        learner=issue.learner,
        slot=slot,
        holder=holder,
        label=label,
        cohort=cohort,
        page=page,
        source=EARLIER_RUN,
        clicks=clicks,
        owner=owner,
        first_seen=issue.first_seen,
        unseen=slot.kind is SlotKind.ADDITIONAL or issue.due is not None or issue.learner not in read,
    )
