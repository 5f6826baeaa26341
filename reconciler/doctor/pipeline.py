"""Checks before a pipeline's job: secrets and store, without a call to OneFile."""

from __future__ import annotations

from reconciler.declared.folder import list_state_folder
from reconciler.declared.load import read_all
from reconciler.model.structs import Struct
from reconciler.onefile.targets import Target, resolve_target
from reconciler.problems import NoStore, Problem, ReconcilerError
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import store_of
from reconciler.runtime.token import TOKEN
from reconciler.store.address import GIT_SCHEME


class PipelineJob(Struct, frozen=True):
    """A job of a pipeline: whether it writes to the store, whether it has the customer token, where its secrets are."""

    writes: bool
    has_token: bool
    secrets: str


def missing(options: Options, environment: Environment, job: PipelineJob) -> list[Problem]:
    """Return what the job lacks. Errors in the files are not among it: the job's command reports them."""
    target = _target(options, environment)
    if target is None:
        return []
    return [*_token(target, job), *_store(target, options, environment, job)]


def _target(options: Options, environment: Environment) -> Target | None:
    try:
        settings = read_all(list_state_folder(options.state), options.day(environment.today())).settings
        name = options.target or (settings.target if settings else "")
        return resolve_target(name, environment.variables.get("ONEFILE_BASE_URL"))
    except ReconcilerError:
        return None


def _token(target: Target, job: PipelineJob) -> list[Problem]:
    if target.embedded or job.has_token:
        return []
    fix = f"Add the customer token that OneFile's support issued, in {job.secrets}."
    return [Problem(f"is not set, and the target is {target.name}", fix, where=TOKEN)]


def _store(target: Target, options: Options, environment: Environment, job: PipelineJob) -> list[Problem]:
    if not (options.store or environment.variables.get("RECONCILER_STORE")):
        fix = (
            "Set it to git+onefile-record, for a branch of this repository, or to the address of a PostgreSQL database."
        )
        what = "is not set, so the record would be lost with this runner"
        return [] if target.embedded else [Problem(what, fix, where="RECONCILER_STORE")]
    try:
        with store_of(options, environment, make=job.writes) as store:
            if job.writes:
                store.check_writable()
    except NoStore:  # the first run that writes makes it
        return []
    except ReconcilerError as error:
        return list(error.problems)
    return []


def record_branch(options: Options, environment: Environment) -> str:
    """Return the branch of this repository that the store is on; empty for a store elsewhere."""
    url = options.store_url(environment.variables)
    if not url.startswith(GIT_SCHEME):
        return ""
    from reconciler.store.git.address import parse  # only for stores on a branch

    try:
        address = parse(url)
    except ReconcilerError:  # as the check of the store says
        return ""
    return address.branch if address.remote == "origin" else ""
