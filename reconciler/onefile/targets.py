"""Which OneFile is meant: a target's name or a base URL, made one canonical text and safe to send a token to."""

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
    """`name` is what plans and the store call it: a known name, else the normalised URL.
    `base_url` ends in /api/v2.1 without a slash, and is empty for the embedded sandbox, which has none."""

    name: str
    base_url: str
    embedded: bool = False


def resolve_target(name_or_url: str, env_url: str | None) -> Target:
    """The target of a command; `env_url` is the value of ONEFILE_BASE_URL and wins where it is not blank.

    Nothing that may be a secret is repeated in a message. Raises Invalid.
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
    """Whether that host, without brackets, is this machine, so that nothing travels: localhost, 127.0.0.0/8 or ::1."""
    address = _address(host)
    if isinstance(address, IPv4Address):
        return address.is_loopback
    return address == IPv6Address("::1") if address else host.lower().rstrip(".") == "localhost"


def _unknown_name(text: str) -> Problem:
    near = get_close_matches(text.lower(), NAMES, n=1)
    what = f"{text!r} is not a target" if _NAME.fullmatch(text) else "this is neither a target's name nor a base URL"
    hint = f"did you mean {near[0]}? Otherwise " if near else ""
    return Problem(what, f"{hint}use {', '.join(NAMES)}, or a base URL such as {_EXAMPLE}", where="target")


def _from_url(text: str, where: str) -> Target:
    parts = _split(text)
    problems = [Problem(what, fix, where=where) for what, fix in _faults(parts)]
    if parts is None or problems:
        raise Invalid(problems)
    base_url = f"{parts.scheme}://{_authority(parts)}{parts.path.rstrip('/')}"
    known = {url: name for name, url in HOSTS.items()}
    return Target(known.get(base_url, base_url), base_url)


def _split(text: str) -> SplitResult | None:
    """The URL's parts, or None where readers could disagree on what they are."""
    if not re.fullmatch(r"[!-~]+", text):  # urlsplit would drop some of the rest in silence
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port  # is read lazily, and raises
    except ValueError:
        return None
    return parts if "://" in text and parts.netloc else None


def _faults(parts: SplitResult | None) -> Iterator[tuple[str, str]]:
    """What is wrong, and what to do; no text of the URL but its scheme and host, and those only when well formed."""
    if parts is None:
        yield "this is not a base URL", f"write it in full, such as {_EXAMPLE}"
        return
    if "@" in parts.netloc:
        yield "a base URL must not carry a user name or password", "take out the part before the @"
    elif not _host_is_well_formed(parts):
        yield "the host or port of this base URL cannot be one", "use a host name, an IPv4 address or an [IPv6] address"
    elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield f"plain http to {parts.hostname} would show the token to the network", "use https://"
    if parts.scheme not in ("http", "https"):
        yield "a base URL begins with https://", "use https://, or http:// on this machine only"
    if parts.query or parts.fragment:
        yield "a base URL has no query and no fragment", "take out everything from the ? or # on"
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        yield f"the path of a base URL ends in {API_PATH}", f"write it as in {_EXAMPLE}"


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
