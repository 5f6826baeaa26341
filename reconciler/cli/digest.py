"""The `digest` command."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands, runtime
from reconciler.cli.options import STATE, Whole, command, day_of
from reconciler.cli.output import Output, say_problems
from reconciler.problems import ExitCode, Problem

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option("--run", type=Whole(1), metavar="N", help="What this run changed."),
    click.option("--latest", is_flag=True, help="What the latest run that wrote to OneFile changed."),
    click.option(
        "--plan", "saved", type=click.Path(path_type=Path), metavar="FILE", help="What this saved plan will change."
    ),
    click.option("--due", callback=day_of, metavar="DATE", help="What this day brings (YYYY-MM-DD). [default: today]"),
    click.option(
        "--out",
        "folder",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Write the messages to this folder, as .eml and .md, and send none.",
    ),
    STATE,
    files=False,
    to_folder=True,
    examples=("reconciler digest --latest", "reconciler digest --plan plan.json --out messages"),
)
def digest(
    options: Options,
    environment: Environment,
    output: Output,
    run: int | None,
    latest: bool,
    saved: Path | None,
    due: date | None,
    folder: Path | None,
) -> int:
    """Tell everybody concerned who gains or loses learners.

    One message for each person: which learners, from whom, from when, and what to hand over; one for the manager; and
    one with the open manual steps. They go to the address in RECONCILER_NOTIFY, or in the variable that staff.yaml
    names for a person: Teams, Slack, e-mail and others, as Apprise addresses. Each is sent once. A message that cannot
    be sent is reported, and the exit code stays 0.
    """
    if sum(choice is not None for choice in (run, saved, due)) + latest > 1:
        raise click.UsageError("Give one of --run, --latest, --plan and --due.")
    from reconciler.report.digest.files import files_of
    from reconciler.report.digest.messages import messages_of

    if latest:
        run = commands.digest.latest_run(options, environment)
        if run is None:
            output.deliver("digest", [], deliveries=[], folder=str(folder or ""))
            return ExitCode.DONE
    found = commands.digest.digest(options, environment, run=run, plan=saved, due=due)
    messages = messages_of(found)
    if folder:
        files = runtime.output_folder.OutputFolder(folder, f"messages of {found.site.target}")
        files.check()
        files.begin()
        for name, text in files_of(messages):
            files.put(name, text)
        files.end()
    deliveries = [] if folder else commands.digest.deliver(options, environment, found, messages)
    output.deliver("digest", messages, deliveries=deliveries, folder=str(folder or ""))
    say_problems(
        [
            Problem(f"the message to {delivery.recipient} was not sent: {delivery.why}", _FIX, severity="warning")
            for delivery in deliveries
            if delivery.state in ("failed", "not known") or delivery.why
        ]
    )
    return ExitCode.DONE


_FIX = "Check the variable and the service, then run the command again: it repeats nothing that was sent."
