"""Names of accounts, learning aims and units."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.slots import Handle, UserId
from reconciler.model.structs import Struct, field


class Names(Struct, frozen=True):
    """Handles of staff by OneFile id, and titles of learning aims and units by the slot's key."""

    handles: Mapping[UserId, Handle] = field(default_factory=dict)
    titles: Mapping[int | str, str] = field(default_factory=dict)


NO_NAMES = Names()
