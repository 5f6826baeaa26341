"""The store on a branch: the same methods as over a database, with what must be on the branch before they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from reconciler.clock import Clock
from reconciler.model.history import Lease
from reconciler.model.slots import Site
from reconciler.ratelimit import LONGEST_CALL_SECONDS, WINDOW_SECONDS
from reconciler.store import Store
from reconciler.store.call_ledger import Ledger
from reconciler.store.database import Database, open_database
from reconciler.store.git.address import check_remote, parse, refused
from reconciler.store.git.database import GitDatabase
from reconciler.store.migrations import newest

P = ParamSpec("P")
R = TypeVar("R")


def _claimed(method: Callable[Concatenate[Store, P], R]) -> Callable[Concatenate[GitStore, P], R]:
    """Let a method return only when the branch has what it wrote, on top of what everybody else has pushed."""

    @wraps(method)
    def claimed(self: GitStore, /, *given: P.args, **named: P.kwargs) -> R:
        return self._database.claim(lambda: method(self, *given, **named))

    return claimed


class GitStore(Store):
    """The store on a branch of a git repository.

    Runs, intents, locks, ends and what people report are pushed before the method returns; other outcomes within
    `PUSH_SECONDS`, at `checkpoint`, and when the run ends.
    """

    _database: GitDatabase
    _calls: Database
    keeps_each_send = False

    @classmethod
    def open_branch(cls, url: str, *, clock: Clock, patience: float, make: bool, token: str) -> GitStore:
        """Fetch the branch, and rebuild the cache where it is not up to date. Raises StoreError or NoStore."""
        address = parse(url)
        if not address.is_resolved:
            raise refused(f"names the remote {address.remote!r}, which this repository does not have")
        check_remote(address.remote)
        database = GitDatabase(address, clock, patience, token)
        try:
            is_new = database.open(make=make)
        except BaseException:
            database.close()
            raise
        store = cls(database, is_new=is_new)
        store._calls = open_database(str(Path(address.cache) / "calls.db"), clock, patience)
        store._calls.prepare()
        return store

    def close(self) -> None:
        super().close()
        self._calls.close()

    def ledger(self, account: str, *, window: float = WINDOW_SECONDS, answer: float = LONGEST_CALL_SECONDS) -> Ledger:
        """Return the call ledger of this machine: a branch is too slow to count calls of several."""
        return Ledger(self._calls, account, window=window, answer=answer)

    plan_operations = _claimed(Store.plan_operations)
    resolve = _claimed(Store.resolve)
    break_lock = _claimed(Store.break_lock)
    observe_issues = _claimed(Store.observe_issues)
    claim_message = _claimed(Store.claim_message)
    claim_message = _claimed(Store.claim_message)

    def begin_run(self, **run: Any) -> int:
        """Begin a run; its number is its own once the branch has it."""
        number = self._database.claim(lambda: Store.begin_run(self, **run))
        self._database.runs.append(number)
        return number

    def end_run(self, run: int, *, exit_code: int, summary: Mapping[str, int]) -> None:
        self._database.claim(lambda: Store.end_run(self, run, exit_code=exit_code, summary=summary))
        if run in self._database.runs:
            self._database.runs.remove(run)

    def acquire(self, site: Site, **lease: Any) -> Lease:
        """Take the lock by a push that only one of several can win."""
        self._database.follow()
        acquired = self._database.claim(lambda: Store.acquire(self, site, **lease))
        self._database.tokens.add(acquired.token)
        return acquired

    def renew(self, lease: Lease) -> None:
        """Extend the lease by a push, with all outcomes so far, unless one has proven a moment ago that it is ours."""
        if not self._database.is_proven(lease):
            self._database.claim(lambda: Store.renew(self, lease))

    def release(self, lease: Lease) -> None:
        self._database.claim(lambda: Store.release(self, lease))
        self._database.tokens.discard(lease.token)

    def checkpoint(self) -> None:
        self._database.flush()

    def world_file(self, default: Path) -> Path:  # noqa: ARG002  a runner's disk is thrown away
        return self._database.world

    def check_writable(self) -> str:
        self._database.branch.check_push()
        return f"{self.place}; schema version {newest()}; can be pushed to"

    def set_fact(self, target: str, name: str, value: str) -> None:
        with self._database.deferring():
            super().set_fact(target, name, value)

    def set_capabilities(self, site: Site, account: str, changed: Mapping[str, str | None]) -> None:
        with self._database.deferring():
            super().set_capabilities(site, account, changed)
