"""A store on a branch, begun anew: the record and what is open go along, old runs do not, and the old branch stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind
from reconciler.problems import StoreError
from reconciler.store import Observation, Store
from reconciler.store.git.address import parse
from reconciler.store.git.compact import compact
from reconciler.store.git.store import GitStore
from tests.store.branches import git_url, tip
from tests.store.parts import JAMES, KATE, LEARNER, HandClock, acquire, aim, begin

SITE = Site("sandbox", 5740)
DAY = 86_400.0


def on(folder: Path, clock: HandClock, branch: str) -> GitStore:
    address = parse(git_url(folder, f"cache-{branch}"))._replace(branch=branch)
    store = Store.open(address.url(), clock=clock, patience=1)
    assert isinstance(store, GitStore)
    return store


def a_run(store: Store, slot: Slot | None, state: State = State.DONE) -> int:
    run = begin(store)
    store.plan_operations(run, [aim(run)])
    store.append(run, aim(run).id, state)
    if slot:
        store.record(SITE, [(LEARNER, slot, KATE)], run=run)
    store.end_run(run, exit_code=7, summary={})
    return run


def test_what_is_needed_goes_along_and_the_rest_does_not(tmp_path: Path, clock: HandClock) -> None:
    """What the record says, what nobody knows yet, what is open, and the last days."""
    old, slot = on(tmp_path, clock, "onefile-record"), Slot(SlotKind.DEFAULT_ASSESSOR)
    recorded = a_run(old, slot)
    a_run(old, None)  # nothing depends on it
    unknown = a_run(old, None, State.UNKNOWN)
    old.observe_issues(SITE, "step", {(LEARNER, slot): Observation(JAMES, KATE)}, lambda _: "")
    clock.forward(100 * DAY)
    recent = a_run(old, None)
    before = tip(tmp_path)
    new = on(tmp_path, clock, "next")
    assert compact(old, new, clock.now().replace(hour=0)) == (3, 4)
    assert tip(tmp_path) == before
    with on(tmp_path, clock, "next") as kept:
        assert sorted(run.id for run in kept.runs()) == [recorded, unknown, recent]
        assert kept.recorded(SITE) == old.recorded(SITE)
        assert [row.run for row in kept.unknown(SITE)] == [unknown]
        assert [issue.place for issue in kept.issues(SITE, "step")] == [(LEARNER, slot)]
        assert begin(kept) == recent + 1
        acquire(kept)
    for store in (old, new):
        store.close()


def test_a_branch_that_exists_and_a_run_at_work_are_refused(tmp_path: Path, clock: HandClock) -> None:
    """Nothing is pushed then."""
    with on(tmp_path, clock, "onefile-record") as old, on(tmp_path, clock, "next") as new:
        acquire(old, run=a_run(old, None))
        with pytest.raises(StoreError, match="a run holds a lock"):
            compact(old, new, clock.now())
        begin(new)
        with on(tmp_path, clock, "next") as again, pytest.raises(StoreError, match="exists already"):
            compact(old, again, clock.now())
