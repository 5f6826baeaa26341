"""Capabilities of a server's lists for one organisation: stored with their age, removed when contradicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FRESH = timedelta(days=30)  # older facts are looked for again


@dataclass
class Capabilities:
    """Facts by name, as the store keeps them; `changed` has those that this run set (None: removed).

    They only choose the way of reading, never the conclusion from it: a fact that has become false costs calls, not
    correctness. For the same reason no fact names the fields that a record has.

    | name                 | value                                                                      |
    |----------------------|----------------------------------------------------------------------------|
    | page_rows            | the largest page that this server was seen to send                         |
    | rows:learning_aims   | length of the list when it was last read to its end; also unit_summaries,  |
    |                      | and learners:5740 if there is no unpaged list of them                      |
    | offers:learning_aims | "no" if a search without a learner is refused, or its rows are of no use   |
    | offers:roll          | "no" if an unpaged user search is refused, or is not the whole list        |
    | shows:learners:5740  | the defaults in a row of the paged list, with commas; or nothing           |
    | archived:unmarked    | "yes" if lists contain archived users that only their own record marks;    |
    |                      | "no" if the first user of a list is not archived, or is marked there       |
    | shares:misid:5740    | "yes" if accounts of staff share a MISID, "no" if none of several roles do |
    """

    known: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str | None] = field(default_factory=dict)
    _suspected: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, stored: Mapping[str, tuple[str, datetime]], now: datetime) -> Capabilities:
        """Make the capabilities from stored facts, without those that are too old or dated in the future."""
        return cls({name: value for name, (value, at) in stored.items() if abs(now - at) < FRESH})

    def get(self, name: str) -> str | None:
        return self.known.get(name)

    def number(self, name: str) -> int | None:
        """Return the fact as a count of at least one; None if it is unknown or no such number."""
        value = self.known.get(name, "")
        return int(value) if value.isascii() and value.isdecimal() and 0 < len(value) < 10 and int(value) else None

    def denies(self, name: str) -> bool:
        return self.known.get(f"offers:{name}") == "no"

    def deny(self, name: str) -> None:
        self.set(f"offers:{name}", "no")

    def suspect(self, name: str) -> None:
        """Deny for this run; `settle` keeps it. If the whole reading fails, there may be another reason."""
        self.known[f"offers:{name}"] = "no"
        self._suspected.add(f"offers:{name}")

    def settle(self) -> None:
        """Keep what was suspected, because the reading succeeded."""
        self.changed |= dict.fromkeys(self._suspected, "no")

    def set(self, name: str, value: str) -> None:
        """Set a fact; one that stays the same keeps its age, so that it is looked for again after a while."""
        if self.known.get(name) != value:
            self.known[name] = value
            self.changed[name] = value

    def clear(self, name: str) -> None:
        if self.known.pop(name, None) is not None:
            self.changed[name] = None
