"""What was learnt about one server's lists: kept between runs with its age, and forgotten when contradicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FRESH = timedelta(days=30)  # older than this, a fact is looked for again


@dataclass
class Capabilities:
    """Facts by name, as the store keeps them; `changed` has what this run learnt (None: forgot).

    They only ever choose the way of reading, never what is concluded from it: a fact that has become false costs
    calls, not truth. For the same reason none of them says which fields a record has.

    | name                 | value                                                                      |
    |----------------------|----------------------------------------------------------------------------|
    | page_rows            | the largest page that this server was seen to send                         |
    | rows:learning_aims   | how long a list was when it was last read to its end; so unit_summaries,   |
    |                      | and learners:5740 where there is no unpaged list of them                   |
    | offers:learning_aims | "no" where a search without a learner is refused, or its rows are no use   |
    | offers:roll          | "no" where an unpaged user search is refused, or is not the whole list     |
    | shows:learners:5740  | the defaults that a row of the paged list carries, with commas; or nothing |
    | archived:unmarked    | "yes" where lists have archived users among them, and only their own record   |
    |                      | says so; "no" where the first of a list is not, or is marked there             |
    """

    known: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str | None] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, learnt: Mapping[str, tuple[str, datetime]], now: datetime) -> Capabilities:
        """What the store has learnt of a target, less what is too old to rely on, or dated in days to come."""
        return cls({name: value for name, (value, at) in learnt.items() if abs(now - at) < FRESH})

    def get(self, name: str) -> str | None:
        return self.known.get(name)

    def number(self, name: str) -> int | None:
        """The fact as a count of at least one; None where it is not known or is no such number."""
        value = self.known.get(name, "")
        return int(value) if value.isascii() and value.isdecimal() and 0 < len(value) < 10 and int(value) else None

    def denies(self, name: str) -> bool:
        return self.known.get(f"offers:{name}") == "no"

    def deny(self, name: str) -> None:
        self.set(f"offers:{name}", "no")

    def suspect(self, name: str) -> None:
        """Not offered, unless the whole reading fails: then there may be another reason. See `settle`."""
        self.known[f"offers:{name}"] = "no"
        self._doubted.add(f"offers:{name}")

    def settle(self) -> None:
        """The reading succeeded: what was doubted is kept."""
        self.changed |= dict.fromkeys(self._doubted, "no")

    def set(self, name: str, value: str) -> None:
        """A fact that stays the same keeps its age: in the end it is looked for again, however often it was used."""
        if self.known.get(name) != value:
            self.known[name] = value
            self.changed[name] = value

    def clear(self, name: str) -> None:
        if self.known.pop(name, None) is not None:
            self.changed[name] = None
