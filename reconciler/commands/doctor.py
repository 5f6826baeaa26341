"""The `doctor` command: check everything a run depends on, and continue after failures."""

from __future__ import annotations

import asyncio
import tempfile
from urllib.parse import urlsplit

from reconciler.doctor.checks import CANARY_ONLY, Checks, Checkup, Name, Show
from reconciler.doctor.local import LocalChecks
from reconciler.doctor.server import ServerChecks
from reconciler.model.slots import UserId
from reconciler.model.structs import replace
from reconciler.onefile.targets import Target, is_loopback
from reconciler.problems import Invalid, Problem
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options


def examine(
    options: Options, environment: Environment, canary: int | None = None, *, show: Show | None = None
) -> Checkup:
    """Check what can be checked. `canary` is the learner whose slots are written back, on a trial target only.

    `show` gets each check as soon as it is made. Raises Invalid if a canary is requested elsewhere; every other error
    becomes a failed check.
    """
    names = [name for name in Name if canary is not None or name not in CANARY_ONLY]
    checks = Checks(names, show)
    return asyncio.run(_examine(options, environment, checks, None if canary is None else UserId(canary)))


async def _examine(options: Options, environment: Environment, checks: Checks, canary: UserId | None) -> Checkup:
    git_state(options.state, environment.note)
    local = LocalChecks(options, environment, checks)
    declared = local.configuration()
    local.leavers(declared)
    local.schemas()
    local.pipelines()
    settings = declared.settings if declared else local.settings_alone()
    target = local.target(settings)
    if canary is not None and target is not None and not _for_trials(target):
        raise Invalid(_canary_refused(target))
    token, store = local.token(target), local.store(target, settings)
    if target is None or not token:
        return Checkup(checks.all(), 0, None)
    with tempfile.TemporaryDirectory(prefix="reconciler-doctor-") as folder:
        # without a store of its own the rest can still be looked at, with one that is forgotten afterwards
        options = options if store else replace(options, store=f"{folder}/store.db")
        server = ServerChecks(options, environment, checks, canary, for_trials=_for_trials(target))
        await server.hold(settings, declared, kept=store)
    return Checkup(checks.all(), server.calls, server.journalled)


def _for_trials(target: Target) -> bool:
    """Return True for a target for trials: the embedded sandbox, OneFile's two, or this machine."""
    if target.embedded or target.name in ("beta", "practice"):
        return True
    return is_loopback(urlsplit(target.base_url).hostname or "")


def _canary_refused(target: Target) -> Problem:
    what = f"a canary writes, and {target.name} is not a place for trials"
    return Problem(what, "Use --target beta, practice or sandbox. Nothing was sent.", where="--canary")
