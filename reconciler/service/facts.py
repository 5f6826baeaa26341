"""What was learnt about one server's lists: kept between runs with its age, and forgotten when contradicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FRESH = timedelta(days=30)  # older than this, a fact is looked for again


@dataclass
class Facts:
    """Facts by name, as the store keeps them; `learn` and `forget` note what changed.

    | name                 | value                                                         |
    |----------------------|---------------------------------------------------------------|
    | page_rows            | how many rows long lists ask for, as this server allowed      |
    | rows:learners:5740   | how long a list was when it was last read to the end          |
    | rows:learning_aims   | likewise, of all learners                                     |
    | offers:learning_aims | "no" where a search without a learner is refused or unusable  |
    """

    known: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, learnt: Mapping[str, tuple[str, datetime]], now: datetime) -> Facts:
        """What the store has learnt of a target, less what is too old to rely on."""
        return cls({name: value for name, (value, at) in learnt.items() if now - at < FRESH})

    def get(self, name: str) -> str | None:
        return self.known.get(name)

    def number(self, name: str) -> int | None:
        value = self.known.get(name, "")
        return int(value) if value.isascii() and value.isdecimal() else None

    def learn(self, name: str, value: str) -> None:
        if self.known.get(name) != value:
            self.known[name] = self.changed[name] = value

    def forget(self, name: str) -> None:
        if self.known.pop(name, None) is not None:
            self.changed[name] = None
