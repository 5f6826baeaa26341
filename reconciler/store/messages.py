"""Messages of digests: which were sent, so that none is sent twice."""

from __future__ import annotations

from typing import Literal

from reconciler.model.slots import Site
from reconciler.store.connection import SCOPE_SQL, scope_params
from reconciler.store.database import Part

MessageState = Literal["sending", "sent", "failed"]
_ONE = f"{SCOPE_SQL} AND occasion = :occasion AND recipient = :recipient AND channel = :channel"
_CLAIM = """
INSERT INTO messages (target, organisation, occasion, recipient, channel, state, at)
VALUES (:target, :organisation, :occasion, :recipient, :channel, 'sending', :at)
ON CONFLICT (target, organisation, occasion, recipient, channel) DO UPDATE SET state = excluded.state, at = excluded.at
"""


class Messages(Part):
    """One row for each message: `sending` before it is sent, then `sent` or `failed`; a failed one may be sent again.

    One that stays `sending` was cut off: whether it was sent is not known.
    """

    def claim_message(self, site: Site, occasion: str, recipient: str, channel: str) -> MessageState | None:
        """Mark a message as being sent, and return None; or return why it must not be sent: another run has or does."""
        row = {**scope_params(site), "occasion": occasion, "recipient": recipient, "channel": channel}
        with self._database.writing(f"messages:{site.organisation}:{site.target}") as connection:
            state: MessageState | None = connection.value(f"SELECT state FROM messages WHERE {_ONE}", row)
            if state in ("sent", "sending"):
                return state
            connection.execute(_CLAIM, {**row, "at": self._database.now(connection)})
            return None

    def settle_message(self, site: Site, occasion: str, recipient: str, channel: str, *, sent: bool) -> None:
        """Store how the sending of a claimed message ended."""
        row = {**scope_params(site), "occasion": occasion, "recipient": recipient, "channel": channel}
        with self._database.writing() as connection:
            values = {**row, "state": "sent" if sent else "failed", "at": self._database.now(connection)}
            connection.execute(f"UPDATE messages SET state = :state, at = :at WHERE {_ONE}", values)
