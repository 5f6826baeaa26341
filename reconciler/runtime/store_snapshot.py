"""Contents of the store that a plan depends on, each from its learner's organisation; and the cohorts of an apply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TypeVar

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.history import AppliedCohort, Sighting
from reconciler.model.observed import misid_digest
from reconciler.model.operations import Move, State
from reconciler.model.plan import Plan
from reconciler.model.slots import NO_HOLDERS, HoldersByUser, LearnerSlots, Place, Site, UserId
from reconciler.plan.complete import StoreSnapshot, managed_cohorts, vanishable_cohorts
from reconciler.plan.identity import recorded_after
from reconciler.runtime.open_issues import issues_of
from reconciler.runtime.options import Options
from reconciler.store import JournalRow, Store

Sites = Mapping[Site, Collection[UserId]]
"""The organisations that a command touches, each with its learners."""
_Value = TypeVar("_Value")
_JUST_PLANNED = "just_planned"


def snapshot(
    options: Options, store: Store, site: Site, sites: Sites, wanted: HoldersByUser = NO_HOLDERS
) -> StoreSnapshot:
    """Read what a plan for these learners depends on; *site* is that of the settings.

    A learner whose record is as `wanted` shares these values.
    """
    sent = [row for place in sites for row in _sent(store, place)]
    cohorts = missable_cohorts(options, store, site)
    learners = {user for users in sites.values() for user in users}
    steps = (step for step in issues_of(store, sites, "step") if step.learner in learners or not step.foreign)
    settled, identities = _places(sent, store, sites), identities_at(store, site, sites)
    recorded, seen = recorded_at(store, sites, wanted), seen_at(store, sites)
    return StoreSnapshot(recorded, settled, tuple(sent), cohorts, tuple(steps), identities, seen)


def recorded_at(store: Store, sites: Sites, wanted: HoldersByUser = NO_HOLDERS) -> LearnerSlots[UserId | None]:
    """Return the last applied holder of each recorded slot."""
    return _at_all(store.recorded(site, learners, wanted) for site, learners in sites.items())


def seen_at(store: Store, sites: Sites) -> LearnerSlots[tuple[Sighting, ...]]:
    """Return the holders who were seen in each slot as declared since it was last applied."""
    return _at_all(store.seen(site, learners) for site, learners in sites.items())


def _at_all(sites: Iterable[LearnerSlots[_Value]]) -> LearnerSlots[_Value]:
    return reduce(LearnerSlots.updated, sites, LearnerSlots[_Value]({}))


def identities_at(store: Store, site: Site, sites: Collection[Site]) -> dict[str, UserId]:
    """Return the recorded accounts by the digest of their MISID, of the settings' *site* and the other *sites*.

    Older versions recorded all of them at the settings' site, so what another site has is newer.
    """
    others = [other for other in sites if other != site]
    return {digest: user for place in (site, *others) for digest, user in store.identities(place).items()}


def missable_cohorts(options: Options, store: Store, site: Site) -> Mapping[str, AppliedCohort]:
    """Return the cohorts whose absence a plan of this scope must report."""
    return vanishable_cohorts(store.cohorts(site), options.cohorts if options.cohorts or options.learners else None)


def unsettled(store: Store, sites: Collection[Site]) -> frozenset[Place]:
    """Return the slots whose last write may or may not have happened: only a reading or a person can settle it."""
    return _places([row for site in sites for row in _sent(store, site)], store, sites)


def remember_cohorts(store: Store, plan: Plan, declared: Declared) -> None:
    """Store which cohorts are managed after an apply, and their learners."""
    before = store.cohorts(plan.site)
    after = managed_cohorts(before, plan, declared)
    if after != before:
        store.set_cohorts(plan.site, after)


def remember_identities(store: Store, plan: Plan, *, accepted: bool) -> None:
    """Store which account has which MISID; an account that was recorded before is replaced if that is `accepted`."""
    known = identities_at(store, plan.site, plan.by_site())
    for organisation, accounts in plan.identities.items():
        seen = {digest: user for digest, user in accounts.items() if accepted or digest not in known}
        _set_identities(store, Site(plan.target, organisation), seen, plan.moved)


def written_by(store: Store, run: int, site: Site) -> dict[Place, Move]:
    """Return what a run of this site wrote or may have written, by slot; nothing if there is no such run."""
    row = store.run(run)
    if row is None or Site(row.target, row.organisation) != site:
        return {}
    return {
        (row.operation.learner, slot): move
        for row in store.journal(run)
        if row.took_effect or row.may_show_late
        for slot, move in row.operation.moves
    }


def note_reading(store: Store, plan: Plan, at: datetime) -> datetime | None:
    """Store when each learner was read, and the time of a complete reading for each organisation that was read.

    Return that of the complete one before. A reading of a part of the files is not complete.
    """
    learners = {change.learner for change in plan.of_each_learner if not change.blocked}
    for site, users in plan.by_site().items():
        if here := learners & users:
            store.set_readings(site, {**store.readings(site), **dict.fromkeys(here, at)})
    before = last_reading(store, plan)
    if not plan.left_out:
        for site in plan.by_site():
            read = store.last_reading(site)
            if read is None or read < at:
                store.set_last_reading(site, at)
    return before


def last_reading(store: Store, plan: Plan) -> datetime | None:
    """Return since when all the plan's learners were read by a complete reading: the oldest of their organisations."""
    times = [store.last_reading(site) for site, learners in plan.by_site().items() if learners]
    known = [time for time in times if time is not None]
    return min(known) if times and len(known) == len(times) else None


