"""The customer's long-lived token: sent at the log-in, shown to nobody."""

from __future__ import annotations

import hashlib

from reconciler.onefile.redaction import without
from reconciler.problems import Invalid, Problem

LONGEST_TOKEN = 4096  # letters, of the customer's and of a session's


class CustomerToken:
    """The customer's long-lived secret. Shows itself to nobody but the log-in.

    `origin` names where it came from. Raises Invalid for a text that cannot be sent in a header.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str, origin: str = "ONEFILE_CUSTOMER_TOKEN") -> None:
        self._secret = secret.strip()
        if not self._secret:
            raise _invalid(origin, "the customer token is empty", "set it to the token OneFile issued")
        if not all(" " <= letter <= "~" for letter in self._secret):
            what = "the customer token holds a letter or a line break that no token has"
            raise _invalid(origin, what, "copy it again, whole and alone")
        if len(secret) > LONGEST_TOKEN + 2:  # and the end of its line
            what = f"the customer token is longer than {LONGEST_TOKEN:,} letters"
            raise _invalid(origin, what, "copy the token again, and nothing else")

    def __repr__(self) -> str:
        return "CustomerToken(hidden)"

    def reveal(self) -> str:
        return self._secret

    def account(self, base_url: str) -> str:
        """16 hex digits that stand for this customer at this server: the key of the shared call budget."""
        text = f"onefile-reconciler call budget\n{base_url}\n{self._secret}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def hidden_in(self, text: str) -> str:
        return without(self._secret, text)


def _invalid(where: str, what: str, fix: str) -> Invalid:
    return Invalid(Problem(what, fix, where=where))
