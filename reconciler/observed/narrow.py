"""Narrow a reading to one declaration, as if it had been taken for that declaration alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reconciler.model.declared import Declared
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.slots import (
    DEFAULT_EMPLOYER,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrganisationId,
    SlotKind,
    SlotValues,
    Unread,
    UserId,
)
from reconciler.model.structs import replace


def narrow(observed: Observed, declared: Declared) -> Observed:
    """Leave out the learners, staff, layers and placements that the declaration does not ask for.

    One reading may serve two declarations, and neither plan may depend on what the other asked for.
    """
    learners, employers = {}, set()
    staff_judged = declared.settings.level("staff_active") != "off"
    held = defaultdict[OrganisationId, list[Iterable[Holder]]](list)
    for learner in declared.learners:
        user = learner.user(observed.misids)
        seen = observed.learners.get(user) if user is not None else None
        if seen is not None:
            wanted = learner.holders
            learners[seen.id] = _narrowed(seen, wanted, declared.settings.asks_for_employers)
            if seen.standing == "active":
                employers.add((learner.organisation, wanted.get(DEFAULT_EMPLOYER)))
                if staff_judged:
                    held[learner.organisation].append(_held(seen, wanted))
    concerned = accounts(declared) | _pairs(held)
    judged = declared.settings.level("employer_placement") != "off"
    sources = {learner.source for learner in declared.learners} if observed.problems else set()
    by_id = {learner.id for learner in declared.learners} if observed.identities else set()
    misids = {learner.misid for learner in (*declared.learners, *declared.everyone)} if observed.misids else set()
    return replace(
        observed,
        learners=dict(sorted(learners.items())),
        misids={misid: user for misid, user in observed.misids.items() if misid in misids},
        staff={
            account: member if account in employers and judged else replace(member, placement=None)
            for account, member in observed.staff.items()
            if account in concerned
        },
        names={user: name for user, name in observed.names.items() if user in learners},
        problems=tuple(problem for problem in observed.problems if problem.source in sources),
        identities={digest: user for digest, user in observed.identities.items() if user in by_id},
        shared=tuple(shared for shared in observed.shared if shared.ids() & {user for _, user in concerned}),
    )


def _held(seen: ObservedLearner, wanted: SlotValues[UserId | None]) -> Iterable[Holder]:
    """Return what is in each declared slot."""
    slots = SlotValues.of(seen.slots)
    return slots.column if slots.slots == wanted.slots else map(slots.get, wanted.slots)


def _narrowed(seen: ObservedLearner, wanted: SlotValues[UserId | None], employers: bool) -> ObservedLearner:
    """Keep every slot of the requested layers, which one call shows together; `employers`: also every employer."""
    placement = seen.placement if DEFAULT_EMPLOYER in wanted else None
    if SlotValues.of(seen.slots).slots == wanted.slots:  # most learners
        return seen if placement == seen.placement else replace(seen, placement=placement)
    layers = {kind for slot in wanted for kind in layer(slot.kind)} | ({DEFAULT_EMPLOYER.kind} if employers else set())
    slots = {
        slot: holder
        for slot, holder in seen.slots.items()
        if slot in wanted
        or (slot.kind in layers and slot.kind is not SlotKind.ADDITIONAL and holder is not Unread.NOT_HELD)
    }
    return replace(seen, slots=SlotValues.of(slots), placement=placement)


def accounts(declared: Declared) -> set[tuple[OrganisationId, UserId]]:
    """Return every account that should hold a slot, with the organisation of the learner."""
    wanted = defaultdict[OrganisationId, list[Iterable[Holder]]](list)
    for learner in declared.learners:
        wanted[learner.organisation].append(learner.holders.column)
    return _pairs(wanted)


def _pairs(held: Mapping[OrganisationId, Sequence[Iterable[Holder]]]) -> set[tuple[OrganisationId, UserId]]:
    """Return the accounts among the holders of many learners, each with the organisation."""
    at_once = {organisation: set[Holder]().union(*columns) for organisation, columns in held.items()}
    return {(at, user) for at, users in at_once.items() for user in users if isinstance(user, int)}


def layer(kind: SlotKind) -> frozenset[SlotKind]:
    """Return the kinds of slot that one search shows: both of a learning aim, both of a unit, or the kind alone."""
    for together in (LEARNING_AIM_KINDS, UNIT_KINDS):
        if kind in together:
            return together
    return frozenset({kind})
