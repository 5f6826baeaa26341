"""The options that commands share, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from reconciler.model.structs import Struct, replace


class Options(Struct, frozen=True):
    """The common options of a command.

    `everyone`: show the caseloads of everybody, not only of people affected. `ahead_days`: how far plans warn ahead.
    `until`: the last day of a plan's later changes, None for all that is declared. `undeclared`: read the whole list of
    learners, to find those whom no file declares. `full`: read everybody; `rotate_days`: read a part each time, and
    everybody within so many days.
    """

    state: Path = Path("state")
    target: str | None = None
    store: str | None = None
    cohorts: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    since: str | None = None
    at: date | None = None
    ahead_days: int = 28
    until: date | None = None
    everyone: bool = False
    undeclared: bool = False
    full: bool = False
    rotate_days: int | None = None

    def day(self, today: date) -> date:
        """Return the day to plan for: `--at`, or today."""
        return self.at or today

    @property
    def is_narrow(self) -> bool:
        """True if the scope leaves learners out."""
        return bool(self.cohorts or self.learners or self.since)

    def whole(self) -> Options:
        """Return the same options without a scope."""
        return replace(self, cohorts=(), learners=(), since=None)

    @property
    def folder(self) -> Path:
        """The default folder of the store and of the sandbox's world, beside the state folder."""
        return self.state.absolute().parent / ".reconciler"

    @property
    def world_file(self) -> Path:
        """The file of the embedded sandbox's world."""
        return self.folder / "sandbox.jsonl"

    def store_url(self, variables: Mapping[str, str]) -> str:
        """Return the store's URL or path: `--store`, RECONCILER_STORE, or the default file."""
        return self.store or variables.get("RECONCILER_STORE") or str(self.folder / "store.db")
