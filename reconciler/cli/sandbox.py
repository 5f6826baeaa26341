"""The `sandbox` command."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from reconciler import commands, runtime
from reconciler.cli.command_table import Command
from reconciler.cli.options import STATE, Whole, cli
from reconciler.problems import ExitCode


@cli.command(cls=Command, epilog="reconciler sandbox --port 8321\nreconciler sandbox --switch aim_staff_keys=omit")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; ::1 works too.")
@click.option("--port", type=Whole(0, 65535), default=8321, show_default=True, help="The port; 0 is any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Random seed for the invented people.")
@click.option(
    "--learners", type=Whole(1, 200_000), default=60, show_default=True, help="Number of learners in a new sandbox."
)
@click.option(
    "--world",
    type=click.Path(path_type=Path),
    help="The file that keeps the sandbox's data. [default: the embedded sandbox's]",
)
@click.option("--clock", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), help="Start the sandbox's clock at this UTC time.")
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="Choose how the sandbox behaves where OneFile's behaviour is unknown (repeatable).",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="JSON",
    help='Make calls fail, such as {"kind": "throttle", "nth": 5} (repeatable). Kinds: throttle, error_before, '
    "drop_before, error_after, drop_after, cut_length, cut_json, html, latency, expired_session, repeated_page, "
    "short_page, changed_order. Other fields: method, path, nth, times, status, seconds, retry_after.",
)
@click.option("--switches", "listing", is_flag=True, help="List the switches and their values, and exit.")
@STATE
def sandbox(state: Path, listing: bool, clock: datetime | None, world: Path | None, **options: Any) -> int:
    """Serve a sandbox of OneFile's API with invented people.

    Behaves as OneFile's public API v2.1 documentation describes, for any client. The customer token is
    ONEFILE_CUSTOMER_TOKEN if that is set, else `sandbox`.
    """
    from onefile_sandbox.switches import allowed

    if listing:
        for name, values in allowed().items():
            click.echo(f"{name} = {' | '.join(values)}")
        return ExitCode.DONE

    def ready(url: str, token: str) -> None:
        shown = "sandbox" if token == "sandbox" else "(as set in this environment)"  # noqa: S105  the well-known one
        click.echo(f"ONEFILE_BASE_URL={url}\nONEFILE_CUSTOMER_TOKEN={shown}")
        token_too = " ONEFILE_CUSTOMER_TOKEN=sandbox" if shown == "sandbox" else ""
        click.echo(f"In another terminal: export ONEFILE_BASE_URL={url}{token_too}")
        click.echo("Serving. Press Ctrl-C to stop.")
        sys.stdout.flush()

    start = clock.replace(tzinfo=UTC) if clock else None
    paths, environment = runtime.options.Options(state), runtime.environment.Environment()
    commands.sandbox.serve_sandbox(paths, environment, ready=ready, world_file=world, start=start, **options)
    return ExitCode.DONE
