"""`demo`: validates, plans, applies and plans again on throw-away copies."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from reconciler.commands import apply, plan
from reconciler.commands.apply_run import ApplyResult
from reconciler.commands.plan import Planned
from reconciler.commands.validate import Declaration, declaration
from reconciler.model.structs import Struct, replace
from reconciler.problems import ExitCode, Invalid, Problem, Source
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.state_files import copy_state


class Scene(Struct, frozen=True):
    """A step of the demonstration: its beginning, or one of its results."""

    step: Literal["validate", "plan", "apply", "plan again"]
    declaration: Declaration | None = None
    planned: Planned | None = None
    applied: ApplyResult | None = None


Show = Callable[[Scene], None]
"""Prints a scene."""


def demonstrate(state: Path, environment: Environment, show: Show) -> ExitCode:
    """Run the product's main path in a temporary folder, showing each step; DONE if the last plan is empty.

    Nothing outside the folder is touched, and the target is the sandbox whatever the settings name.
    """
    if not state.is_dir():
        fix = "Use an existing folder with --state, or leave it out to use the example centre."
        raise Invalid(Problem("this state folder does not exist", fix, Source(str(state))))
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
        copy_state(state, Path(folder) / "state")
        with contextlib.chdir(folder):  # so that the demo's paths read like a user's own
            return _walk(Options(target="sandbox"), replace(environment, variables={}, note=None), show)


def _walk(options: Options, environment: Environment, show: Show) -> ExitCode:
    show(Scene("validate"))
    show(Scene("validate", declaration=declaration(read_state(options, environment))))
    show(Scene("plan"))
    show(Scene("plan", planned=plan.plan(options, environment)))
    show(Scene("apply"))
    applied = apply.apply(options, environment, None, approve=lambda _: True)
    if applied.run is not None:
        show(Scene("apply", applied=applied))
    if applied.error:
        raise applied.error
    show(Scene("plan again"))
    last = plan.plan(options, environment)
    show(Scene("plan again", planned=last))
    return ExitCode.DONE if last.plan.in_sync else ExitCode.INCOMPLETE
