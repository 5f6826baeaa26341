"""Which OneFile a command goes to: as told on the command line, by the environment, or by the settings."""

from __future__ import annotations

from reconciler.model import Settings
from reconciler.problems import Invalid, Problem
from reconciler.run.context import Context
from reconciler.service.targets import Target, resolve_target

BASE_URL = "ONEFILE_BASE_URL"


def target_of(context: Context, settings: Settings) -> Target:
    return resolve_target(context.target or settings.target, context.environment.get(BASE_URL))


def named_target(context: Context) -> str | None:
    """The target that the command line names, and None where it names none."""
    return resolve_target(context.target, context.environment.get(BASE_URL)).name if context.target else None


def overruled(context: Context) -> Problem | None:
    """A warning where the environment wins over a target that the command line names: somebody may not expect it."""
    url = context.environment.get(BASE_URL, "")
    if not (context.target and url.strip()):
        return None
    try:
        asked, meant = resolve_target(context.target, None), resolve_target(context.target, url)
    except Invalid:  # whichever of them is wrong, it is told when it is used
        return None
    if asked == meant:
        return None
    what = f"--target {asked.name} is overruled by {BASE_URL}: this command goes to {meant.name}"
    return Problem(what, f"Unset {BASE_URL}, or leave --target away.", where="--target", severity="warning")
