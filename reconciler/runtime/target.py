"""The target of a command: from the command line, the environment or the settings."""

from __future__ import annotations

from reconciler.model.declared import Settings
from reconciler.onefile.targets import Target, resolve_target
from reconciler.problems import Invalid, Problem
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

BASE_URL = "ONEFILE_BASE_URL"


def target_of(options: Options, environment: Environment, settings: Settings) -> Target:
    """Return the target that the command is for. Raises Invalid for a name or URL that cannot be used."""
    return resolve_target(options.target or settings.target, environment.variables.get(BASE_URL))


def named_target(options: Options, environment: Environment) -> str | None:
    """Return the target that the command line names; None if it names none."""
    return resolve_target(options.target, environment.variables.get(BASE_URL)).name if options.target else None


def overruled(options: Options, environment: Environment) -> Problem | None:
    """Return a warning if the environment overrules a target that the command line names."""
    url = environment.variables.get(BASE_URL, "")
    if not (options.target and url.strip()):
        return None
    try:
        named, used = resolve_target(options.target, None), resolve_target(options.target, url)
    except Invalid:  # reported when the target is used
        return None
    if named == used:
        return None
    what = f"--target {named.name} is overruled by {BASE_URL}: this command goes to {used.name}"
    return Problem(what, f"Unset {BASE_URL}, or leave --target out.", where="--target", severity="warning")
