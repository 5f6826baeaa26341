"""Result of a digest: its messages, and how the delivery of each ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.model.message import Message

if TYPE_CHECKING:
    from reconciler.commands.digest import Delivery

NOTHING = "Nobody gains or loses a learner, and no manual step is open: there is no message.\n"


def render_text(messages: Sequence[Message], *, deliveries: Sequence[Delivery], folder: str) -> str:
    """Render each message's recipient, title and delivery."""
    if not messages:
        return NOTHING
    by_recipient = {delivery.recipient: delivery for delivery in deliveries}
    lines = [
        f"{message.recipient}: {message.title}{_ending(by_recipient.get(message.recipient))}" for message in messages
    ]
    if folder:
        lines.append(f"Written to {folder}.")
    return "\n".join(lines) + "\n"


def _ending(delivery: Delivery | None) -> str:
    if delivery is None or (delivery.state == "no address" and not delivery.why):
        return ""
    return f" ({delivery.state}{f': {delivery.why}' if delivery.why else ''})"


def render_markdown(messages: Sequence[Message]) -> str:
    """Render the messages one after another."""
    return "\n".join(message.body for message in messages) or NOTHING


def render_json(messages: Sequence[Message], *, deliveries: Sequence[Delivery], folder: str) -> str:
    """Render the messages and their delivery for programs."""
    by_recipient = {delivery.recipient: delivery for delivery in deliveries}
    rows = [
        {
            "recipient": message.recipient,
            "title": message.title,
            "body": message.body,
            "variable": message.variable,
            "state": delivery.state if (delivery := by_recipient.get(message.recipient)) else "not sent",
            "why": delivery.why if delivery else "",
        }
        for message in messages
    ]
    return json.dumps({"folder": folder or None, "messages": rows}, indent=1, ensure_ascii=False) + "\n"
