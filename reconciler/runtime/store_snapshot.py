"""Contents of the store that a plan depends on, read for one site; and the cohorts that an apply manages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from reconciler.model.operations import Move, State
from reconciler.model.plan import Plan
from reconciler.model.slots import Place, Site, UserId
from reconciler.plan.complete import StoreSnapshot, managed_cohorts, vanishable_cohorts
from reconciler.plan.identity import recorded_after
from reconciler.runtime.options import Options
from reconciler.store import JournalRow, Store


def snapshot(options: Options, store: Store, site: Site, learners: Collection[UserId]) -> StoreSnapshot:
    """Read what a plan for these learners depends on."""
    sent, recorded = _sent(store, site), store.recorded(site, learners)
    cohorts = missable_cohorts(options, store, site)
    steps, identities = store.issues(site, "step"), store.identities(site)
    return StoreSnapshot(recorded, _places(sent, store, site), tuple(sent), cohorts, steps, identities)


def missable_cohorts(options: Options, store: Store, site: Site) -> frozenset[str]:
    """Return the cohorts whose absence a plan of this scope must report."""
    return vanishable_cohorts(
        applied_cohorts(store, site), options.cohorts if options.cohorts or options.learners else None
    )


def unsettled(store: Store, site: Site) -> frozenset[Place]:
    """Return the slots whose last write may or may not have happened: only a reading or a person can settle it."""
    return _places(_sent(store, site), store, site)


def applied_cohorts(store: Store, site: Site) -> frozenset[str]:
    """Return the cohorts that earlier applies managed: one that is gone from the files since has vanished."""
    return store.cohorts(site)


def remember_cohorts(store: Store, plan: Plan, declared: frozenset[str]) -> None:
    """Store which cohorts are managed after an apply."""
    before = applied_cohorts(store, plan.site)
    after = managed_cohorts(before, plan, declared)
    if after != before:
        store.set_cohorts(plan.site, after)


def remember_identities(store: Store, plan: Plan, *, accepted: bool) -> None:
    """Store which account has which MISID; an account that was recorded before is replaced if that is `accepted`."""
    before = store.identities(plan.site)
    seen = {digest: user for digest, user in plan.identities.items() if accepted or digest not in before}
    after = recorded_after(before, seen, plan.moved)
    if after != before:
        store.set_identities(plan.site, after)


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
    """Store the time of a complete reading, and return that of the one before.

    A reading of a part of the files is not complete.
    """
    before = store.last_reading(plan.site)
    if not plan.left_out and (before is None or before < at):
        store.set_last_reading(plan.site, at)
    return before


def _places(sent: list[JournalRow], store: Store, site: Site) -> frozenset[Place]:
    return frozenset(place for row in (*sent, *store.unknown(site)) for place in row.places)


def _sent(store: Store, site: Site) -> list[JournalRow]:
    """Operations without an outcome, also of the run that holds the lock: it may be dead before its lease lapses."""
    holder = store.holder(site)
    living = store.journal(holder.run) if holder and holder.run is not None else ()
    sent = {State.SENT} if store.keeps_each_send else {State.SENT, State.INTENT}
    return [row for row in (*store.open_operations(site), *living) if row.state in sent]
