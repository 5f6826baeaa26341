"""Store of a command: a file, a server, or a branch of the repository that the state folder is in."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from reconciler.git_program import PROTOCOLS, enclosing_repository, git
from reconciler.problems import Problem, StoreError
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.repository import repository_of
from reconciler.store import Store
from reconciler.store.address import GIT_SCHEME

STORE_TOKEN = "RECONCILER_STORE_TOKEN"  # noqa: S105  the variable's name


def store_of(options: Options, environment: Environment, *, make: bool = True) -> Store:
    """Open the command's store. Raises NoStore if there is none and `make` is false."""
    url = options.store_url(environment.variables)
    if url.startswith(GIT_SCHEME):
        url = _branch_url(url, options.state, environment.variables)
    return Store.open(
        url,
        clock=environment.clock,
        make=make,
        token=environment.variables.get(STORE_TOKEN, ""),
        repository=partial(repository_of, options.state),
    )


def open_store(options: Options, environment: Environment) -> Store:
    """Open the store, and print a note if it is new: perhaps another one was meant."""
    store = store_of(options, environment)
    if store.is_new and environment.note:
        environment.note(f"New, empty record: {place_of(store)}")
    return store


def place_of(store: Store) -> str:
    """Return the place of the store as people type it, without a password."""
    here, place = Path.cwd(), Path(store.place)
    return str(place.relative_to(here)) if place.is_relative_to(here) else store.place


def _branch_url(url: str, state: Path, variables: Mapping[str, str]) -> str:
    """Return the address with the URL of its remote, and the folder of its cache."""
    from reconciler.store.git.address import parse  # only for stores on a branch

    address = parse(url)
    if not _is_url(address.remote):
        address = address._replace(remote=_remote_url(address.remote, state))
    if address.cache:
        return address.url()
    return address._replace(cache=str(_caches(variables) / address.cache_name())).url()


def _is_url(remote: str) -> bool:
    return remote.startswith(tuple(f"{protocol}://" for protocol in PROTOCOLS)) or ("@" in remote and ":" in remote)


def _remote_url(name: str, state: Path) -> str:
    """Return the URL of a remote of the repository that the state folder is in."""
    folder = next(place for place in (state.absolute(), *state.absolute().parents) if place.is_dir())
    try:
        url = git(folder, "remote", "get-url", "--", name).decode("utf-8", "surrogateescape").strip()
    except (OSError, subprocess.SubprocessError) as error:
        what = f"a store on a branch needs a remote, and this repository has none called {name}"
        fix = "Run this in a clone of the repository, or name the remote: git+BRANCH?remote=NAME."
        raise StoreError(Problem(what, fix, where="store")) from error
    top = enclosing_repository(folder)
    return url if _is_url(url) or top is None else (top / url).resolve().as_uri()


def _caches(variables: Mapping[str, str]) -> Path:
    """Return the folder of caches: this account's, and never in a checkout, which a pull request may fill."""
    places = (variables.get("XDG_CACHE_HOME"), variables.get("LOCALAPPDATA"))
    folder = next((Path(place) for place in places if place and Path(place).is_absolute()), None)
    return (folder or Path("~").expanduser() / ".cache") / "onefile-reconciler" / "records"
