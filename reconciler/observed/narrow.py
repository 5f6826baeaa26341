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
    settings, learners = declared.settings, {}
    employers = set[tuple[OrganisationId, Holder]]()
    held = defaultdict[OrganisationId, list[Iterable[Holder]]](list)
    staff_judged, placements_judged = (
        settings.level(policy) != "off" for policy in ("staff_active", "employer_placement")
    )
    asks_for_employers = settings.asks_for_employers
    for learner in declared.learners:
        wanted, organisation, user = learner.holders, learner.organisation, learner.user(observed.misids)
        held[organisation].append(wanted.column)
        if user is None or (seen := observed.learners.get(user)) is None:
            continue
        slots = SlotValues.of(seen.slots)
        learners[seen.id] = _narrowed(seen, slots, wanted, asks_for_employers)
        if seen.standing == "active":
            if (place := wanted.slots.employer) is not None:
                employers.add((organisation, wanted.column[place]))
            if staff_judged:
                held[organisation].append(_held(slots, wanted))
    concerned = _pairs(held)
    sources = {learner.source for learner in declared.learners} if observed.problems else set()
    by_id = {learner.id for learner in declared.learners} if observed.identities else set()
    misids = {learner.misid for learner in (*declared.learners, *declared.everyone)} if observed.misids else set()
    return replace(
        observed,
        learners={user: learners[user] for user in sorted(learners)},
        misids={misid: user for misid, user in observed.misids.items() if misid in misids},
        staff={
            account: member
            if member.placement is None or (account in employers and placements_judged)
            else replace(member, placement=None)
            for account, member in observed.staff.items()
            if account in concerned
        },
        names={user: name for user, name in observed.names.items() if user in learners},
        problems=tuple(problem for problem in observed.problems if problem.source in sources),
        identities={digest: user for digest, user in observed.identities.items() if user in by_id},
        shared=tuple(shared for shared in observed.shared if shared.ids() & {user for _, user in concerned}),
    )


def _held(slots: SlotValues[Holder], wanted: SlotValues[UserId | None]) -> Iterable[Holder]:
    """Return what is in each declared slot."""
    return slots.column if slots.slots == wanted.slots else map(slots.get, wanted.slots)


def _narrowed(
    seen: ObservedLearner, slots: SlotValues[Holder], wanted: SlotValues[UserId | None], employers: bool
) -> ObservedLearner:
    """Keep every slot of the requested layers, which one call shows together; `employers`: also every employer."""
    placement = None if wanted.slots.employer is None else seen.placement
    if slots.slots == wanted.slots:  # most learners
        return seen if placement == seen.placement else replace(seen, placement=placement)
    layers = {kind for slot in wanted for kind in layer(slot.kind)} | ({DEFAULT_EMPLOYER.kind} if employers else set())
    asked_for = {
        slot: holder
        for slot, holder in slots.items()
        if slot in wanted
        or (slot.kind in layers and slot.kind is not SlotKind.ADDITIONAL and holder is not Unread.NOT_HELD)
    }
    return replace(seen, slots=SlotValues.of(asked_for), placement=placement)


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
