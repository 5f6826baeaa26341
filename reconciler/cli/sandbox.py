"""What helps around the main path: demo, sandbox, doctor."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.group import Command
from reconciler.cli.options import STATE, Whole, cli
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    pass


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
    from onefile_sandbox.switches import allowed
    from reconciler.commands.sandbox import serve_sandbox
    from reconciler.runtime.context import Context

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
