"""What helps around the main path: demo, sandbox, doctor."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.cli.listing import Command
from reconciler.cli.output import Output, say_problems
from reconciler.cli.shared import LEARNER, STATE, Whole, cli, command
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.run.context import Context


@command(service=False, examples=("reconciler demo", "reconciler demo --state state"))
def demo(context: Context, output: Output) -> int:
    """Walk plan, apply and plan again on a copy of the state folder and a sandbox of its own.

    Uses ./state, or the demonstration centre where there is none. Touches nothing outside a temporary folder.
    """
    from reconciler.report.jsonreport import render_problems
    from reconciler.resources import resource
    from reconciler.run.demonstrating import demonstrate
    from reconciler.values import replace

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
        output.report(render_problems((), code))
    output.save("\n".join(said))
    return code


@cli.command(cls=Command, epilog="reconciler sandbox --port 8321\nreconciler sandbox --switch aim_staff_keys=omit")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; ::1 works too.")
@click.option("--port", type=Whole(0, 65535), default=8321, show_default=True, help="0 is any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other people.")
@click.option("--learners", type=Whole(1, 200_000), default=60, show_default=True, help="Of a new world.")
@click.option("--world", type=click.Path(path_type=Path), help="The world's file. [default: the embedded sandbox's]")
@click.option("--clock", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), help="Start the sandbox's clock at this UTC time.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="Settle an unknown of OneFile's API.")
@click.option("--fault", "faults", multiple=True, metavar="JSON", help='Such as {"kind": "throttle", "nth": 5}.')
@click.option("--switches", "listing", is_flag=True, help="List the switches and their values, and exit.")
@STATE
def sandbox(state: Path, listing: bool, clock: datetime | None, world: Path | None, **options: Any) -> int:
    """Serve the sandbox: OneFile's API v2.1 as far as it is known, with invented people, for any client.

    The customer token is ONEFILE_CUSTOMER_TOKEN where that is set, else `sandbox`.
    """
    from reconciler.run.context import Context
    from reconciler.run.serving import serve_sandbox
    from reconciler.sandbox.switches import allowed

    if listing:
        for name, values in allowed().items():
            click.echo(f"{name} = {' | '.join(values)}")
        return ExitCode.DONE

    def ready(url: str, token: str) -> None:
        told = "sandbox" if token == "sandbox" else "(as it is set here)"  # noqa: S105  the well-known one
        click.echo(f"ONEFILE_BASE_URL={url}\nONEFILE_CUSTOMER_TOKEN={told}\nServing. Ctrl-C ends it.", err=False)
        sys.stdout.flush()

    start = clock.replace(tzinfo=UTC) if clock else None
    serve_sandbox(Context(state=state), ready=ready, world_file=world, start=start, **options)
    return ExitCode.DONE


@command(
    click.option(
        "--canary",
        type=Whole(1),
        metavar="LEARNER",
        help="Also write, on beta, practice or a sandbox only: what this learner (OneFile id) holds already.",
    ),
    STATE,
    LEARNER,
    files=False,
    examples=("reconciler doctor", "reconciler doctor --target practice --canary 200004"),
)
def doctor(context: Context, output: Output, canary: int | None) -> int:
    """Check files, token, store, clock, server and what it shows; a fix for each failure.

    Costs about ten calls and writes nothing to OneFile without --canary. The canary writes back one default
    assessor, one learning aim slot and one unit slot as they are, and nothing else; by design nothing
    changes, and everything is read back. Exit 0: nothing failed. 1: something failed. 3: files or command line.
    """
    from reconciler.report.checkup import TICKS, render_checkup, render_json
    from reconciler.run.doctoring import examine

    checkup = examine(context, canary)
    try:
        plain = not TICKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        plain = True
    text = render_json(checkup) if output.json else render_checkup(checkup, colour=output.colour, plain=plain)
    output.save(text)
    output.report(text)
    if output.is_bare:
        say_problems(checkup.problems())
    return checkup.exit_code
