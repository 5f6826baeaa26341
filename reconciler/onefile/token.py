"""The customer token: sent at the log-in, shown nowhere."""

from __future__ import annotations

import hashlib

from reconciler.onefile.redaction import mask
from reconciler.problems import Invalid, Problem

LONGEST_TOKEN = 4096  # characters, of the customer's token and of a session's


class CustomerToken:
    """The customer's long-lived secret; only `reveal` returns it.

    `origin` names its source. Raises Invalid for a text that cannot be sent in a header.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str, origin: str = "ONEFILE_CUSTOMER_TOKEN") -> None:
        self._secret = secret.strip()
        if not self._secret:
            raise _invalid(origin, "the customer token is empty", "Set it to the token that OneFile issued.")
        if not all(" " <= letter <= "~" for letter in self._secret):
            what = "the customer token contains a character or a line break that no token has"
            raise _invalid(origin, what, "Copy the token again, and nothing else.")
        if len(secret) > LONGEST_TOKEN + 2:  # and the end of its line
            what = f"the customer token is longer than {LONGEST_TOKEN:,} characters"
            raise _invalid(origin, what, "Copy the token again, and nothing else.")

    def __repr__(self) -> str:
        return "CustomerToken(hidden)"

    def reveal(self) -> str:
        return self._secret

    def account(self, base_url: str) -> str:
        """Return 16 hex digits for this customer at this server: the key of the shared rate limit."""
        text = f"onefile-reconciler call budget\n{base_url}\n{self._secret}"  # hashed: never change it
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def mask_in(self, text: str) -> str:
        return mask(self._secret, text)


def _invalid(where: str, what: str, fix: str) -> Invalid:
    return Invalid(Problem(what, fix, where=where))
