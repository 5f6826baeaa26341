"""Facts that canaries taught about a server, kept in the store between runs, each with its age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

from reconciler.model.operations import Outcome, State, moves
from reconciler.model.plan import Plan
from reconciler.model.slots import Site, SlotKind
from reconciler.problems import StoreError
from reconciler.store import Store

PROOF_COUNTS_FOR = timedelta(hours=1)
MODIFIED_COUNTS_FOR = timedelta(days=30)
"""Age of the fact whether a write moves LastModified, after which it is not relied on."""


def proven_lately(store: Store, account: str, plan: Plan) -> frozenset[SlotKind]:
    """Return the kinds that a canary proved within the last hour, in every organisation that the plan writes to."""
    sites = _sites(plan)
    fresh = [_fresh(store, site, account, PROOF_COUNTS_FOR) for site in {sites[op.learner] for op in plan.operations}]
    return frozenset(kind for kind in SlotKind if fresh and all(_proven(kind) in facts for facts in fresh))


def note_proven(
    store: Store, account: str, plan: Plan, outcomes: Iterable[Outcome], lately: Collection[SlotKind]
) -> None:
    """Store the kinds that this run's canaries proved, and forget those of which a write failed.

    A write without a canary does not renew a proof: it was read back alone, without what else it may have moved.
    """
    sites = _sites(plan)
    changed: dict[Site, dict[str, str | None]] = defaultdict(dict)
    for outcome in outcomes:
        kinds = {slot.kind for slot, _ in moves(outcome.operation)}
        facts = changed[sites[outcome.operation.learner]]
        if outcome.state is State.DONE and outcome.proof == "read_back":
            for kind in kinds.difference(lately):
                facts.setdefault(_proven(kind), "read_back")
        elif outcome.state in (State.FAILED, State.UNKNOWN):
            facts |= dict.fromkeys(map(_proven, kinds))
    _store(store, account, changed)


def note_modified(store: Store, account: str, plan: Plan, modified_moves: Mapping[SlotKind, bool]) -> None:
    """Store whether writes of these kinds moved the learner's LastModified."""
    facts = {_modified(kind): "yes" if moved else "no" for kind, moved in sorted(modified_moves.items())}
    _store(store, account, dict.fromkeys({_sites(plan)[operation.learner] for operation in plan.operations}, facts))


def shows_changes(store: Store, account: str, sites: Collection[Site], kinds: Collection[SlotKind]) -> bool:
    """Return whether LastModified shows which learners changed: a write of each of these kinds moved it."""
    every = [_fresh(store, site, account, MODIFIED_COUNTS_FOR) for site in sites]
    return bool(kinds) and all(facts.get(_modified(kind)) == "yes" for facts in every for kind in kinds)


def _store(store: Store, account: str, changed: Mapping[Site, Mapping[str, str | None]]) -> None:
    with suppress(StoreError):  # a fact that is not kept costs calls, and no more
        for site, facts in changed.items():
            if facts:
                store.set_capabilities(site, account, facts)


def _fresh(store: Store, site: Site, account: str, age: timedelta) -> dict[str, str]:
    now, facts = store.now(), store.capabilities(site, account)
    return {name: value for name, (value, at) in facts.items() if timedelta() <= now - at < age}


def _sites(plan: Plan) -> dict[int, Site]:
    """Return the site of each learner."""
    return {change.learner: Site(plan.target, change.organisation) for change in plan.of_each_learner}


def _proven(kind: SlotKind) -> str:
    return f"proven:{kind.value}"


def _modified(kind: SlotKind) -> str:
    return f"moves_modified:{kind.value}"
