"""Sealing of a session token for the store: only somebody with the customer token can read it, or has it accepted.

The key is derived from the customer token, which can log in anyway, and from a salt that is used once. The keystream
and the tag are HMAC-SHA256 under two derived keys (encrypt, then authenticate); the standard library has no cipher.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from typing import Protocol

from reconciler.onefile.token import CustomerToken

_SALT_BYTES = 32
_TAG_BYTES = 32
_PURPOSE = b"onefile-reconciler session"


class SessionKeeper(Protocol):
    """Keeps the session of one customer between commands."""

    def load(self) -> tuple[str, float] | None:
        """Return the session token and its age in seconds; None if there is none that can be used."""
        ...

    def save(self, token: str) -> None: ...


def seal(session: str, token: CustomerToken, *, salt: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return the sealed session as text."""
    used = salt(_SALT_BYTES)
    keystream_key, tag_key = _keys(token, used)
    hidden = _combined(session.encode(), keystream_key)
    return base64.b64encode(used + _tag(tag_key, used + hidden) + hidden).decode()


def unseal(sealed: str, token: CustomerToken) -> str | None:
    """Return the session; None if it was sealed with another token, or altered."""
    try:
        data = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return None
    salt, tag, hidden = data[:_SALT_BYTES], data[_SALT_BYTES:][:_TAG_BYTES], data[_SALT_BYTES + _TAG_BYTES :]
    keystream_key, tag_key = _keys(token, salt)
    if not hmac.compare_digest(tag, _tag(tag_key, salt + hidden)):
        return None
    return _combined(hidden, keystream_key).decode()


def _keys(token: CustomerToken, salt: bytes) -> tuple[bytes, bytes]:
    root = hmac.digest(salt, token.reveal().encode(), "sha256")
    return hmac.digest(root, _PURPOSE + b" keystream", "sha256"), hmac.digest(root, _PURPOSE + b" tag", "sha256")


def _tag(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _combined(data: bytes, key: bytes) -> bytes:
    blocks = -(-len(data) // 32)
    stream = b"".join(hmac.digest(key, number.to_bytes(4, "big"), "sha256") for number in range(blocks))
    return bytes(byte ^ mask for byte, mask in zip(data, stream, strict=False))