def note_planned(store: Store, declared: Declared, target: str, account: str) -> None:
    """Store that a plan has just read these few learners, for an apply that follows at once."""
    if store.keeps_sessions:  # on a branch each plan would be a push
        users = sorted(learner.id for learner in declared.learners if learner.id is not None)
        site = Site(target, declared.settings.organisation)
        store.set_capabilities(site, account, {_JUST_PLANNED: " ".join(map(str, users))})


def just_planned(store: Store, site: Site, account: str, within: timedelta) -> frozenset[UserId]:
    """Return the learners whom the latest plan of a few has read, if that is so recent."""
    users, at = store.capabilities(site, account).get(_JUST_PLANNED, ("", datetime.min.replace(tzinfo=UTC)))
    is_recent = timedelta() <= store.now() - at < within
    return frozenset(UserId(int(user)) for user in users.split() if user.isdecimal()) if is_recent else frozenset()


def remember_planned(store: Store, plan: Plan, by_misid: Mapping[UserId, DeclaredLearner]) -> None:
    """Store the accounts that a saved plan has for MISIDs that no run has recorded, for later plans."""
    known = identities_at(store, plan.site, plan.by_site())
    planned: dict[Site, dict[str, UserId]] = {}
    for user, learner in by_misid.items():
        digest = misid_digest(learner.organisation, learner.misid or "")
        if digest not in known:
            planned.setdefault(Site(plan.target, learner.organisation), {})[digest] = user
    for site, accounts in planned.items():
        _set_identities(store, site, accounts)


def _set_identities(store: Store, site: Site, seen: Mapping[str, UserId], moved: Collection[UserId] = ()) -> None:
    before = store.identities(site)
    after = recorded_after(before, seen, moved)
    if after != before:
        store.set_identities(site, after)


def _places(sent: Collection[JournalRow], store: Store, sites: Collection[Site]) -> frozenset[Place]:
    unknown = (row for site in sites for row in store.unknown(site))
    return frozenset(place for row in (*sent, *unknown) for place in row.places)


def _sent(store: Store, site: Site) -> list[JournalRow]:
    """Operations without an outcome, also of the run that holds the lock: it may be dead before its lease lapses."""
    holder = store.holder(site)
    living = store.journal(holder.run) if holder and holder.run is not None else ()
    sent = {State.SENT} if store.keeps_each_send else {State.SENT, State.INTENT}
    return [row for row in (*store.open_operations(site), *living) if row.state in sent]
