"""Sends messages to Teams, Slack, e-mail and others through Apprise: the one module that knows it."""

from __future__ import annotations

import logging
import warnings

from reconciler.model.message import Address, Message


def send(message: Message, address: Address) -> str:
    """Send a message to each address of the variable; return why it could not be sent, or nothing.

    An address may be several, separated by blanks. What Apprise logs may show parts of it, and is dropped.
    """
    with warnings.catch_warnings(action="ignore"):  # what its packages have deprecated is not ours to report
        try:
            import apprise
        except ImportError:
            return "Apprise is not installed: run pip install 'onefile-reconciler[notify]'"
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        channel = apprise.Apprise()
        if not channel.add(address.url.split()):
            return f"{message.variable} holds no address that Apprise knows"
        try:
            sent = bool(channel.notify(message.body, message.title, body_format=apprise.NotifyFormat.MARKDOWN))
        except (OSError, TypeError, ValueError):
            sent = False
        return "" if sent else f"the service behind {message.variable} did not take it"
