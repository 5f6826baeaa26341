"""`store compact`: a new branch with the present record and the evidence of the last days."""

from __future__ import annotations

from datetime import timedelta

from reconciler.model.structs import Struct, replace
from reconciler.problems import Invalid, Problem
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import store_of
from reconciler.store.address import GIT_SCHEME


class Compacted(Struct, frozen=True):
    """A store that was compacted: its old and new place and address, and the runs that are kept of all."""

    old: str
    new: str
    address: str
    kept: int
    runs: int


def compact(options: Options, environment: Environment, *, keep_days: int, into: str) -> Compacted:
    """Begin the branch *into* with what is kept of the store. The old branch stays as it is.

    Raises Invalid for a store that is not on a branch.
    """
    from reconciler.store.git.address import parse  # only for stores on a branch
    from reconciler.store.git.compact import compact as compact_branch
    from reconciler.store.git.store import GitStore

    url = options.store_url(environment.variables)
    if not url.startswith(GIT_SCHEME):
        what = "only a store on a branch is compacted"
        fix = "Let the administrator of the database delete old rows; docs/reference/store.md lists the tables."
        raise Invalid(Problem(what, fix, where="store"))
    address = parse(url)._replace(branch=parse(f"{GIT_SCHEME}{into}").branch, cache="")
    since = environment.clock.now() - timedelta(days=keep_days)
    with (
        store_of(options, environment, make=False) as old,
        store_of(replace(options, store=address.url()), environment) as new,
    ):
        assert isinstance(old, GitStore) and isinstance(new, GitStore)  # noqa: S101  by their addresses
        kept, runs = compact_branch(old, new, since)
        return Compacted(old.place, new.place, url.replace(parse(url).branch, into, 1), kept, runs)
