"""A reading as a JSON document, so that any plan can be made again without a call: ids only, no names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

from reconciler.model import (
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Declared,
    DeclaredLearner,
    Holder,
    Observed,
    ObservedLearner,
    ObservedStaff,
    OrganisationId,
    Slot,
    SlotKind,
    Standing,
    Unread,
    UserId,
)
from reconciler.observed.within import layer
from reconciler.problems import Invalid, Problem, Source, in_order

FORMAT = "1.0"
_AGAIN = "Read OneFile again: leave --observed away, or save a new reading with --save-observed."


def to_document(observed: Observed, target: str, organisation: OrganisationId) -> dict[str, Any]:
    """Learners and staff by id; a slot's holder is an id, null for nobody, or the word for why it is not known."""
    return {
        "observed_format": FORMAT,
        "taken_at": observed.taken_at.astimezone(UTC).isoformat(),
        "target": target,
        "organisation": organisation,
        "calls": observed.calls,
        "learners": [_learner(learner) for _, learner in sorted(observed.learners.items())],
        "misids": [[misid, user] for misid, user in sorted(observed.misids.items())],
        "staff": [
            [organisation, one.id, one.standing, one.placement]
            for (organisation, _), one in sorted(observed.staff.items())
        ],
        "problems": [
            [problem.what, problem.fix, problem.source and list(problem.source)] for problem in observed.problems
        ],
    }


def _learner(learner: ObservedLearner) -> list[Any]:
    slots = sorted(learner.slots.items(), key=lambda item: item[0].order())
    return [
        learner.id,
        learner.standing,
        learner.placement,
        [[slot.kind.value, slot.key, held.value if isinstance(held, Unread) else held] for slot, held in slots],
    ]


def from_document(document: Any, target: str, organisation: OrganisationId) -> Observed:
    """The reading of a document. Raises Invalid where it is none, or is of another target or organisation."""
    if not isinstance(document, dict) or document.get("observed_format") != FORMAT:
        raise Invalid(Problem(f"is not a saved reading of format {FORMAT}", _AGAIN))
    for name, here in (("target", target), ("organisation", organisation)):
        if document.get(name) != here:
            raise Invalid(Problem(f"was read from {name} {document.get(name)}, and the {name} here is {here}", _AGAIN))
    try:
        return Observed(
            taken_at=datetime.fromisoformat(document["taken_at"]),
            learners={UserId(row[0]): _read_learner(*row) for row in document["learners"]},
            misids={str(misid): UserId(user) for misid, user in document["misids"]},
            staff={
                (OrganisationId(where), UserId(user)): ObservedStaff(UserId(user), standing, placement)
                for where, user, standing, placement in document["staff"]
            },
            calls=int(document["calls"]),
            problems=tuple(
                Problem(what, fix, Source(*source) if source else None) for what, fix, source in document["problems"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(Problem(f"is a damaged reading ({type(error).__name__}: {error})", _AGAIN)) from error


def _read_learner(user: int, standing: Any, placement: int | None, slots: list[Any]) -> ObservedLearner:
    if standing not in get_args(Standing):
        raise ValueError(f"{standing!r} is no standing")
    held = {Slot(SlotKind(kind), key): _read_holder(holder) for kind, key, holder in slots}
    return ObservedLearner(UserId(user), standing, placement, held)


def _read_holder(holder: Any) -> Holder:
    return Unread(holder) if isinstance(holder, str) else None if holder is None else UserId(int(holder))


def fitted(observed: Observed, declared: Declared) -> Observed:
    """The reading, for a declaration that may ask for more than was declared when it was taken.

    A slot of a layer that was read for a learner is known not to be held. Raises Invalid for learners, staff
    and layers that the reading never looked at: not read is not empty.
    """
    learners = dict(observed.learners)
    problems: list[Problem] = []
    for learner in declared.learners:
        user = learner.id if learner.id is not None else observed.misids.get(learner.misid or "")
        seen = observed.learners.get(user) if user is not None else None
        if seen is None:
            if learner.id is not None or not any(problem.source == learner.source for problem in observed.problems):
                problems.append(Problem(f"the saved reading has no {learner.name()}", _AGAIN, learner.source))
        elif seen.standing == "active":
            learners[seen.id] = _with_absent(seen, learner)
            problems += _unseen(seen, learner)
    problems += _unseen_staff(observed, declared)
    if problems:
        raise Invalid(in_order(problems))
    return replace(observed, learners=learners)


def _with_absent(seen: ObservedLearner, learner: DeclaredLearner) -> ObservedLearner:
    read = {kind for slot in seen.slots for kind in layer(slot.kind)}
    absent = {
        slot: Unread.NOT_HELD
        for slot in learner.slots
        if slot not in seen.slots and slot.kind in read & (LEARNING_AIM_KINDS | UNIT_KINDS)
    }
    return replace(seen, slots={**seen.slots, **absent})


def _unseen(seen: ObservedLearner, learner: DeclaredLearner) -> Iterator[Problem]:
    read = {kind for slot in seen.slots for kind in layer(slot.kind)} | {SlotKind.ADDITIONAL}
    for kind in sorted({slot.kind for slot in learner.slots} - read):
        what = f"the saved reading did not look at the {kind.value.replace('_', ' ')} of {learner.name()}"
        yield Problem(what, _AGAIN, learner.source)


def _unseen_staff(observed: Observed, declared: Declared) -> Iterator[Problem]:
    members = declared.staff_by_id()
    needed = {
        (learner.organisation, want.staff)
        for learner in declared.learners
        for want in learner.slots.values()
        if want.staff is not None
    }
    for organisation, staff in sorted(needed - observed.staff.keys()):
        member = members[staff]
        what = f"the saved reading did not look for {member.handle} in organisation {organisation}"
        yield Problem(what, _AGAIN, member.source)
