"""Addresses of stores on a branch: `git+BRANCH`, with the remote, the folder on the branch and the cache."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from reconciler.git_program import PROTOCOLS
from reconciler.problems import Problem, StoreError
from reconciler.store.address import GIT_SCHEME

_FIX = "Write it as git+BRANCH, such as git+onefile-record; ?remote=NAME and &folder=NAME may follow."
_BRANCH = re.compile(r"(?!.*(\.\.|//|/\.|\.lock(/|$)))[A-Za-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9]")
_FOLDER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/?)*")
_SSH = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^:]+")


class GitAddress(NamedTuple):
    """Address of a store on a branch. `remote` is the name of a remote, or its URL; `cache` is empty until resolved."""

    branch: str
    remote: str = "origin"
    folder: str = ""
    cache: str = ""

    @property
    def is_resolved(self) -> bool:
        """True if the remote is a URL that this program uses."""
        return bool(self.cache) and _is_url(self.remote)

    @property
    def place(self) -> str:
        """The store as reports name it, without a password."""
        return f"branch {self.branch} of {without_credentials(self.remote)}"

    def url(self) -> str:
        """Return the address as one text."""
        options = {"remote": self.remote, "folder": self.folder, "cache": self.cache}
        query = "&".join(f"{name}={quote(value, safe='/:@')}" for name, value in options.items() if value)
        return f"{GIT_SCHEME}{self.branch}?{query}"

    def cache_name(self) -> str:
        """Return the name of the cache's folder: another remote, branch or folder has another cache."""
        parts = "\n".join((without_credentials(self.remote), self.branch, self.folder))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def parse(url: str) -> GitAddress:
    """Parse `git+BRANCH`. Raises StoreError."""
    branch, _, query = url.removeprefix(GIT_SCHEME).partition("?")
    options = parse_qs(query, keep_blank_values=True)
    if not _BRANCH.fullmatch(branch):
        raise refused("has no branch that git would accept")
    if unknown := options.keys() - {"remote", "folder", "cache"}:
        raise refused(f"has the unknown option {min(unknown)}")
    values = {name: value[-1] for name, value in options.items() if value[-1]}
    if not _FOLDER.fullmatch(values.get("folder", "")):
        raise refused("has a folder that is no plain relative path")
    values["folder"] = values.get("folder", "").strip("/")
    return GitAddress(branch, **values)


def check_remote(remote: str) -> None:
    """Raise StoreError unless git may speak to this URL: https, ssh or file, and http on this machine only."""
    url = urlsplit(remote)
    if _SSH.fullmatch(remote) or url.scheme in ("https", "ssh", "file"):
        return
    if url.scheme == "http" and _is_loopback(url.hostname or ""):
        return
    raise refused(f"names a remote that is not used: {without_credentials(remote)}", "Use an https or ssh remote.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_url(remote: str) -> bool:
    return urlsplit(remote).scheme in PROTOCOLS or bool(_SSH.fullmatch(remote))


def without_credentials(text: str) -> str:
    """Remove the user and password of every URL in the text."""
    return re.sub(r"(https?://)[^/@\s]*@", r"\1", text)


def refused(what: str, fix: str = _FIX) -> StoreError:
    return StoreError(Problem(f"the store's address {what}", fix, where="store"))
