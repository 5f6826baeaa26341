"""The `demo` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from reconciler import commands
from reconciler.cli.options import command
from reconciler.cli.output import Output
from reconciler.cli.render import render

if TYPE_CHECKING:
    from reconciler.commands.demo import Scene
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(service=False, examples=("reconciler demo", "reconciler demo --state state"))
def demo(options: Options, environment: Environment, output: Output) -> int:
    """Run a demonstration on throw-away copies.

    Validates, plans, applies and plans again, on a copy of the state folder and a sandbox of its own. Uses ./state, or
    the example centre if there is none. Touches nothing outside a temporary folder.
    """
    from reconciler.resources import resource

    given = click.get_current_context().get_parameter_source("state") is ParameterSource.COMMANDLINE
    state = options.state if given or options.state.is_dir() else resource("state")
    texts: list[str] = []

    def show(scene: Scene) -> None:
        texts.append(str(render("demo", scene, output, form="text")))
        if not output.json:
            output.report(texts[-1])

    code = commands.demo.demonstrate(state, environment, show)
    if output.json:
        output.report(render("demo", code, output))
    output.save("\n".join(texts))
    return code
