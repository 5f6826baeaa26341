"""Target of a command: a name or a base URL, normalised and safe to send a token to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from reconciler.model.structs import Struct
from reconciler.problems import Invalid, Problem

API_PATH = "/api/v2.1"
SANDBOX = "sandbox"
HOSTS = {
    "live": "https://wsapi.onefile.co.uk/api/v2.1",
    "practice": "https://wsapi2.onefile.co.uk/api/v2.1",
    "beta": "https://wsapibeta.onefile.co.uk/api/v2.1",
}
NAMES = (SANDBOX, "beta", "practice", "live")

_EXAMPLE = HOSTS["practice"]
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/api/v2\.1")
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,23}")


class Target(Struct, frozen=True):
    """One OneFile server.

    `name` identifies it in plans and in the store: a known name, else the normalised URL. `base_url` ends in /api/v2.1
    without a slash, and is empty for the embedded sandbox, which has none.
    """

    name: str
    base_url: str
    embedded: bool = False


def resolve_target(name_or_url: str, env_url: str | None) -> Target:
    """Return the target of a command; `env_url` is the value of ONEFILE_BASE_URL and wins if it is not blank.

    Messages repeat nothing that may be a secret. Raises Invalid.
    """
    url = (env_url or "").strip()
    if url:
        return _from_url(url, "ONEFILE_BASE_URL")
    text = name_or_url.strip()
    if text == SANDBOX:
        return Target(SANDBOX, "", embedded=True)
    if text in HOSTS:
        return Target(text, HOSTS[text])
    if "/" in text or ":" in text:
        return _from_url(text, "target")
    raise Invalid(_unknown_name(text))


def is_loopback(host: str) -> bool:
    """Return True if that host, without brackets, is this machine: localhost, 127.0.0.0/8 or ::1."""
    address = _address(host)
    if isinstance(address, IPv4Address):
        return address.is_loopback
    return address == IPv6Address("::1") if address else host.lower().rstrip(".") == "localhost"


def _unknown_name(text: str) -> Problem:
    near = get_close_matches(text.lower(), NAMES, n=1)
    what = f"{text!r} is not a target" if _NAME.fullmatch(text) else "this is neither a target's name nor a base URL"
    hint = f"Did you mean {near[0]}? " if near else ""
    return Problem(what, f"{hint}Use {', '.join(NAMES)}, or a base URL such as {_EXAMPLE}.", where="target")


def _from_url(text: str, where: str) -> Target:
    parts = _split(text)
    problems = [Problem(what, fix, where=where) for what, fix in _faults(parts)]
    if parts is None or problems:
        raise Invalid(problems)
    base_url = f"{parts.scheme}://{_authority(parts)}{parts.path.rstrip('/')}"
    known = {url: name for name, url in HOSTS.items()}
    return Target(known.get(base_url, base_url), base_url)


def _split(text: str) -> SplitResult | None:
    """Split the URL, or return None if two parsers could disagree on its parts."""
    if not re.fullmatch(r"[!-~]+", text):  # urlsplit would drop other characters silently
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port  # is read lazily, and raises
    except ValueError:
        return None
    return parts if "://" in text and parts.netloc else None


def _faults(parts: SplitResult | None) -> Iterator[tuple[str, str]]:
    """Yield each fault with its fix; they quote only the URL's scheme and host, and only if well formed."""
    if parts is None:
        yield "this is not a base URL", f"Write it in full, such as {_EXAMPLE}."
        return
    if "@" in parts.netloc:
        yield "a base URL must not carry a user name or password", "Remove the part before the @."
    elif not _host_is_well_formed(parts):
        yield "the host or port of this base URL is not valid", "Use a host name, an IPv4 address or an [IPv6] address."
    elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield f"plain http to {parts.hostname} would show the token to the network", "Use https://."
    if parts.scheme not in ("http", "https"):
        yield "a base URL begins with https://", "Use https://, or http:// on this machine only."
    if parts.query or parts.fragment:
        yield "a base URL has no query and no fragment", "Remove everything from the ? or # on."
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        yield f"the path of a base URL ends in {API_PATH}", f"Write it as in {_EXAMPLE}."


def _host_is_well_formed(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if parts.port == 0:
        return False
    return _address(host) is not None or (len(host) <= 253 and bool(_HOST_NAME.fullmatch(host.rstrip("."))))


def _authority(parts: SplitResult) -> str:
    host = parts.hostname or ""
    address = _address(host)
    shown = f"[{address}]" if isinstance(address, IPv6Address) else host.rstrip(".")
    usual = {"http": 80, "https": 443}[parts.scheme]
    return shown if parts.port in (None, usual) else f"{shown}:{parts.port}"


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host) if "%" not in host else None
    except ValueError:
        return None
