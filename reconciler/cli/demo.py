"""What helps around the main path: demo, sandbox, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from reconciler.cli.options import command
from reconciler.cli.output import Output

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


@command(service=False, examples=("reconciler demo", "reconciler demo --state state"))
def demo(context: Context, output: Output) -> int:
    """Walk plan, apply and plan again on a copy of the state folder and a sandbox of its own.

    Uses ./state, or the demonstration centre where there is none. Touches nothing outside a temporary folder.
    """
    from reconciler.commands.demo import demonstrate
    from reconciler.model.structs import replace
    from reconciler.report.problems.json import render_json
    from reconciler.resources import resource

    asked = click.get_current_context().get_parameter_source("state") is ParameterSource.COMMANDLINE
    if not asked and not context.state.is_dir():
        context = replace(context, state=resource("state"))
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if not output.json:
            output.report(text)

    code = demonstrate(context, say, colour=output.colour)
    if output.json:
        output.report(render_json((), code))
    output.save("\n".join(said))
    return code
