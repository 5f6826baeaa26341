"""The `fleet` command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options

_RUNS = ("plan", "apply", "drift", "audit")


@command(
    click.argument("action", type=click.Choice([*_RUNS, "status", "matrix"])),
    click.option(
        "--file",
        type=click.Path(path_type=Path),
        default=Path("fleet.yaml"),
        show_default=True,
        metavar="FILE",
        help="The fleet file.",
    ),
    click.option("--only", multiple=True, metavar="NAME", help="Only this centre (repeatable)."),
    click.option("--failed", is_flag=True, help="Only centres for which this command failed the last time."),
    click.option("--changed", is_flag=True, help="Only centres whose files changed since this command last succeeded."),
    click.option("--jobs", type=Whole(1, 64), metavar="N", help="Centres at a time. [default: as the file says, or 4]"),
    click.option(
        "--longest",
        type=Whole(1, 1440),
        default=120,
        show_default=True,
        metavar="MINUTES",
        help="Stop a centre that takes longer.",
    ),
    click.option("--auto-approve", is_flag=True, help="With apply: do not ask for confirmation."),
    click.option("--correct", is_flag=True, help="With drift: correct drift where settings and approvals allow."),
    click.option("--due", is_flag=True, help="With apply or drift --correct: apply what dates have brought about."),
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if a centre has changes, drift or findings."),
    click.option(
        "--ci",
        type=click.Choice(["github", "gitlab"]),
        default="github",
        show_default=True,
        help="With matrix: for whom.",
    ),
    click.option(
        "--run",
        "job",
        type=click.Choice(_RUNS),
        default="plan",
        show_default=True,
        help="With matrix: what a job runs.",
    ),
    files=False,
    service=False,
    examples=("reconciler fleet plan --jobs 8", "reconciler fleet drift --correct --due --failed"),
)
def fleet(
    options: Options,  # noqa: ARG001  a fleet has its own
    environment: Environment,
    output: Output,
    action: str,
    file: Path,
    only: tuple[str, ...],
    failed: bool,
    changed: bool,
    jobs: int | None,
    longest: int,
    auto_approve: bool,
    correct: bool,
    due: bool,
    detailed_exitcode: bool,
    ci: str,
    job: str,
) -> int:
    """Run a command for many centres, and report on all.

    fleet.yaml lists the centres. Each runs in a process of its own, with its own token and store only, and ends as it
    would alone; those of one token share its rate limit. `status` reads the stores, without a call to OneFile. `matrix`
    prints jobs for a pipeline. The exit code is that of the worst centre.
    """
    given = {"auto-approve": auto_approve, "correct": correct, "due": due, "detailed-exitcode": detailed_exitcode}
    flags = [name for name, is_set in given.items() if is_set]
    if wrong := [name for name in flags if name not in _FLAGS[action]]:
        raise click.UsageError(f"--{wrong[0]} does not belong to {action}.")
    if action == "apply" and not (auto_approve or due):
        raise click.UsageError("apply needs --auto-approve or --due: nobody is asked for each centre.")
    if auto_approve and due:
        raise click.UsageError("--due applies what was approved already: leave --auto-approve out.")
    if action == "drift" and due and not correct:
        raise click.UsageError("--due needs --correct.")
    chosen = commands.fleet.FleetOptions(file, only, failed, changed, jobs, longest)
    if action == "matrix":
        output.deliver("fleet matrix", commands.fleet.matrix(chosen, environment), ci=ci, job=job)
        return ExitCode.DONE
    if action == "status":
        status = commands.fleet.status(chosen, environment)
        output.deliver("fleet status", status)
        return status.exit_code
    run = commands.fleet.run(chosen, environment, [action, *_options(flags)])
    output.deliver("fleet", run)
    return run.exit_code


_FLAGS = {
    "plan": ("detailed-exitcode",),
    "apply": ("auto-approve", "due"),
    "drift": ("correct", "due", "detailed-exitcode"),
    "audit": ("detailed-exitcode",),
    "status": (),
    "matrix": (),
}
"""The flags that belong to each action."""


def _options(flags: list[str]) -> Iterator[str]:
    return (f"--{name}" for name in flags)
