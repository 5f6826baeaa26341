"""A place in the call budget: the shape that the budget and every ledger of it share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

WINDOW_SECONDS = 60.0
LONGEST_CALL_SECONDS = 120.0
"""No call stays unsettled longer while its process lives: the client gives up first."""


class Reservation(NamedTuple):
    """A place in the window, or (id None) how many seconds to wait before asking again."""

    id: int | None
    wait_seconds: float = 0.0


class CallLedger(Protocol):
    """Who occupies the window. One in memory for one process, one in the database for several.

    A place that is never settled, because its process died, must be let go LONGEST_CALL_SECONDS + WINDOW_SECONDS
    after it was reserved, and not earlier.
    """

    def reserve(self, limit: int) -> Reservation:
        """Occupy a place if fewer than `limit` are occupied and no pause is on; else say how long to wait."""
        ...

    def settle(self, id: int) -> None:
        """The answer arrived, or the call ended without one: the place is free WINDOW_SECONDS from now."""
        ...

    def pause(self, seconds: float) -> None:
        """Nobody reserves for that long (a 429). A pause never shortens another."""
        ...

    def spent(self) -> int:
        """Places occupied now."""
        ...
