"""Messages to people: what a digest sends or writes."""

from __future__ import annotations

from reconciler.model.structs import RedactedRepr, Struct

SHARED = "RECONCILER_NOTIFY"
"""The variable with the address for everybody who has none of their own."""


class Message(Struct, frozen=True):
    """One message in Markdown. `recipient` is a handle, or a task such as `manager`.

    `variable` names the environment variable with the address.
    """

    recipient: str
    variable: str
    title: str
    body: str


class Address(RedactedRepr, Struct, frozen=True):
    """An address for messages, which may hold a password."""

    hidden = ("url",)

    url: str
