"""Capabilities of servers' lists, as one account saw them for one organisation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.model.slots import Site
from reconciler.store.codec import decoded
from reconciler.store.connection import SCOPE_SQL, moment, scope_params
from reconciler.store.database import Part

_SCOPE = f"{SCOPE_SQL} AND account = :account"
_SET = """
INSERT INTO capabilities (target, account, organisation, name, value, at)
VALUES (:target, :account, :organisation, :name, :value, :at)
ON CONFLICT (target, account, organisation, name) DO UPDATE SET value = excluded.value, at = excluded.at
"""


class StoredCapabilities(Part):
    """Facts by name, each with the time when it was learnt.

    Lists have other lengths for another organisation, and other rows for another account: neither learns from the
    other, so that a small centre never pays for what was learnt of a large one.
    """

    def capabilities(self, site: Site, account: str) -> dict[str, tuple[str, datetime]]:
        facts = f"SELECT name, value, at FROM capabilities WHERE {_SCOPE} ORDER BY name"
        with self._database.reading() as connection:
            rows = connection.named(facts, {**scope_params(site), "account": account})
            return {row["name"]: decoded("capabilities", repr(row["name"]), row, _value) for row in rows}

    def set_capabilities(self, site: Site, account: str, changed: Mapping[str, str | None]) -> None:
        """Set facts; None removes one."""
        common = {**scope_params(site), "account": account}
        gone = [{**common, "name": name} for name, value in changed.items() if value is None]
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.many(f"DELETE FROM capabilities WHERE {_SCOPE} AND name = :name", gone)
            rows = [
                {**common, "name": name, "value": value, "at": now}
                for name, value in changed.items()
                if value is not None
            ]
            connection.many(_SET, rows)


def _value(row: Mapping[str, Any]) -> tuple[str, datetime]:
    return row["value"], moment(row["at"])
