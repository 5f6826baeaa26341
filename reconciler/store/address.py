"""Addresses of stores: which form they have, and none that holds a password where it could be printed."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from reconciler.problems import Problem, StoreError

GIT_SCHEME = "git+"
SETTING = "--store or RECONCILER_STORE"
"""The option and the variable of an address, as fixes name them."""
DEFAULT = "Without both, the store is .reconciler/store.db."
_FIX = f"Correct {SETTING}. {DEFAULT}"
_AS_URL = (
    "Write it as postgresql://USER@HOST/DATABASE, with the password after the user as USER:PASSWORD, or in PGPASSWORD "
    "or a passfile. A file's name has none of these: put ./ in front of it if it only looks so."
)
_SETTING = re.compile(
    r"(^|[\s'\"?&;,])(host|hostaddr|port|dbname|database|user|username|password|pwd|passfile|service|ssl\w+|options)\s*=",
    re.IGNORECASE,
)
_SERVER = re.compile(r"(jdbc:)?(postgres|pgsql|mysql|mariadb|sqlite|oracle|mssql|sqlserver)\w*(\+\w+)?:", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[^/\\]*:[^/\\]*@")


def unusable(what: str, fix: str = _FIX) -> StoreError:
    """Refuse an address, without printing it: it may hold a password."""
    return StoreError(Problem(what=f"the store's address is {what}", fix=fix, where="store"))


def path_of(address: str) -> Path:
    """Return the path of a SQLite file. Raises StoreError for what could be a server's address, with its password."""
    if _SETTING.search(address):
        raise unusable("a list of settings, such as host=…, and not a URL", _AS_URL)
    if _SERVER.match(address) or _CREDENTIALS.match(address.removeprefix("//")):
        raise unusable("neither a path nor a whole URL", _AS_URL)
    if "\0" in address:
        raise unusable("no path: it contains a NUL character")
    path = Path(address)
    if path.name in ("", ":memory:"):
        raise unusable("no file: a store in memory would be lost at the end of the run")
    return path


def postgresql_url(address: str) -> SplitResult:
    """Parse a PostgreSQL URL. Raises StoreError if a part of its password could be taken for another part."""
    if address.count("@") > 1:
        # It would be split in the wrong place, and part of the password shown as the host.
        raise unusable("ambiguous: it has more than one @; write an @ inside a user or password as %40")
    try:
        url = urlsplit(address)
        _ = url.port  # parsed when read; raises ValueError if it is no number
    except ValueError as error:
        raise no_url() from error
    if "@" in url.path or _SETTING.search(unquote(url.path)) or not address.isprintable() or " " in address:
        raise no_url()
    return url


def no_url() -> StoreError:
    return unusable("not a PostgreSQL URL; write /, :, ? and # inside a password as %2F, %3A, %3F and %23", _AS_URL)


def secrets_of(url: SplitResult) -> tuple[str, ...]:
    """Return every form in which a driver may repeat a password of the URL."""
    settings = parse_qs(url.query)
    secrets = (*settings.get("password", ()), *settings.get("sslpassword", ()), url.password or "")
    return tuple(dict.fromkeys(form for secret in secrets for form in (secret, unquote(secret)) if form))


def without_password(url: SplitResult) -> str:
    """Return the address as it may be printed."""
    user = f"{url.username}{':***' if url.password else ''}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{url.hostname or ''}{port}{url.path}"
